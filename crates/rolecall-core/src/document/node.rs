//! A document whose form is known but whose content has not been checked.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use toml::de::{DeTable, DeValue};

use super::{
    error::{DocumentError, DocumentErrors, MAX_FAULTS},
    position::{Children, Lines, Positions, Tree},
};
use crate::names::excerpt;

/// A value from TOML or any format that serde reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    String(String),
    /// A TOML date or time, as it is written.
    Datetime(String),
    Integer(i64),
    Boolean(bool),
    /// A value of a type that no member accepts, such as a float.
    Unsupported,
    List(Vec<Node>),
    Table {
        members: Vec<(String, Node)>,
        /// Names that occur more than once; `members` has the first value of each.
        duplicates: Vec<String>,
    },
}

/// A document that was read but not checked, the input of [`Document::check`](super::Document::check).
#[derive(Clone, Debug)]
pub struct UncheckedDocument {
    node: Node,
    positions: Positions,
}

impl UncheckedDocument {
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn positions(&self) -> Positions {
        self.positions.clone()
    }

    pub(super) fn from_toml(text: &str) -> Result<Self, DocumentErrors> {
        let lines = Lines::new(text);
        let table = DeTable::parse(text).map_err(|first| {
            let mut errors = vec![first];
            if text.len() <= MAX_RECOVERED {
                errors = DeTable::parse_recoverable(text).1;
            }
            syntax_errors(text, &lines, &errors)
        })?;
        let (node, children) = from_table(table.into_inner());
        let root = Tree {
            offset: 0,
            children,
        };
        let positions = Positions::new(lines, root);
        Ok(Self { node, positions })
    }
}

/// The length in bytes up to which all syntax errors of a text are collected. Each takes hundreds of bytes, and nearly
/// every byte of a text can be one.
const MAX_RECOVERED: usize = 64 * 1024;

fn syntax_errors(text: &str, lines: &Lines, errors: &[toml::de::Error]) -> DocumentErrors {
    let mut found: Vec<DocumentError> = Vec::new();
    for error in errors.iter().take(MAX_FAULTS) {
        let span = error.span().unwrap_or_default();
        let mut message = error.message().to_owned();
        if let Some(quoted) = text.get(span.clone()).filter(|quoted| !quoted.is_empty()) {
            if message == "duplicate key" {
                message = format!("`{}` is defined twice", excerpt(quoted.trim_matches('"')));
            } else {
                message = format!("{message} (at `{}`)", excerpt(quoted));
            }
        }
        found.push(DocumentError {
            path: Vec::new(),
            position: Some(lines.position(span.start)),
            kind: "syntax",
            message,
        });
    }
    found.sort_by_key(|error| error.position);
    found.dedup_by_key(|error| error.position);
    DocumentErrors(found)
}

/// Converts a table and frees it on the way, so that there are never two whole trees.
fn from_table(table: DeTable<'_>) -> (Node, Children) {
    let mut members = Vec::with_capacity(table.len());
    let mut trees = Vec::with_capacity(table.len());
    for (key, value) in table {
        // the span of a table is not useful, since its members can be anywhere in the text
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        let span = if is_table { key.span() } else { value.span() };
        let (node, children) = from_value(value.into_inner());
        let (name, offset) = (key.into_inner().into_owned(), span.start);
        trees.push((name.clone(), Tree { offset, children }));
        members.push((name, node));
    }
    trees.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let node = Node::Table {
        members,
        duplicates: Vec::new(),
    };
    (node, Children::Members(trees))
}

fn from_value(value: DeValue<'_>) -> (Node, Children) {
    let node = match value {
        DeValue::String(text) => Node::String(text.into_owned()),
        DeValue::Datetime(time) => Node::Datetime(time.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Node::Unsupported, Node::Integer),
        DeValue::Boolean(boolean) => Node::Boolean(boolean),
        DeValue::Float(_) => Node::Unsupported,
        DeValue::Array(values) => {
            let mut nodes = Vec::with_capacity(values.len());
            let mut trees = Vec::with_capacity(values.len());
            for value in values {
                let offset = value.span().start;
                let (node, children) = from_value(value.into_inner());
                trees.push(Tree { offset, children });
                nodes.push(node);
            }
            return (Node::List(nodes), Children::Items(trees));
        }
        DeValue::Table(table) => return from_table(table),
    };
    (node, Children::None)
}

impl<'de> Deserialize<'de> for UncheckedDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            node: Node::deserialize(deserializer)?,
            positions: Positions::default(),
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a policy document")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::String(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or(Node::Unsupported, Node::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Unsupported)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Node, E> {
        Ok(Node::Boolean(boolean))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Unsupported)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut duplicates = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            if seen.insert(name.clone()) {
                members.push((name, node));
            } else {
                duplicates.push(name);
            }
        }
        Ok(Node::Table {
            members,
            duplicates,
        })
    }
}
