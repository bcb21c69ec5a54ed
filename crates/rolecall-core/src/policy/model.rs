use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use super::{compiled::Compiled, effective::Effective, rules::RoleRules};
use crate::{Constraint, ConstraintName, Permission, PermissionPattern, RoleName};

/// A complete and valid set of roles, permissions and constraints.
///
/// The permissions of each role are computed when the policy is built, so that the cost of a query does not depend on
/// the size of the policy. A policy is immutable: to change it, build a new one
/// (see [`PolicyBuilder::from`](crate::PolicyBuilder)).
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
    pub(super) roles: BTreeMap<RoleName, Arc<RoleRules>>,
    pub(super) constraints: Arc<BTreeMap<ConstraintName, Constraint>>,
    pub(super) compiled: Arc<Compiled>,
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
    /// Returns the rules of `role`, or `None` if it does not exist.
    #[must_use]
    pub fn role(&self, role: &str) -> Option<&RoleRules> {
        self.roles.get(role).map(|rules| &**rules)
    }

    /// Returns all roles, ordered by name.
    pub fn roles(&self) -> impl Iterator<Item = (&RoleName, &RoleRules)> {
        self.roles.iter().map(|(role, rules)| (role, &**rules))
    }

    /// Returns the constraints for separation of duty, ordered by name.
    pub fn constraints(&self) -> impl Iterator<Item = (&ConstraintName, &Constraint)> {
        self.constraints.iter()
    }

    /// Returns the constraint `name`, or `None` if it does not exist.
    #[must_use]
    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.get(name)
    }

    /// Returns all permissions, ordered by name.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.compiled.permissions().iter()
    }

    /// Returns true if the permission exists, or the wildcard covers at least one that exists.
    #[must_use]
    pub fn knows(&self, pattern: &PermissionPattern) -> bool {
        self.compiled.knows(pattern)
    }

    /// Returns `roles` and every role that they inherit, directly or not; unknown names are ignored.
    pub fn closure<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> BTreeSet<RoleName> {
        let found = self
            .compiled
            .reachable(self.ids(roles), |id| self.compiled.juniors_of(id));
        self.names(&found)
    }

    /// Returns the roles that a subject has in a tenant, including inherited ones.
    ///
    /// `global` are the roles that are assigned globally, `local` those that are assigned in the tenant. The latter
    /// never give a reserved role.
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

    /// Returns `role` and every role that inherits it, directly or not.
    #[must_use]
    pub fn seniors(&self, role: &RoleName) -> BTreeSet<RoleName> {
        self.seniors_of([role])
    }

    /// Returns `roles` and every role that inherits one of them, directly or not; unknown names are ignored.
    pub fn seniors_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<RoleName> {
        let found = self
            .compiled
            .reachable(self.ids(roles), |id| self.compiled.seniors_of(id));
        self.names(&found)
    }

    /// Returns the existing permissions that `pattern` covers, ordered by name.
    pub fn covered_by(&self, pattern: &PermissionPattern) -> impl Iterator<Item = &Permission> {
        let ids = self.compiled.ids_of(pattern);
        ids.filter_map(|id| self.compiled.permission(id))
    }

    /// Returns the permissions and wildcards that `roles` and the roles they inherit hold.
    pub fn patterns_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<PermissionPattern> {
        let closure = self.closure(roles);
        let entries = closure.iter().filter_map(|role| self.role(role.as_str()));
        entries
            .flat_map(|rules| rules.permissions.clone())
            .collect()
    }

    /// Returns the permissions that `roles` and the roles they inherit give, with wildcards expanded.
    pub fn permissions_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<Permission> {
        self.effective(roles).permissions().cloned().collect()
    }

    /// Returns the combined permissions of `roles`, for repeated queries; unknown names are ignored.
    pub fn effective<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> Effective {
        let mut scratch = self.compiled.scratch();
        for set in self
            .ids(roles)
            .into_iter()
            .filter_map(|role| self.compiled.effective(role))
        {
            scratch.extend(set);
        }
        Effective::new(Arc::clone(&self.compiled), scratch.take())
    }

    /// Returns the shortest path by which `senior` inherits `junior`, both included, or `None` if it does not.
    ///
    /// Of several paths of the same length, the one whose names come first is returned.
    #[must_use]
    pub fn path(&self, senior: &RoleName, junior: &RoleName) -> Option<Vec<RoleName>> {
        let junior = self.compiled.role_id(junior.as_str())?;
        let senior = self.compiled.role_id(senior.as_str())?;
        self.compiled
            .shortest_path(&[senior], |role| role == junior, |_| true)
    }

    /// Returns the shortest path from one of `seniors` down to a role for which `is_goal` is true, both included.
    pub(crate) fn path_to<'a>(
        &self,
        seniors: impl IntoIterator<Item = &'a RoleName>,
        is_goal: impl Fn(&RoleName) -> bool,
    ) -> Option<Vec<RoleName>> {
        let is_goal = |role: u32| self.compiled.role_name(role).is_some_and(&is_goal);
        self.compiled
            .shortest_path(&self.ids(seniors), is_goal, |_| true)
    }

    /// Returns how `role` gives `permission`, or `None` if it does not.
    ///
    /// The answer is the shortest path from `role` down to a role that holds the permission itself, both included, and
    /// the pattern by which that role holds it.
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
        let own_pattern = |role: u32| self.own_pattern(self.compiled.role_name(role)?, permission);
        if !gives(role) {
            return None;
        }
        let path =
            self.compiled
                .shortest_path(&[role], |role| own_pattern(role).is_some(), gives)?;
        let pattern = self.own_pattern(path.last()?, permission)?;
        Some((path, pattern))
    }

    /// Returns the pattern by which `role` holds `permission` itself.
    fn own_pattern(&self, role: &RoleName, permission: &Permission) -> Option<PermissionPattern> {
        let held = &self.roles.get(role)?.permissions;
        let wildcard = || held.get(format!("{}:*", permission.object()).as_str());
        held.get(permission.as_str()).or_else(wildcard).cloned()
    }

    /// Returns up to `limit` roles that give `permission`, those with the fewest permissions first.
    ///
    /// A role is left out if it inherits another role in the list.
    #[must_use]
    pub fn smallest_roles_giving(&self, permission: &Permission, limit: usize) -> Vec<RoleName> {
        let mut holders = self.direct_holders(permission);
        // this sorts a senior after its juniors, even if it gives no more than they do
        holders.sort_by_key(|role| self.compiled.size(*role));
        holders.dedup();
        let mut smallest: Vec<RoleName> = Vec::new();
        // the roles that inherit one in the list
        let mut above: HashSet<u32> = HashSet::new();
        for role in holders {
            if smallest.len() == limit {
                break;
            }
            if !above.contains(&role) {
                let seniors = |id| self.compiled.seniors_of(id);
                above.extend(self.compiled.reachable([role], seniors));
                smallest.extend(self.compiled.role_name(role).cloned());
            }
        }
        smallest
    }

    /// Returns every role that gives `permission`, by itself or by inheritance.
    #[must_use]
    pub fn roles_giving(&self, permission: &Permission) -> BTreeSet<RoleName> {
        let holders = self.direct_holders(permission);
        let giving = self
            .compiled
            .reachable(holders, |id| self.compiled.seniors_of(id));
        self.names(&giving)
    }

    /// Returns the cycle that would arise if `senior` inherited `junior`, or `None` if there would be none.
    ///
    /// The cycle begins and ends with `senior`.
    #[must_use]
    pub fn cycle_with(&self, senior: &RoleName, junior: &RoleName) -> Option<Vec<RoleName>> {
        let back = self.path(junior, senior)?;
        Some(std::iter::once(senior.clone()).chain(back).collect())
    }

    /// Returns the roles that hold `permission` themselves, by its name or by a wildcard.
    fn direct_holders(&self, permission: &Permission) -> Vec<u32> {
        if self.compiled.permission_id(permission.as_str()).is_none() {
            return Vec::new();
        }
        let exact = PermissionPattern::from(permission.clone());
        let mut holders = self.compiled.holders_of(&exact).to_vec();
        if let Ok(wildcard) = format!("{}:*", permission.object()).parse() {
            holders.extend(self.compiled.holders_of(&wildcard));
        }
        holders
    }

    /// Returns the ids of the permissions that the roles give, with `local` ones held in a tenant, and the ids of the
    /// roles with those that they inherit. An id can occur twice.
    #[cfg(feature = "document")]
    pub(crate) fn given_ids<'a>(
        &self,
        global: impl IntoIterator<Item = &'a RoleName>,
        local: impl IntoIterator<Item = &'a RoleName>,
    ) -> (Vec<u32>, Vec<u32>) {
        let (global, local) = (self.ids(global), self.ids(local));
        let mut permissions = self.union_of(&global);
        let counts = |id: &u32| {
            let permission = self.compiled.permission(*id);
            permission.is_some_and(crate::counts_in_tenant)
        };
        permissions.extend(self.union_of(&local).into_iter().filter(counts));
        let juniors = |id| self.compiled.juniors_of(id);
        let mut roles = self.compiled.reachable(global, juniors);
        let is_reserved = |id: u32| {
            let role = self.compiled.role_name(id);
            role.is_some_and(RoleName::is_reserved)
        };
        let local = self.compiled.reachable(local, juniors).into_iter();
        roles.extend(local.filter(|id| !is_reserved(*id)));
        (permissions, roles)
    }

    #[cfg(feature = "document")]
    fn union_of(&self, roles: &[u32]) -> Vec<u32> {
        let mut scratch = self.compiled.scratch();
        let sets = roles
            .iter()
            .filter_map(|role| self.compiled.effective(*role));
        sets.for_each(|set| scratch.extend(set));
        scratch.take().ids()
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
