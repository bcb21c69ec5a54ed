//! The roles and permissions that one change of a policy affects.

use rolecall_core::{
    Acr, ConstraintName, Permission, Policy, RoleName, document::PolicyChange as Edit,
};

/// The effect of one change, by which the caller's rights are checked, tokens end, and other nodes read the policy.
#[derive(Default)]
pub(super) struct Affected<'a> {
    /// A role that the change creates.
    pub(super) created: Option<&'a RoleName>,
    /// The caller must hold what these roles gave before all changes.
    pub(super) before: Vec<&'a RoleName>,
    /// The caller must hold what these roles give after all changes.
    pub(super) after: Vec<&'a RoleName>,
    /// A constraint changes its roles: of those that everyone gets by registering, the caller must have each itself.
    pub(super) constrained: Vec<&'a RoleName>,
    /// The caller must hold this permission.
    pub(super) permission: Option<&'a Permission>,
    /// This role loses something.
    pub(super) losing: Option<&'a RoleName>,
    /// This role and every role below it are lost.
    pub(super) losing_below: Option<&'a RoleName>,
    /// The roles that hold the wildcard of this object lose something.
    pub(super) losing_wildcard: Option<&'a str>,
    /// The part of the policy that other nodes have to read again.
    pub(super) reload: Reload<'a>,
}

/// A part of the policy that other nodes have to read again.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reload<'a> {
    /// Descriptions are not part of the compiled policy.
    #[default]
    Nothing,
    Role(&'a RoleName),
    Permission(&'a Permission),
    Policy,
}

/// Returns what `edit` affects. `policy` is the one before all changes.
pub(super) fn affected<'a>(edit: &'a Edit, policy: &'a Policy) -> Affected<'a> {
    match edit {
        Edit::PermissionCreated { permission, .. } => Affected {
            reload: Reload::Permission(permission),
            ..Affected::default()
        },
        Edit::PermissionDescribed { permission, .. } => Affected {
            permission: Some(permission),
            ..Affected::default()
        },
        Edit::PermissionDeleted { permission } => Affected {
            permission: Some(permission),
            losing_wildcard: Some(permission.object()),
            reload: Reload::Permission(permission),
            ..Affected::default()
        },
        // a name that no subject has gives nothing
        Edit::RoleCreated { role, .. } => Affected {
            created: Some(role),
            reload: Reload::Role(role),
            ..Affected::default()
        },
        Edit::RoleDescribed { role, .. } => Affected {
            before: vec![role],
            ..Affected::default()
        },
        Edit::RoleApproval { role, .. } => changed(role),
        // the roles below it too, as with a role that is deleted: sessions lose them that do not reach it any more
        Edit::RoleAcr { role, acr } => Affected {
            losing_below: is_raised(policy, role, *acr).then_some(role),
            ..changed(role)
        },
        // the roles below it too: a token may carry just one of them, activated through this role
        Edit::RoleDeleted { role } => Affected {
            losing_below: Some(role),
            ..changed(role)
        },
        // only a caller who has the role may change whether it works by its name
        Edit::RoleByName { role, .. } | Edit::PermissionGranted { role, .. } => Affected {
            after: vec![role],
            ..changed(role)
        },
        Edit::PermissionRevoked { role, .. } => Affected {
            losing: Some(role),
            ..changed(role)
        },
        Edit::JuniorAdded { role, junior } => Affected {
            before: vec![role, junior],
            after: vec![role],
            ..changed(role)
        },
        Edit::JuniorRemoved { role, junior } => Affected {
            losing: Some(role),
            losing_below: Some(junior),
            ..changed(role)
        },
        // weaker or stronger, a constraint is about all that its roles hold
        Edit::ConstraintCreated { constraint, rule }
        | Edit::ConstraintReplaced { constraint, rule } => Affected {
            before: roles_of(policy, constraint),
            after: rule.roles.iter().collect(),
            constrained: rule
                .roles
                .iter()
                .chain(roles_of(policy, constraint))
                .collect(),
            reload: Reload::Policy,
            ..Affected::default()
        },
        Edit::ConstraintDeleted { constraint } => Affected {
            before: roles_of(policy, constraint),
            constrained: roles_of(policy, constraint),
            reload: Reload::Policy,
            ..Affected::default()
        },
    }
}

fn is_raised(policy: &Policy, role: &RoleName, acr: Acr) -> bool {
    let before = policy.role(role.as_str());
    before.is_some_and(|rules| acr > rules.acr)
}

/// A change of an existing role, which the caller must hold.
fn changed(role: &RoleName) -> Affected<'_> {
    Affected {
        before: vec![role],
        reload: Reload::Role(role),
        ..Affected::default()
    }
}

/// Returns the roles that a constraint lists.
fn roles_of<'p>(policy: &'p Policy, name: &ConstraintName) -> Vec<&'p RoleName> {
    let constraint = policy.constraint(name.as_str());
    constraint.into_iter().flat_map(|one| &one.roles).collect()
}
