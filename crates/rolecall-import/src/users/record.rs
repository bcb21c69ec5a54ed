//! The lines of a file, before and after they are checked.

use std::collections::BTreeMap;

use rolecall_core::RoleName;
use serde_json::{Map, Value};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV with a header (RFC 4180).
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// The columns of a file, or the members of its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Skips unknown ones; without it, they are a problem.
    pub ignore_unknown: bool,
    /// Reads the ids that users keep from `id` (or `sub`); without it, `id` is unknown.
    pub keep_ids: bool,
    /// Other names of columns in a CSV file: the name in this crate, and the name in the file.
    pub renamed: Vec<(String, String)>,
}

/// A problem of a line. The message contains no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1 and including the header.
    pub line: usize,
    /// The message.
    pub message: String,
}

impl Problem {
    /// Creates a problem.
    pub fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// A value of a profile field as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileValue {
    /// The text of a CSV field.
    Text(String),
    /// A JSON value.
    Json(Value),
}

/// A user as the file has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The line, counted from 1.
    pub line: usize,
    /// The id that the user keeps, if there is one.
    pub id: Option<String>,
    /// The user name as written.
    pub username: String,
    /// The password hash, if there is one.
    pub hash: Option<String>,
    /// The names of roles as written.
    pub roles: Vec<String>,
    /// The e-mail address as written, if there is one.
    pub email: Option<String>,
    /// The address is known to be the user's.
    pub email_verified: bool,
    /// The user may not log in.
    pub disabled: bool,
    /// The profile fields that have a value.
    pub profile: BTreeMap<String, ProfileValue>,
}

/// A user without problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line, counted from 1.
    pub line: usize,
    /// The id that the user keeps, as written; the target system checks it.
    pub id: Option<String>,
    /// The user name as written.
    pub legacy_name: String,
    /// The user name in the form in which it is stored.
    pub username: String,
    /// The key of the user name; see [`AccountName`](crate::AccountName).
    pub folded: String,
    /// A password hash that can be verified at log-in.
    pub hash: Option<String>,
    /// The roles, each once.
    pub roles: Vec<RoleName>,
    /// The e-mail address in the form in which it is stored.
    pub email: Option<String>,
    /// The address is known to be the user's.
    pub email_verified: bool,
    /// The user may not log in.
    pub disabled: bool,
    /// The profile fields in the form in which they are stored.
    pub profile: Map<String, Value>,
}
