use std::fmt;

use super::{Places, Position, Step};

/// One fault of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Which member it is about; empty for the whole text.
    pub path: Vec<Step>,
    /// Where it stands, if the format says so.
    pub position: Option<Position>,
    /// A word for programs: `syntax`, `type_error`, `missing`, `extra_forbidden`, `duplicate`, `unknown`,
    /// `reserved`, `cycle`, `value_error`.
    pub kind: &'static str,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            return write!(f, "line {line}, column {column}: {}", self.message);
        }
        for (at, step) in self.path.iter().enumerate() {
            write!(f, "{}{step}", if at == 0 { "" } else { " > " })?;
        }
        write!(
            f,
            "{}{}",
            if self.path.is_empty() { "" } else { ": " },
            self.message
        )
    }
}

/// Every fault of a document, in the order of the text: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentErrors(pub Vec<DocumentError>);

impl fmt::Display for DocumentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for DocumentErrors {}

/// No more faults than this are told of one document.
pub(super) const MAX_FAULTS: usize = 10_000;

/// Collects faults while a document is read.
#[derive(Default)]
pub(super) struct Faults(Vec<DocumentError>);

impl Faults {
    pub(super) fn add(&mut self, path: &[Step], kind: &'static str, message: impl Into<String>) {
        if self.0.len() >= MAX_FAULTS {
            return;
        }
        self.0.push(DocumentError {
            path: path.to_vec(),
            position: None,
            kind,
            message: message.into(),
        });
    }

    /// The same as an error, each fault with its place; or nothing.
    pub(super) fn finish(mut self, places: &Places) -> Result<(), DocumentErrors> {
        if self.0.is_empty() {
            return Ok(());
        }
        for fault in &mut self.0 {
            fault.position = places.of(&fault.path);
        }
        self.0.sort_by_key(|fault| fault.position);
        Err(DocumentErrors(self.0))
    }
}

/// What an error may quote of a hostile text: its start, with control characters escaped.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
