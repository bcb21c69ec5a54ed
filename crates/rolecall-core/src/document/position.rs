use std::{fmt, sync::Arc};

use serde::Serialize;

/// A step of the path to a member of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// The name of a member of a table.
    Member(String),
    /// The index in a list, from 0.
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

/// A position in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// The positions of the members of a document in its text.
#[derive(Clone, Debug, Default)]
pub struct Positions(Option<Arc<(Lines, Tree)>>);

/// Byte offsets of the members, in the shape of the document.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) offset: usize,
    pub(super) children: Children,
}

#[derive(Debug)]
pub(super) enum Children {
    None,
    /// Sorted by name.
    Members(Vec<(String, Tree)>),
    Items(Vec<Tree>),
}

impl Tree {
    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.children, step) {
            (Children::Members(members), Step::Member(name)) => {
                let at = members.binary_search_by(|(member, _)| member.cmp(name));
                members.get(at.ok()?).map(|(_, tree)| tree)
            }
            (Children::Items(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }
}

impl Positions {
    pub(super) fn new(lines: Lines, tree: Tree) -> Self {
        Self(Some(Arc::new((lines, tree))))
    }

    /// Returns the position of the member at `path`, or else of the innermost member that exists on the path.
    ///
    /// Returns `None` if the document was not parsed from a text.
    #[must_use]
    pub fn get(&self, path: &[Step]) -> Option<Position> {
        let (lines, mut tree) = self.0.as_deref().map(|(lines, tree)| (lines, tree))?;
        for step in path {
            match tree.child(step) {
                Some(child) => tree = child,
                None => break,
            }
        }
        Some(lines.position(tree.offset))
    }
}

/// The length in bytes from which on columns are counted in bytes.
///
/// Counting characters takes time linear in the length of the line, for every fault in it.
const LONG_LINE: usize = 10_000;

/// Converts byte offsets in a text to lines and columns.
#[derive(Debug)]
pub(super) struct Lines {
    text: Box<str>,
    /// The offset of the first byte of each line.
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self {
            text: text.into(),
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// Returns the position of the byte at `offset`.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        // a syntax error at the end can have an offset beyond the text
        let before = self.text.get(start..offset.min(self.text.len()));
        Position {
            line,
            column: column_after(before.unwrap_or_default()),
        }
    }

    /// Returns the position of the byte at `offset`, of which no other in this text is wanted.
    pub(super) fn position_in(text: &str, offset: usize) -> Position {
        let before = text.get(..offset).unwrap_or(text);
        let in_line = before.rsplit('\n').next().unwrap_or_default();
        Position {
            line: before.matches('\n').count() + 1,
            column: column_after(in_line),
        }
    }
}

/// Returns the column after `before`, the start of a line.
fn column_after(before: &str) -> usize {
    match before.len() {
        0..LONG_LINE => before.chars().count() + 1,
        bytes => bytes + 1,
    }
}
