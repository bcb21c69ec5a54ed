use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Policy, PolicyError, RoleRules, compiled::Compiled};
use crate::{Constraint, ConstraintError, ConstraintName, Permission, PermissionPattern, RoleName};

/// Collects rules; [`build`](Self::build) checks them and makes a [`Policy`].
#[derive(Clone, Debug, Default)]
pub struct PolicyBuilder {
    roles: BTreeMap<RoleName, Arc<RoleRules>>,
    permissions: BTreeSet<Permission>,
    constraints: Arc<BTreeMap<ConstraintName, Constraint>>,
}

impl From<&Policy> for PolicyBuilder {
    /// Begins with the rules of `policy`: names and rules are shared, not copied.
    fn from(policy: &Policy) -> Self {
        Self {
            roles: policy.roles.clone(),
            permissions: policy.permissions().cloned().collect(),
            constraints: Arc::clone(&policy.constraints),
        }
    }
}

impl PolicyBuilder {
    /// Declares a permission.
    pub fn permission(&mut self, permission: Permission) -> &mut Self {
        self.permissions.insert(permission);
        self
    }

    /// Takes a permission back. Roles that hold it by name make [`build`](Self::build) fail.
    pub fn remove_permission(&mut self, permission: &Permission) -> &mut Self {
        self.permissions.remove(permission);
        self
    }

    /// Declares a role, if it is not yet declared.
    pub fn role(&mut self, role: RoleName) -> &mut Self {
        self.roles.entry(role).or_default();
        self
    }

    /// Replaces all that is written down about a role, or declares it.
    pub fn set_role(&mut self, role: RoleName, rules: RoleRules) -> &mut Self {
        self.roles.insert(role, Arc::new(rules));
        self
    }

    /// Takes a role back, and from every role that inherits it directly. A constraint about it makes
    /// [`build`](Self::build) fail.
    pub fn remove_role(&mut self, role: &RoleName) -> &mut Self {
        self.roles.remove(role);
        for rules in self.roles.values_mut() {
            if rules.juniors.contains(role) {
                Arc::make_mut(rules).juniors.remove(role);
            }
        }
        self
    }

    /// Lets `role` hold `permission`.
    pub fn grant(&mut self, role: RoleName, permission: PermissionPattern) -> &mut Self {
        self.rules(role).permissions.insert(permission);
        self
    }

    /// Lets `senior` inherit `junior`.
    pub fn inherit(&mut self, senior: RoleName, junior: RoleName) -> &mut Self {
        self.rules(senior).juniors.insert(junior);
        self
    }

    /// Says whether a second person must confirm that somebody is given `role`.
    pub fn approval(&mut self, role: RoleName, needed: bool) -> &mut Self {
        self.rules(role).approval = needed;
        self
    }

    /// Declares a constraint for separation of duties, or replaces it.
    pub fn constraint(&mut self, name: ConstraintName, constraint: Constraint) -> &mut Self {
        Arc::make_mut(&mut self.constraints).insert(name, constraint);
        self
    }

    /// Takes a constraint back.
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
    /// A [`PolicyError`] that names the first role, permission, cycle or constraint that does not fit.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let compiled = Compiled::new(&self.roles, self.permissions)?;
        check(&self.constraints, &self.roles)?;
        Ok(Policy {
            roles: self.roles,
            constraints: self.constraints,
            compiled: Arc::new(compiled),
        })
    }
}

/// Each constraint has numbers that fit, and is about roles that exist.
fn check(
    constraints: &BTreeMap<ConstraintName, Constraint>,
    roles: &BTreeMap<RoleName, Arc<RoleRules>>,
) -> Result<(), PolicyError> {
    for (name, constraint) in constraints {
        let unknown = constraint
            .roles
            .iter()
            .find(|role| !roles.contains_key(*role));
        let checked = match unknown {
            Some(role) => Err(ConstraintError::UnknownRole(role.clone())),
            None => constraint.check(),
        };
        checked.map_err(|error| PolicyError::Constraint {
            constraint: name.clone(),
            error,
        })?;
    }
    Ok(())
}
