//! Roles, what they hold and inherit, and what follows from it.

mod builder;
mod compiled;
mod effective;
mod set;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use builder::PolicyBuilder;
use compiled::Compiled;
pub use effective::Effective;

use crate::{Constraint, ConstraintError, ConstraintName, Permission, PermissionPattern, RoleName};

/// What is written down about one role: what it holds itself, and which roles it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleRules {
    /// The permissions and wildcards that the role holds itself.
    pub permissions: BTreeSet<PermissionPattern>,
    /// The roles that it inherits directly (NIST RBAC: its immediate descendants).
    pub juniors: BTreeSet<RoleName>,
    /// Whether a second person must confirm that somebody is given it, or a role that inherits it.
    pub approval: bool,
}

/// Why a set of rules is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A role inherits a role that does not exist.
    #[error("role `{senior}` inherits `{junior}`, which does not exist")]
    UnknownJunior {
        /// The role that inherits.
        senior: RoleName,
        /// The role that is missing.
        junior: RoleName,
    },
    /// A role holds a permission that does not exist.
    #[error("role `{role}` holds `{permission}`, which does not exist")]
    UnknownPermission {
        /// The role that holds it.
        role: RoleName,
        /// The permission that is missing.
        permission: PermissionPattern,
    },
    /// Roles that inherit each other.
    #[error("roles may not inherit each other: {}", .0.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<RoleName>),
    /// A constraint that is none.
    #[error("constraint `{constraint}`: {error}")]
    Constraint {
        /// The constraint.
        constraint: ConstraintName,
        /// What is wrong with it.
        error: ConstraintError,
    },
}

/// Roles, what they hold and inherit: checked, without cycles, and compiled.
///
/// What each role gives is worked out when the policy is built, so that asking costs the same whatever its
/// size. A policy never changes: a changed one is built anew (see [`PolicyBuilder::from`]) and swapped whole.
///
/// ```
/// use rolecall_core::PolicyBuilder;
///
/// let mut rules = PolicyBuilder::default();
/// rules.permission("items:read".parse()?).permission("items:write".parse()?);
/// rules.grant("editor".parse()?, "items:*".parse()?).inherit("editor".parse()?, "user".parse()?).role("user".parse()?);
/// let policy = rules.build()?;
/// assert_eq!(policy.closure([&"editor".parse()?]).len(), 2);
/// assert_eq!(policy.permissions_of([&"editor".parse()?]).len(), 2);
/// assert!(policy.effective([&"editor".parse()?]).allows("items:write"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policy {
    roles: BTreeMap<RoleName, Arc<RoleRules>>,
    constraints: Arc<BTreeMap<ConstraintName, Constraint>>,
    compiled: Arc<Compiled>,
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.roles == other.roles
            && self.constraints == other.constraints
            && self.compiled.permissions() == other.compiled.permissions()
    }
}

impl Eq for Policy {}

impl Policy {
    /// The rules of one role.
    #[must_use]
    pub fn role(&self, role: &str) -> Option<&RoleRules> {
        self.roles.get(role).map(|rules| &**rules)
    }

    /// All roles, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = (&RoleName, &RoleRules)> {
        self.roles.iter().map(|(role, rules)| (role, &**rules))
    }

    /// The constraints for separation of duties, in the order of their names.
    pub fn constraints(&self) -> impl Iterator<Item = (&ConstraintName, &Constraint)> {
        self.constraints.iter()
    }

    /// One of them.
    #[must_use]
    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.get(name)
    }

    /// All permissions that exist, in the order of their names.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.compiled.permissions().iter()
    }

    /// Whether `pattern` names something that exists: a permission, or at least one of an object.
    #[must_use]
    pub fn knows(&self, pattern: &PermissionPattern) -> bool {
        self.compiled.knows(pattern)
    }

    /// `roles` and every role that they inherit; unknown names are left out.
    pub fn closure<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> BTreeSet<RoleName> {
        let found = self
            .compiled
            .reached(self.ids(roles), |id| self.compiled.juniors_of(id));
        self.names(&found)
    }

    /// The roles that whoever has `global` ones, and `local` ones in a tenant, counts as there: of what the local
    /// ones come to none of rolecall's own, which are global.
    pub fn closure_in_tenant<'a>(
        &self,
        global: impl IntoIterator<Item = &'a RoleName>,
        local: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<RoleName> {
        let mut roles = self.closure(global);
        let local = self.closure(local).into_iter();
        roles.extend(local.filter(|role| !role.is_reserved()));
        roles
    }

    /// `role` and every role that inherits it, directly or not.
    #[must_use]
    pub fn seniors(&self, role: &RoleName) -> BTreeSet<RoleName> {
        let found = self
            .compiled
            .reached(self.ids([role]), |id| self.compiled.seniors_of(id));
        self.names(&found)
    }

    /// What `roles` and all that they inherit hold, wildcards not expanded.
    pub fn patterns_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<PermissionPattern> {
        let closure = self.closure(roles);
        let written = closure.iter().filter_map(|role| self.role(role.as_str()));
        written.flat_map(|one| one.permissions.clone()).collect()
    }

    /// The permissions that `roles` and all that they inherit give, wildcards expanded.
    pub fn permissions_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<Permission> {
        self.effective(roles).permissions().cloned().collect()
    }

    /// What `roles` give together, made ready to be asked many times; unknown names give nothing.
    pub fn effective<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> Effective {
        let mut scratch = self.compiled.scratch();
        for set in self
            .ids(roles)
            .into_iter()
            .filter_map(|role| self.compiled.effective(role))
        {
            scratch.unite(set);
        }
        Effective::new(Arc::clone(&self.compiled), scratch.take())
    }

    /// How `senior` inherits `junior`: the roles from the one to the other, both included.
    #[must_use]
    pub fn path(&self, senior: &RoleName, junior: &RoleName) -> Option<Vec<RoleName>> {
        let junior = self.compiled.role_id(junior.as_str())?;
        let senior = self.compiled.role_id(senior.as_str())?;
        self.compiled
            .way_down(senior, |role| role == junior, |_| true)
    }

    /// The shortest way from `senior` down to a role that `is_goal`.
    pub(crate) fn way_to(
        &self,
        senior: &RoleName,
        is_goal: impl Fn(&RoleName) -> bool,
    ) -> Option<Vec<RoleName>> {
        let senior = self.compiled.role_id(senior.as_str())?;
        let is_goal = |role: u32| self.compiled.role_name(role).is_some_and(&is_goal);
        self.compiled.way_down(senior, is_goal, |_| true)
    }

    /// How `role` comes to hold `permission`: the way down to the role that holds it, and what that one
    /// holds, the permission itself or the wildcard of its object.
    #[must_use]
    pub fn derivation(
        &self,
        role: &RoleName,
        permission: &Permission,
    ) -> Option<(Vec<RoleName>, PermissionPattern)> {
        let id = self.compiled.permission_id(permission.as_str())?;
        let role = self.compiled.role_id(role.as_str())?;
        let gives = |role: u32| {
            self.compiled
                .effective(role)
                .is_some_and(|set| set.contains(id))
        };
        let held_by = |role: u32| self.pattern_held(self.compiled.role_name(role)?, permission);
        if !gives(role) {
            return None;
        }
        let path = self
            .compiled
            .way_down(role, |role| held_by(role).is_some(), gives)?;
        let pattern = self.pattern_held(path.last()?, permission)?;
        Some((path, pattern))
    }

    /// By what `role` itself holds `permission`.
    fn pattern_held(&self, role: &RoleName, permission: &Permission) -> Option<PermissionPattern> {
        let held = &self.roles.get(role)?.permissions;
        let wildcard = || held.get(format!("{}:*", permission.object()).as_str());
        held.get(permission.as_str()).or_else(wildcard).cloned()
    }

    /// The roles that give `permission` and inherit none that gives it too, who gives least first; at most
    /// `limit` of them.
    #[must_use]
    pub fn smallest_giving(&self, permission: &Permission, limit: usize) -> Vec<RoleName> {
        let mut holders = self.direct_holders(permission);
        // a senior stands after all that it inherits, also after those that give as much
        holders.sort_by_key(|role| self.compiled.size(*role));
        holders.dedup();
        let names = holders
            .iter()
            .filter_map(|role| self.compiled.role_name(*role));
        let mut smallest: Vec<RoleName> = Vec::new();
        for role in names {
            if smallest.len() == limit {
                break;
            }
            if !smallest
                .iter()
                .any(|smaller| self.path(role, smaller).is_some())
            {
                smallest.push(role.clone());
            }
        }
        smallest
    }

    /// Every role that gives `permission`, by itself or by inheritance.
    #[must_use]
    pub fn all_giving(&self, permission: &Permission) -> BTreeSet<RoleName> {
        let holders = self.direct_holders(permission);
        let giving = self
            .compiled
            .reached(holders, |id| self.compiled.seniors_of(id));
        self.names(&giving)
    }

    /// The cycle that would arise if `senior` inherited `junior`: it begins and ends with `senior`.
    #[must_use]
    pub fn cycle_with(&self, senior: &RoleName, junior: &RoleName) -> Option<Vec<RoleName>> {
        let back = self.path(junior, senior)?;
        Some(std::iter::once(senior.clone()).chain(back).collect())
    }

    /// The roles that hold `permission` themselves, by its name or by a wildcard.
    fn direct_holders(&self, permission: &Permission) -> Vec<u32> {
        if self.compiled.permission_id(permission.as_str()).is_none() {
            return Vec::new();
        }
        let exactly = PermissionPattern::from(permission.clone());
        let mut holders = self.compiled.holders_of(&exactly).to_vec();
        if let Ok(wildcard) = format!("{}:*", permission.object()).parse() {
            holders.extend(self.compiled.holders_of(&wildcard));
        }
        holders
    }

    fn ids<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> Vec<u32> {
        let known = roles
            .into_iter()
            .filter_map(|role| self.compiled.role_id(role.as_str()));
        known.collect()
    }

    fn names(&self, roles: &[u32]) -> BTreeSet<RoleName> {
        roles
            .iter()
            .filter_map(|role| self.compiled.role_name(*role))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests;
