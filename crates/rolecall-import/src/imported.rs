//! The result of an import, and its options.

use std::collections::BTreeSet;

use rolecall_core::{RoleName, TenantName, document::Document};

use crate::{note::Note, source::Location};

/// The decisions of the caller about an import.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// A prefix for the name of each role, followed by a dot.
    pub prefix: Option<RoleName>,
    /// Names of Casbin that are roles although no user has them.
    pub roles: BTreeSet<String>,
    /// The users of Keycloak keep their ids.
    pub keep_ids: bool,
}

/// A user of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The first mention of the user.
    pub at: Location,
    /// The id that the user keeps, as written; the target system checks it.
    pub id: Option<String>,
    /// The user name in the form in which it is stored.
    pub username: String,
    /// The e-mail address in the form in which it is stored.
    pub email: Option<String>,
    /// The source says that the address is the user's.
    pub email_verified: bool,
    /// The user may not log in.
    pub disabled: bool,
    /// The user must choose another password before anything else.
    pub must_change_password: bool,
    /// A password hash that can be verified at log-in.
    pub hash: Option<String>,
    /// The roles, each in one tenant, or globally.
    pub roles: BTreeSet<(RoleName, Option<TenantName>)>,
}

/// The result of an import.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Imported {
    /// Permissions and roles, without constraints and tests.
    pub document: Document,
    /// The users, with their roles.
    pub people: Vec<Person>,
    /// The parts of the source that have no counterpart and are left out, in the order of the
    /// source.
    pub unmapped: Vec<Note>,
    /// Changes that an administrator should know: names that change, roles that are added, and
    /// settings that are not imported.
    pub notices: Vec<Note>,
}
