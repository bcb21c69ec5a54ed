//! Messages about locations of a source.

use std::fmt;

use crate::source::Location;

/// A message about a location of a source. Prints as both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The location.
    pub at: Location,
    /// The message. It contains no control characters and no secrets.
    pub message: String,
}

impl Note {
    /// Creates a note.
    pub fn new(at: Location, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { at, message }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// The reasons why a source is rejected as a whole. Prints one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", one_a_line(.reasons))]
#[non_exhaustive]
pub struct ImportError {
    /// At least one reason, in the order of the source.
    pub reasons: Vec<Note>,
}

impl ImportError {
    /// Rejects a source for one reason.
    pub(crate) fn new(at: Location, message: impl Into<String>) -> Self {
        vec![Note::new(at, message)].into()
    }
}

impl From<Vec<Note>> for ImportError {
    fn from(reasons: Vec<Note>) -> Self {
        Self { reasons }
    }
}

fn one_a_line(notes: &[Note]) -> String {
    let lines: Vec<String> = notes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
