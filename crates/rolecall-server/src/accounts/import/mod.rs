//! Users of another application, taken over with their password hashes: all of a file, or nothing.
//!
//! [`rolecall_import::users`] parses and checks the lines, and [`service`] compares them with the database, in the
//! transaction that writes.

pub(crate) mod service;
pub(crate) mod store;
mod taken;

use rolecall_core::RoleName;
pub(crate) use rolecall_import::users::{Columns, Format, Problem, Row};

/// What is let pass, and whether anything is written.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command"
)]
pub(crate) struct Options {
    pub(crate) format: Format,
    pub(crate) columns: Columns,
    /// Users whose name exists are left as they are.
    pub(crate) skip_existing: bool,
    /// Roles that do not exist are made.
    pub(crate) add_roles: bool,
    /// Users may come without a hash, and wait for a new password.
    pub(crate) without_password: bool,
    /// Nothing is written.
    pub(crate) dry_run: bool,
}

/// What came of an import.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The users of the file, without those that are skipped.
    pub(crate) users: usize,
    /// The users that are skipped, because their name exists.
    pub(crate) skipped: usize,
    pub(crate) assignments: usize,
    /// Roles that did not exist.
    pub(crate) new_roles: Vec<RoleName>,
    /// In the order of their lines; where there is one, nothing was written.
    pub(crate) problems: Vec<Problem>,
    /// SHA-256 of the file, in hex, as the audit log has it.
    pub(crate) digest: String,
}
