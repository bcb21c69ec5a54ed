use std::collections::BTreeSet;

use serde::Serialize;

use super::Change;
use crate::{Permission, Policy, RoleName};

/// How what a role gives changes, counting all that it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoleEffect {
    /// Permissions that it gives from now on.
    pub gains: BTreeSet<Permission>,
    /// Permissions that it does not give any more.
    pub loses: BTreeSet<Permission>,
    /// Roles that it counts as from now on.
    pub gains_roles: BTreeSet<RoleName>,
    /// Roles that it does not count as any more.
    pub loses_roles: BTreeSet<RoleName>,
}

impl RoleEffect {
    /// Between two policies, for whoever has these roles.
    pub fn between<'r>(
        old: &Policy,
        new: &Policy,
        roles: impl IntoIterator<Item = &'r RoleName> + Clone,
    ) -> Self {
        Self::of(
            (
                &old.permissions_of(roles.clone()),
                &old.closure(roles.clone()),
            ),
            (&new.permissions_of(roles.clone()), &new.closure(roles)),
        )
    }

    /// Between what was given, permissions and roles, and what is.
    #[must_use]
    pub fn of(
        old: (&BTreeSet<Permission>, &BTreeSet<RoleName>),
        new: (&BTreeSet<Permission>, &BTreeSet<RoleName>),
    ) -> Self {
        Self {
            gains: new.0.difference(old.0).cloned().collect(),
            loses: old.0.difference(new.0).cloned().collect(),
            gains_roles: new.1.difference(old.1).cloned().collect(),
            loses_roles: old.1.difference(new.1).cloned().collect(),
        }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The roles for which something may change: those that are touched, and all that inherit one of them.
#[must_use]
pub fn affected_roles(old: &Policy, new: &Policy, changes: &[Change]) -> BTreeSet<RoleName> {
    let mut touched: BTreeSet<RoleName> = BTreeSet::new();
    let mut objects: BTreeSet<&str> = BTreeSet::new();
    for change in changes {
        match change {
            Change::RoleDescribed { .. } | Change::RoleApproval { .. } => {}
            Change::PermissionCreated { permission, .. }
            | Change::PermissionDeleted { permission } => {
                objects.insert(permission.object());
            }
            other => touched.extend(other.role().cloned()),
        }
    }
    for (role, rules) in old.roles().chain(new.roles()) {
        // a wildcard covers what is made, and no more what goes
        let mut wildcards = rules
            .permissions
            .iter()
            .filter_map(|held| held.wildcard_object());
        if wildcards.any(|object| objects.contains(object)) {
            touched.insert(role.clone());
        }
    }
    let mut affected = BTreeSet::new();
    for role in &touched {
        affected.extend(old.seniors(role));
        affected.extend(new.seniors(role));
    }
    affected.extend(touched);
    affected
}

/// What changes for each role, counting all that it inherits; roles for which nothing changes are left out.
#[must_use]
pub fn effects(old: &Policy, new: &Policy, changes: &[Change]) -> Vec<(RoleName, RoleEffect)> {
    affected_roles(old, new, changes)
        .into_iter()
        .map(|role| {
            let effect = RoleEffect::between(old, new, [&role]);
            (role, effect)
        })
        .filter(|(_, effect)| !effect.is_nothing())
        .collect()
}
