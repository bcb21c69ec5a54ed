//! The rules of another system, taken over: a policy document, users, and who has which role.
//!
//! [`casbin`] and [`keycloak`] are pure: from texts to one [`Imported`]. Whatever has no counterpart here
//! becomes a [`Note`] with its place; nothing is passed over in silence. [`apply`] puts the result beside what
//! is there, in one change.

pub(crate) mod apply;
pub(crate) mod casbin;
mod graph;
pub(crate) mod keycloak;
mod names;
mod people;

use std::{collections::BTreeSet, fmt, sync::Arc};

use rolecall_core::{RoleName, TenantName, document::Document};

/// A text and what it is called in messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'t> {
    pub(crate) name: &'t str,
    pub(crate) text: &'t str,
}

/// Where something stands in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    file: Arc<str>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Counted from 1.
    Line(usize),
    /// A member of a JSON document.
    Path(String),
    Whole,
}

impl At {
    fn line(file: &Arc<str>, line: usize) -> Self {
        let file = Arc::clone(file);
        let place = Place::Line(line);
        Self { file, place }
    }

    fn path(file: &Arc<str>, path: &str) -> Self {
        let file = Arc::clone(file);
        let path = path.chars().flat_map(char::escape_debug).collect();
        let place = Place::Path(path);
        Self { file, place }
    }

    fn whole(file: &Arc<str>) -> Self {
        let file = Arc::clone(file);
        let place = Place::Whole;
        Self { file, place }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(line) => write!(f, "{}:{line}", self.file),
            Place::Path(path) => write!(f, "{}: {path}", self.file),
            Place::Whole => f.write_str(&self.file),
        }
    }
}

/// Something that is to be known about a place of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: At,
    pub(crate) message: String,
}

impl Note {
    fn new(at: At, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { at, message }
    }
}

/// Two texts of the source that are refused as a whole: what they say cannot be said here.
pub(crate) type Refusal = Vec<Note>;

/// What the caller decides about an import.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Stands before the name of each role.
    pub(crate) prefix: Option<RoleName>,
    /// Names that are roles although nobody has them.
    pub(crate) roles: BTreeSet<String>,
}

/// Somebody who is known to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) at: At,
    /// In the form in which user names are kept.
    pub(crate) username: String,
    pub(crate) email: Option<String>,
    pub(crate) disabled: bool,
    /// A password hash that is taken at log-in.
    pub(crate) hash: Option<String>,
    /// The roles, each in one tenant or in all.
    pub(crate) roles: BTreeSet<(RoleName, Option<TenantName>)>,
}

/// What a source comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imported {
    /// Permissions and roles; no constraints and no tests.
    pub(crate) document: Document,
    pub(crate) people: Vec<Person>,
    /// What has no counterpart, in the order of the source.
    pub(crate) unmapped: Vec<Note>,
    /// What is mapped in a way that is to be known: other names, roles that were made.
    pub(crate) told: Vec<Note>,
}

/// What a message may quote of a hostile text: its start, with control characters escaped.
fn quoted(text: &str) -> String {
    let start = text.chars().take(80).flat_map(char::escape_debug);
    format!("`{}`", start.collect::<String>())
}
