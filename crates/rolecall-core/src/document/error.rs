use std::fmt;

use super::position::{Position, Positions, Step};

/// A fault of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// The path of the member that is wrong; empty for a syntax error.
    pub path: Vec<Step>,
    /// The position in the text, if the document was parsed from TOML.
    pub position: Option<Position>,
    /// The kind of the fault, for programs: `syntax`, `type_error`, `missing`, `extra_forbidden`, `duplicate`,
    /// `unknown`, `reserved`, `cycle`, `too_large` or `value_error`.
    pub kind: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            return write!(f, "line {line}, column {column}: {}", self.message);
        }
        for (index, step) in self.path.iter().enumerate() {
            write!(f, "{}{step}", if index == 0 { "" } else { " > " })?;
        }
        write!(
            f,
            "{}{}",
            if self.path.is_empty() { "" } else { ": " },
            self.message
        )
    }
}

/// All faults of a document, in the order of the text; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentErrors(pub Vec<DocumentError>);

impl fmt::Display for DocumentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for DocumentErrors {}

/// The largest number of faults that are reported for one document.
pub(super) const MAX_FAULTS: usize = 10_000;

/// The most bytes of paths and messages of all faults together. A path can repeat a long name for each fault below it.
const MAX_FAULT_BYTES: usize = 8 * 1024 * 1024;

/// Collects faults while a document is read.
#[derive(Default)]
pub(super) struct Faults {
    found: Vec<DocumentError>,
    bytes: usize,
}

impl Faults {
    /// Adds a fault, unless there are [`MAX_FAULTS`] already, or too many bytes of them.
    pub(super) fn add(&mut self, path: &[Step], kind: &'static str, message: impl Into<String>) {
        if self.found.len() >= MAX_FAULTS || self.bytes >= MAX_FAULT_BYTES {
            return;
        }
        let message = message.into();
        let names = path.iter().map(|step| match step {
            Step::Member(name) => name.len(),
            Step::Index(_) => 0,
        });
        self.bytes += message.len() + names.sum::<usize>();
        self.found.push(DocumentError {
            path: path.to_vec(),
            position: None,
            kind,
            message,
        });
    }

    /// Returns the faults with their positions as an error, or `Ok` if there are none.
    pub(super) fn into_result(mut self, positions: &Positions) -> Result<(), DocumentErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        for fault in &mut self.found {
            fault.position = positions.get(&fault.path);
        }
        self.found.sort_by_key(|fault| fault.position);
        Err(DocumentErrors(self.found))
    }
}
