use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::times;
use crate::{
    Acr, Constraint, ConstraintName, Permission, PermissionPattern, Policy, PolicyError, RoleName,
    RoleRules, TenantName, Timestamp, builtin,
};

/// The maximum length of a description, in characters.
pub const MAX_DESCRIPTION: usize = 500;

/// The permissions, roles and constraints of an application, and tests for them.
///
/// A document does not contain role assignments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Document {
    /// The permissions, each with its description.
    pub permissions: BTreeMap<Permission, String>,
    /// The roles.
    pub roles: BTreeMap<RoleName, RoleEntry>,
    /// The constraints for separation of duty.
    pub constraints: BTreeMap<ConstraintName, Constraint>,
    /// The tests, which [`run_tests`](super::run_tests) runs.
    pub tests: Vec<Expectation>,
}

/// A role in a [`Document`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleEntry {
    /// The description of the role.
    pub description: String,
    /// The permissions and wildcards that the role holds itself.
    pub permissions: BTreeSet<PermissionPattern>,
    /// The roles that it inherits directly.
    pub juniors: BTreeSet<RoleName>,
    /// True if a second person must confirm assignments of the role.
    pub approval: bool,
    /// True if applications may check for the role by its name.
    pub by_name: bool,
    /// The assurance that a session needs to have the role.
    pub acr: Acr,
}

impl Default for RoleEntry {
    /// Returns a role that holds and inherits nothing, works by its name, and is active in every session.
    fn default() -> Self {
        let rules = RoleRules::default();
        Self {
            description: String::new(),
            permissions: rules.permissions,
            juniors: rules.juniors,
            approval: rules.approval,
            by_name: rules.by_name,
            acr: rules.acr,
        }
    }
}

impl RoleEntry {
    /// Returns the entry without its description, in the form that [`PolicyBuilder`](crate::PolicyBuilder) takes.
    #[must_use]
    pub fn rules(&self) -> RoleRules {
        RoleRules {
            permissions: self.permissions.clone(),
            juniors: self.juniors.clone(),
            approval: self.approval,
            by_name: self.by_name,
            acr: self.acr,
        }
    }
}

/// The subject of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TestSubject {
    /// An imaginary subject who has only this role.
    Role(RoleName),
    /// A user, by name, with the roles that the user has.
    User(String),
}

/// A test in a [`Document`]: permissions that a subject must have, and permissions that it must not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// The subject.
    #[serde(flatten)]
    pub subject: TestSubject,
    /// The tenant in which the permissions are checked; only for a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantName>,
    /// The time at which the permissions are checked, if not the present; only for a user.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "times::serialize"
    )]
    pub at: Option<Timestamp>,
    /// The assurance of the session, if it matters; the highest by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The permissions that the subject must have.
    pub can: Vec<Permission>,
    /// The permissions that the subject must not have.
    pub cannot: Vec<Permission>,
}

impl Document {
    /// Compiles the document together with [rolecall's own rules](builtin::rules).
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] if the document names something that does not exist or has a cycle. That never happens for a
    /// document from [`parse`](Self::parse) or [`check`](Self::check).
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let mut rules = builtin::rules();
        for permission in self.permissions.keys() {
            rules.permission(permission.clone());
        }
        for (role, entry) in &self.roles {
            rules.set_role(role.clone(), entry.rules());
        }
        for (name, constraint) in &self.constraints {
            rules.constraint(name.clone(), constraint.clone());
        }
        rules.build()
    }

    /// Returns the names of the roles, in order.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(RoleName::as_str)
    }
}
