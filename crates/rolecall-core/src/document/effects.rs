use std::collections::BTreeSet;

use serde::Serialize;

use super::diff::PolicyChange;
use crate::{Permission, Policy, RoleName};

/// The permissions and roles that a role or subject gains and loses by a change, including inherited ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoleEffect {
    /// Permissions that are gained.
    pub gains: BTreeSet<Permission>,
    /// Permissions that are lost.
    pub loses: BTreeSet<Permission>,
    /// Roles that are gained.
    pub gains_roles: BTreeSet<RoleName>,
    /// Roles that are lost.
    pub loses_roles: BTreeSet<RoleName>,
}

impl RoleEffect {
    /// Returns the effect of the change from policy `old` to policy `new` on a subject with `roles`.
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

    /// Returns the difference between two sets of permissions and roles.
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

    /// Returns true if nothing is gained or lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns the roles that `changes` can affect: the changed roles, and all roles that inherit one of them.
#[must_use]
pub fn affected_roles(old: &Policy, new: &Policy, changes: &[PolicyChange]) -> BTreeSet<RoleName> {
    let mut direct: BTreeSet<RoleName> = BTreeSet::new();
    let mut objects: BTreeSet<&str> = BTreeSet::new();
    for change in changes {
        match change {
            PolicyChange::RoleDescribed { .. } | PolicyChange::RoleApproval { .. } => {}
            PolicyChange::PermissionCreated { permission, .. }
            | PolicyChange::PermissionDeleted { permission } => {
                objects.insert(permission.object());
            }
            other => direct.extend(other.role().cloned()),
        }
    }
    for (role, rules) in old.roles().chain(new.roles()) {
        // a wildcard covers permissions that are created, and no longer covers those that are deleted
        let mut wildcards = rules
            .permissions
            .iter()
            .filter_map(|pattern| pattern.wildcard_object());
        if wildcards.any(|object| objects.contains(object)) {
            direct.insert(role.clone());
        }
    }
    let mut affected = BTreeSet::new();
    for role in &direct {
        affected.extend(old.seniors(role));
        affected.extend(new.seniors(role));
    }
    affected.extend(direct);
    affected
}

/// Returns the roles that gain or lose something through `changes`, each with its effect, ordered by name.
#[must_use]
pub fn role_effects(
    old: &Policy,
    new: &Policy,
    changes: &[PolicyChange],
) -> Vec<(RoleName, RoleEffect)> {
    affected_roles(old, new, changes)
        .into_iter()
        .map(|role| {
            let effect = RoleEffect::between(old, new, [&role]);
            (role, effect)
        })
        .filter(|(_, effect)| !effect.is_empty())
        .collect()
}
