//! The texts of an import, and locations in them.

use std::{fmt, sync::Arc};

/// A text and its name in messages, such as the name of its file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'t> {
    /// The name in messages.
    pub name: &'t str,
    /// The text.
    pub text: &'t str,
}

/// A location in a [`Source`]: a line, a member of a JSON document, or the whole text.
///
/// Prints as `policy.csv:3`, `realm.json: users[0].email` or `realm.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    file: Arc<str>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Counted from 1.
    Line(usize),
    /// The path of a member of a JSON document.
    Path(String),
    Whole,
}

impl Location {
    pub(crate) fn line(file: &Arc<str>, line: usize) -> Self {
        Self::new(file, Place::Line(line))
    }

    pub(crate) fn path(file: &Arc<str>, path: &str) -> Self {
        let path = path.chars().flat_map(char::escape_debug).collect();
        Self::new(file, Place::Path(path))
    }

    pub(crate) fn whole(file: &Arc<str>) -> Self {
        Self::new(file, Place::Whole)
    }

    fn new(file: &Arc<str>, place: Place) -> Self {
        let file = Arc::clone(file);
        Self { file, place }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(line) => write!(f, "{}:{line}", self.file),
            Place::Path(path) => write!(f, "{}: {path}", self.file),
            Place::Whole => f.write_str(&self.file),
        }
    }
}

/// Quotes a hostile text in a message: its first characters, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", escaped(text))
}

/// Returns the first characters of a hostile text, with control characters escaped.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
