//! A role as callers see it.

use rolecall_core::{Acr, PermissionPattern, Policy, RoleName, RoleRules};

use super::store::Role;

/// A role with the permissions that it holds itself and the roles that it inherits directly.
#[derive(Clone, Debug)]
pub(crate) struct RoleDetails {
    pub(crate) role: Role,
    pub(crate) permissions: Vec<PermissionPattern>,
    pub(crate) juniors: Vec<RoleName>,
    /// True if a second person must approve each assignment of the role.
    pub(crate) approval: bool,
    /// True if applications may check for the role by its name.
    pub(crate) by_name: bool,
    /// The assurance that a session needs to have the role.
    pub(crate) acr: Acr,
}

impl RoleDetails {
    pub(super) fn new(role: Role, rules: RoleRules) -> Self {
        Self {
            role,
            permissions: rules.permissions.into_iter().collect(),
            juniors: rules.juniors.into_iter().collect(),
            approval: rules.approval,
            by_name: rules.by_name,
            acr: rules.acr,
        }
    }

    /// Returns a role with its rules in `policy`.
    pub(super) fn under(policy: &Policy, role: Role) -> Self {
        let rules = rules_of(policy, &role.name);
        Self::new(role, rules)
    }
}

/// Returns the rules of a role, which are empty if the role is new.
pub(super) fn rules_of(policy: &Policy, name: &RoleName) -> RoleRules {
    policy.role(name.as_str()).cloned().unwrap_or_default()
}
