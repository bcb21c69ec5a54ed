//! The imaginary callers of an access matrix.

use rolecall_core::{Acr, Policy, RoleName};

use crate::rule::Holder;

/// An imaginary caller, for a column or a single cell of the matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The roles, including inherited ones.
    pub roles: Vec<String>,
    /// The permissions.
    pub permissions: Vec<String>,
    /// The tenant for which the caller's token is issued; then the caller holds nothing globally.
    pub tenant: Option<String>,
    /// The assurance of the caller's session.
    pub acr: Acr,
    /// The roles that only the assurance keeps out of the token.
    pub step_up: Vec<String>,
    /// True for a sign-in that is too old for every rule that limits its age.
    pub is_stale: bool,
    /// The role that was assigned to the caller, of which the others follow.
    pub(crate) assigned: Option<String>,
}

impl Holder for Caller {
    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    fn has_permission(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }

    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    fn has_global_role(&self, role: &str) -> bool {
        self.tenant.is_none() && self.has_role(role)
    }

    fn has_global_permission(&self, permission: &str) -> bool {
        self.tenant.is_none() && self.has_permission(permission)
    }

    fn is_fresh(&self, _: u64) -> bool {
        !self.is_stale
    }
}

impl Caller {
    /// Returns the same caller with a token for `tenant`.
    #[must_use]
    pub(crate) fn in_tenant(&self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.to_owned()),
            ..self.clone()
        }
    }

    /// Returns the caller that the policy makes of this one with only the lowest assurance, if that has less.
    pub(crate) fn at_lowest(&self, policy: &Policy) -> Option<Self> {
        let roles: Vec<RoleName> = self
            .roles
            .iter()
            .filter_map(|role| role.parse().ok())
            .collect();
        let is_above = |role: &&RoleName| {
            policy
                .role(role.as_str())
                .is_some_and(|it| it.acr > Acr::Aal1)
        };
        let step_up: Vec<String> = roles
            .iter()
            .filter(is_above)
            .map(ToString::to_string)
            .collect();
        if step_up.is_empty() {
            return None;
        }
        let assigned = self.assigned.as_ref().and_then(|role| role.parse().ok());
        let reached = policy.closure_at(assigned.iter(), Acr::Aal1);
        let permissions = policy.own_permissions_of(&reached);
        Some(Self {
            roles: reached.iter().map(ToString::to_string).collect(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            acr: Acr::Aal1,
            step_up,
            ..self.clone()
        })
    }

    /// Adds roles and permissions that are written as in a scope: `role:admin`, `items:read`.
    pub(crate) fn with(mut self, names: impl IntoIterator<Item = String>) -> Self {
        for name in names {
            match name.strip_prefix("role:") {
                Some(role) => self.roles.push(role.to_owned()),
                None => self.permissions.push(name),
            }
        }
        self
    }
}
