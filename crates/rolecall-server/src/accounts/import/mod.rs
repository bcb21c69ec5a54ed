//! Users of another application, taken over with their password hashes: all of a file, or nothing.
//!
//! [`read`] takes the file apart, [`check`] looks at each line by itself and at the lines among each other,
//! and [`service`] at the database, in the transaction that writes.

mod check;
mod csv;
mod read;
pub(crate) mod service;
pub(crate) mod store;

use rolecall_core::RoleName;

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// What is let pass, and whether anything is written.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command"
)]
pub(crate) struct Options {
    pub(crate) format: Format,
    /// Columns that nobody knows are passed over.
    pub(crate) ignore_columns: bool,
    /// Roles that do not exist are made.
    pub(crate) add_roles: bool,
    /// Users may come without a hash, and wait for a new password.
    pub(crate) without_password: bool,
    /// Nothing is written.
    pub(crate) dry_run: bool,
}

/// What is wrong with a line; the text holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Counted from 1, the header included.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Problem {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// A user as the file has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Raw {
    line: usize,
    username: String,
    hash: Option<String>,
    roles: Vec<String>,
    email: Option<String>,
    disabled: bool,
}

/// A user about whom nothing is wrong by itself.
#[derive(Clone, Debug)]
struct Row {
    line: usize,
    /// The name as the other application has it.
    legacy_name: String,
    username: String,
    folded: String,
    hash: Option<String>,
    roles: Vec<RoleName>,
    email: Option<String>,
    disabled: bool,
}

/// What came of an import.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The users of the file.
    pub(crate) users: usize,
    pub(crate) assignments: usize,
    /// Roles that did not exist.
    pub(crate) new_roles: Vec<RoleName>,
    /// In the order of their lines; where there is one, nothing was written.
    pub(crate) problems: Vec<Problem>,
    /// SHA-256 of the file, in hex, as the audit log has it.
    pub(crate) digest: String,
}
