use std::{collections::BTreeMap, fmt, sync::Arc};

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
pub struct Places(Option<Arc<(Lines, Tree)>>);

/// Offsets in the text, in the form of the document.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) offset: usize,
    pub(super) below: Below,
}

#[derive(Debug)]
pub(super) enum Below {
    Nothing,
    Members(BTreeMap<String, Tree>),
    Items(Vec<Tree>),
}

impl Tree {
    fn step(&self, step: &Step) -> Option<&Self> {
        match (&self.below, step) {
            (Below::Members(members), Step::Member(name)) => members.get(name),
            (Below::Items(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }
}

impl Places {
    pub(super) fn new(lines: Lines, tree: Tree) -> Self {
        Self(Some(Arc::new((lines, tree))))
    }

    /// Where the member at `path` stands, or else the innermost that holds it.
    #[must_use]
    pub fn of(&self, path: &[Step]) -> Option<Position> {
        let (lines, mut tree) = self.0.as_deref().map(|(lines, tree)| (lines, tree))?;
        for step in path {
            match tree.step(step) {
                Some(below) => tree = below,
                None => break,
            }
        }
        Some(lines.position(tree.offset))
    }
}

/// In lines longer than this, columns are counted in bytes: to count characters would take a walk each.
const LONG_LINE: usize = 10_000;

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines {
    text: Box<str>,
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text: text.into(),
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// Where the byte at `offset` stands.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        // a fault at the end of the text may lie behind it
        let before = self.text.get(start..offset.min(self.text.len()));
        let before = before.unwrap_or_default();
        let column = match before.len() {
            0..LONG_LINE => before.chars().count(),
            bytes => bytes,
        };
        Position {
            line,
            column: column + 1,
        }
    }
}
