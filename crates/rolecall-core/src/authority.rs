//! The delegation limit: a caller can give to others only what the caller holds.

use std::collections::BTreeSet;

use crate::{
    Permission, PermissionPattern, Policy, RoleName, assignment::pattern_counts_in_tenant,
};

/// The permissions and roles that a caller may give to others: all that the caller holds (the delegation limit).
///
/// ANSI INCITS 359 has no administrative model. The limit follows the idea of ARBAC97 that administrators grant at most
/// what they administer. Applications may check for a role by its name, unless the role states that it does not work
/// [by name](crate::RoleRules::by_name), so the caller must have the role itself to give it to others. The exception is
/// the `open` roles, which everyone gets by registering.
///
/// ```
/// use std::collections::BTreeSet;
/// use rolecall_core::{Authority, PolicyBuilder};
///
/// let mut rules = PolicyBuilder::default();
/// rules.permission("items:read".parse()?).permission("items:write".parse()?);
/// rules.grant("reader".parse()?, "items:read".parse()?).grant("editor".parse()?, "items:*".parse()?);
/// let policy = rules.build()?;
///
/// let unlimited_by = "rolecall.assignments:any".parse()?;
/// let reader = Authority::of(&policy, [&"reader".parse()?], &unlimited_by);
/// let open = BTreeSet::new();
/// assert!(reader.covers(&policy, [&"reader".parse()?], &open).is_ok());
/// let excess = reader.covers(&policy, [&"editor".parse()?], &open).unwrap_err();
/// assert_eq!(excess.permissions, ["items:*".parse()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    patterns: BTreeSet<PermissionPattern>,
    roles: BTreeSet<RoleName>,
    unlimited: bool,
}

/// The permissions and roles of a target that exceed the caller's [`Authority`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    /// Permissions that the target holds and the caller does not.
    pub permissions: Vec<PermissionPattern>,
    /// Roles that work by their name, which the target holds and the caller does not.
    pub roles: Vec<RoleName>,
    /// The path from a target role down to the role that holds the first item of `permissions`, or else is the first of
    /// `roles`, both included.
    pub path: Vec<RoleName>,
}

/// The extent of the target's roles, which decides what they give.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Global,
    /// Reserved roles and permissions do not count, except for the permissions on assignments.
    Tenant,
}

impl Extent {
    fn counts(self, pattern: &PermissionPattern) -> bool {
        self == Self::Global || pattern_counts_in_tenant(pattern)
    }

    fn counts_role(self, role: &RoleName) -> bool {
        self == Self::Global || !role.is_reserved()
    }
}

impl Authority {
    /// Returns the authority over everything, for the local command line and for rolecall itself at its first start.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            unlimited: true,
            ..Self::default()
        }
    }

    /// Returns the authority of a caller with global `roles`; the permission `unlimited_by` lifts the limit.
    pub fn of<'a>(
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        unlimited_by: &Permission,
    ) -> Self {
        let roles = policy.closure(roles);
        let patterns = policy.patterns_of(&roles);
        let unlimited = patterns.iter().any(|pattern| pattern.matches(unlimited_by));
        Self {
            patterns,
            roles,
            unlimited,
        }
    }

    /// Returns the authority within a tenant of a caller with `roles` there.
    ///
    /// It includes no reserved roles, and of the reserved permissions only those that
    /// [count in a tenant](crate::counts_in_tenant).
    pub fn in_tenant<'a>(
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        unlimited_by: &Permission,
    ) -> Self {
        let Self {
            mut patterns,
            mut roles,
            unlimited,
        } = Self::of(policy, roles, unlimited_by);
        patterns.retain(|pattern| Extent::Tenant.counts(pattern));
        roles.retain(|role| Extent::Tenant.counts_role(role));
        Self {
            patterns,
            roles,
            unlimited,
        }
    }

    /// Combines two authorities, such as the global one with the one in a tenant.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.patterns.extend(other.patterns);
        self.roles.extend(other.roles);
        self.unlimited |= other.unlimited;
        self
    }

    /// Limits the authority to the `roles` and `scope` of the caller's token.
    ///
    /// A token that was narrowed on purpose cannot give away more than it carries. A wildcard stays only if the token
    /// carries every permission of its object.
    #[must_use]
    pub fn limit_to_token(
        self,
        policy: &Policy,
        roles: &BTreeSet<RoleName>,
        scope: &BTreeSet<Permission>,
        unlimited_by: &Permission,
    ) -> Self {
        let unlimited = self.unlimited && scope.contains(unlimited_by);
        let carried = |pattern: &PermissionPattern| match pattern.as_permission() {
            Some(permission) => scope.contains(&permission),
            None => policy
                .covered_by(pattern)
                .all(|permission| scope.contains(permission)),
        };
        let held: BTreeSet<PermissionPattern> = scope
            .iter()
            .filter(|permission| self.holds(permission))
            .cloned()
            .map(PermissionPattern::from)
            .collect();
        Self {
            patterns: self
                .patterns
                .into_iter()
                .filter(carried)
                .chain(held)
                .collect(),
            roles: self.roles.intersection(roles).cloned().collect(),
            unlimited,
        }
    }

    /// Returns true if the delegation limit does not apply.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.unlimited
    }

    /// Returns true if the caller holds `permission`. An unlimited authority does not hold every permission.
    #[must_use]
    pub fn holds(&self, permission: &Permission) -> bool {
        let wildcard = format!("{}:*", permission.object());
        self.patterns.contains(permission.as_str()) || self.patterns.contains(wildcard.as_str())
    }

    /// Returns true if the caller has `role`, or the limit does not apply.
    #[must_use]
    pub fn has_role(&self, role: &RoleName) -> bool {
        self.unlimited || self.roles.contains(role)
    }

    /// Checks that the caller holds all that the target `roles` hold and inherit, and has those of them that work by
    /// their name.
    ///
    /// `open` are the roles that everyone may have.
    ///
    /// # Errors
    ///
    /// The [`Excess`]: what the target holds and the caller does not.
    pub fn covers<'a>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        open: &BTreeSet<RoleName>,
    ) -> Result<(), Excess> {
        self.covers_within(policy, roles, open, Extent::Global)
    }

    /// Checks the same as [`covers`](Self::covers) for target roles that are held within a tenant.
    ///
    /// Only those of their permissions that [count in a tenant](crate::counts_in_tenant) are needed.
    ///
    /// # Errors
    ///
    /// The [`Excess`]: what the target holds and the caller does not.
    pub fn covers_in_tenant<'a>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        open: &BTreeSet<RoleName>,
    ) -> Result<(), Excess> {
        self.covers_within(policy, roles, open, Extent::Tenant)
    }

    fn covers_within<'a>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        open: &BTreeSet<RoleName>,
        extent: Extent,
    ) -> Result<(), Excess> {
        if self.unlimited {
            return Ok(());
        }
        let targets: Vec<&RoleName> = roles.into_iter().collect();
        let closure = policy.closure(targets.iter().copied());
        // an application may check for such a role by its name, whatever permissions it holds
        let works_by_name = |role: &&RoleName| {
            extent.counts_role(role)
                && policy
                    .role(role.as_str())
                    .is_some_and(|rules| rules.by_name)
        };
        let missing_roles = closure
            .iter()
            .filter(works_by_name)
            .filter(|role| !self.roles.contains(*role) && !open.contains(*role));
        let mut needed = policy.patterns_of(&closure);
        needed.retain(|pattern| extent.counts(pattern));
        self.check_patterns(needed, missing_roles.cloned().collect())
            .map_err(|excess| Excess {
                path: path_to_excess(policy, &targets, &excess),
                ..excess
            })
    }

    /// Checks that the caller holds `pattern`.
    ///
    /// # Errors
    ///
    /// The [`Excess`]: the pattern itself.
    pub fn covers_pattern(&self, pattern: &PermissionPattern) -> Result<(), Excess> {
        if self.unlimited {
            return Ok(());
        }
        self.check_patterns([pattern.clone()], Vec::new())
    }

    /// Checks that the caller holds all `needed` patterns; `missing_roles` become part of the error.
    fn check_patterns(
        &self,
        needed: impl IntoIterator<Item = PermissionPattern>,
        missing_roles: Vec<RoleName>,
    ) -> Result<(), Excess> {
        let is_held = |needed: &PermissionPattern| match needed.as_permission() {
            Some(permission) => self.holds(&permission),
            // a wildcard also covers permissions that are created later, so holding all of today's is not enough
            None => self.patterns.contains(needed.as_str()),
        };
        let permissions: Vec<_> = needed
            .into_iter()
            .filter(|pattern| !is_held(pattern))
            .collect();
        if permissions.is_empty() && missing_roles.is_empty() {
            Ok(())
        } else {
            Err(Excess {
                permissions,
                roles: missing_roles,
                path: Vec::new(),
            })
        }
    }
}

/// Returns the shortest path from one of `targets` down to a role that holds, or is, the first item of `excess`.
fn path_to_excess(policy: &Policy, targets: &[&RoleName], excess: &Excess) -> Vec<RoleName> {
    let holds_first = |role: &RoleName| match excess.permissions.first() {
        Some(first) => {
            let rules = policy.role(role.as_str());
            rules.is_some_and(|rules| rules.permissions.contains(first))
        }
        None => excess.roles.first() == Some(role),
    };
    let path = policy.path_to(targets.iter().copied(), holds_first);
    path.unwrap_or_default()
}

#[cfg(test)]
mod tests;
