use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    compiled::Compiled,
    model::Policy,
    rules::{PolicyError, RoleRules},
};
use crate::{
    Acr, Constraint, ConstraintError, ConstraintName, Permission, PermissionPattern, RoleName,
};

/// Collects rules, which [`build`](Self::build) checks and compiles to a [`Policy`].
///
/// ```
/// use rolecall_core::PolicyBuilder;
///
/// let mut rules = PolicyBuilder::default();
/// rules.permission("items:read".parse()?).grant("reader".parse()?, "items:read".parse()?);
/// let policy = rules.build()?;
///
/// let mut changed = PolicyBuilder::from(&policy);
/// changed.inherit("editor".parse()?, "reader".parse()?);
/// assert!(changed.build()?.effective([&"editor".parse()?]).allows("items:read"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PolicyBuilder {
    roles: BTreeMap<RoleName, Arc<RoleRules>>,
    permissions: BTreeSet<Permission>,
    constraints: Arc<BTreeMap<ConstraintName, Constraint>>,
}

impl From<&Policy> for PolicyBuilder {
    /// Starts from the rules of `policy`, whose names and rules are shared, not copied.
    fn from(policy: &Policy) -> Self {
        Self {
            roles: policy.roles.clone(),
            permissions: policy.permissions().cloned().collect(),
            constraints: Arc::clone(&policy.constraints),
        }
    }
}

impl PolicyBuilder {
    /// Adds a permission.
    pub fn permission(&mut self, permission: Permission) -> &mut Self {
        self.permissions.insert(permission);
        self
    }

    /// Removes a permission. [`build`](Self::build) fails if a role still holds it by name.
    pub fn remove_permission(&mut self, permission: &Permission) -> &mut Self {
        self.permissions.remove(permission);
        self
    }

    /// Adds a role, unless it exists.
    pub fn role(&mut self, role: RoleName) -> &mut Self {
        self.roles.entry(role).or_default();
        self
    }

    /// Adds a role with `rules`, or replaces its rules.
    pub fn set_role(&mut self, role: RoleName, rules: RoleRules) -> &mut Self {
        self.roles.insert(role, Arc::new(rules));
        self
    }

    /// Removes a role, also from the roles that inherit it. [`build`](Self::build) fails if a constraint still names
    /// it.
    pub fn remove_role(&mut self, role: &RoleName) -> &mut Self {
        self.remove_roles(&BTreeSet::from([role.clone()]))
    }

    /// Removes roles, also from the roles that inherit them, in one pass.
    pub fn remove_roles(&mut self, roles: &BTreeSet<RoleName>) -> &mut Self {
        if roles.is_empty() {
            return self;
        }
        self.roles.retain(|role, _| !roles.contains(role));
        for rules in self.roles.values_mut() {
            if rules.juniors.iter().any(|junior| roles.contains(junior)) {
                let juniors = &mut Arc::make_mut(rules).juniors;
                juniors.retain(|junior| !roles.contains(junior));
            }
        }
        self
    }

    /// Grants `permission` to `role`, which is added if necessary.
    pub fn grant(&mut self, role: RoleName, permission: PermissionPattern) -> &mut Self {
        self.rules(role).permissions.insert(permission);
        self
    }

    /// Makes `senior` inherit `junior`. `senior` is added if necessary, `junior` is not.
    pub fn inherit(&mut self, senior: RoleName, junior: RoleName) -> &mut Self {
        self.rules(senior).juniors.insert(junior);
        self
    }

    /// Sets whether a second person must confirm assignments of `role`, which is added if necessary.
    pub fn approval(&mut self, role: RoleName, required: bool) -> &mut Self {
        self.rules(role).approval = required;
        self
    }

    /// Sets whether applications may check for `role` by its name. The role is added if necessary.
    pub fn by_name(&mut self, role: RoleName, by_name: bool) -> &mut Self {
        self.rules(role).by_name = by_name;
        self
    }

    /// Sets the assurance that a session needs to have `role`, which is added if necessary.
    pub fn acr(&mut self, role: RoleName, acr: Acr) -> &mut Self {
        self.rules(role).acr = acr;
        self
    }

    /// Adds or replaces a constraint.
    pub fn constraint(&mut self, name: ConstraintName, constraint: Constraint) -> &mut Self {
        Arc::make_mut(&mut self.constraints).insert(name, constraint);
        self
    }

    /// Removes a constraint.
    pub fn remove_constraint(&mut self, name: &ConstraintName) -> &mut Self {
        Arc::make_mut(&mut self.constraints).remove(name);
        self
    }

    fn rules(&mut self, role: RoleName) -> &mut RoleRules {
        Arc::make_mut(self.roles.entry(role).or_default())
    }

    /// Checks the rules and compiles them.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names the first unknown role or permission, cycle or faulty constraint.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let policy = self.build_without_constraints()?;
        check_constraints(&policy.constraints, &policy.roles)?;
        Ok(policy)
    }

    /// As [`build`](Self::build), without a check of the constraints.
    pub(super) fn build_without_constraints(self) -> Result<Policy, PolicyError> {
        let compiled = Compiled::new(&self.roles, self.permissions)?;
        Ok(Policy {
            roles: self.roles,
            constraints: self.constraints,
            compiled: Arc::new(compiled),
        })
    }
}

/// Checks that each constraint is valid and names only roles that exist.
fn check_constraints(
    constraints: &BTreeMap<ConstraintName, Constraint>,
    roles: &BTreeMap<RoleName, Arc<RoleRules>>,
) -> Result<(), PolicyError> {
    for (name, constraint) in constraints {
        let unknown = constraint
            .roles
            .iter()
            .find(|role| !roles.contains_key(*role));
        let result = match unknown {
            Some(role) => Err(ConstraintError::UnknownRole(role.clone())),
            None => constraint.check(),
        };
        result.map_err(|error| PolicyError::Constraint {
            constraint: name.clone(),
            error,
        })?;
    }
    Ok(())
}
