use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// A step on the way to a member of a document: its name, or its place in a list, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A member of a table.
    Member(String),
    /// A place in a list.
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => f.write_str(name),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Member(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where something stands in a text; both are counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where the members of a document stand in its text.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<Vec<Step>, Position>);

impl Places {
    pub(super) fn put(&mut self, path: Vec<Step>, position: Position) {
        self.0.insert(path, position);
    }

    /// Where the member at `path` stands, or else the innermost that holds it.
    #[must_use]
    pub fn of(&self, path: &[Step]) -> Option<Position> {
        (0..=path.len())
            .rev()
            .find_map(|length| self.0.get(path.get(..length)?).copied())
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// Where the byte at `offset` stands.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        // a fault at the end of the text may lie behind it
        let before = self.text.get(start..offset.min(self.text.len()));
        Position {
            line,
            column: before.map_or(0, |before| before.chars().count()) + 1,
        }
    }
}
