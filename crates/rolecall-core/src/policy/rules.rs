use std::collections::BTreeSet;

use crate::{Acr, ConstraintError, ConstraintName, PermissionPattern, RoleName};

/// The rules of one role, as they are written down: its own permissions and the roles that it inherits directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRules {
    /// The permissions and wildcards that the role holds itself.
    pub permissions: BTreeSet<PermissionPattern>,
    /// The roles that it inherits directly (immediate descendants in NIST RBAC).
    pub juniors: BTreeSet<RoleName>,
    /// True if a second person must confirm an assignment of this role, or of a role that inherits it.
    pub approval: bool,
    /// True if applications may check for the role by its name, so that the name alone gives something.
    ///
    /// This is stated, and never inferred from the permissions of the role.
    pub by_name: bool,
    /// The assurance that a session needs to have the role; see [`Policy::reached_by`](crate::Policy::reached_by).
    pub acr: Acr,
}

impl Default for RoleRules {
    /// Returns the rules of a role that holds and inherits nothing, works by its name, and is active in every session.
    fn default() -> Self {
        Self {
            permissions: BTreeSet::new(),
            juniors: BTreeSet::new(),
            approval: false,
            by_name: true,
            acr: Acr::Aal1,
        }
    }
}

/// The error for rules that do not form a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A role inherits a role that does not exist.
    #[error("role `{senior}` inherits `{junior}`, which does not exist")]
    UnknownJunior {
        /// The role that inherits.
        senior: RoleName,
        /// The role that does not exist.
        junior: RoleName,
    },
    /// A role holds a permission that does not exist.
    #[error("role `{role}` holds `{permission}`, which does not exist")]
    UnknownPermission {
        /// The role.
        role: RoleName,
        /// The permission, or the wildcard that covers no permission.
        permission: PermissionPattern,
    },
    /// Roles inherit each other in a cycle, which begins and ends with the same role.
    #[error("roles may not inherit each other: {}", .0.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<RoleName>),
    /// A constraint is not valid.
    #[error("constraint `{constraint}`: {error}")]
    Constraint {
        /// The name of the constraint.
        constraint: ConstraintName,
        /// The fault.
        error: ConstraintError,
    },
}
