//! A document before anything is known about it but its form.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use toml::de::{DeTable, DeValue};

use super::{
    DocumentError, DocumentErrors, Places,
    error::{MAX_FAULTS, excerpt},
    place::{Below, Lines, Tree},
};

/// A value, whatever the format it was written in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// A date or time that is no text.
    Time(String),
    Whole(i64),
    Truth(bool),
    /// What no member takes.
    Other,
    List(Vec<Node>),
    Table {
        members: Vec<(String, Node)>,
        /// Names that stood there more than once.
        doubled: Vec<String>,
    },
}

/// A document that was read and not yet checked: what [`Document::check`](super::Document::check) takes.
#[derive(Clone, Debug)]
pub struct Unchecked {
    node: Node,
    places: Places,
}

impl Unchecked {
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn places(&self) -> Places {
        self.places.clone()
    }

    pub(super) fn from_toml(text: &str) -> Result<Self, DocumentErrors> {
        let lines = Lines::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(syntax_errors(text, &lines, &errors));
        }
        let (node, below) = of_table(table.get_ref());
        let places = Places::new(lines, Tree { offset: 0, below });
        Ok(Self { node, places })
    }
}

fn syntax_errors(text: &str, lines: &Lines, errors: &[toml::de::Error]) -> DocumentErrors {
    let mut found: Vec<DocumentError> = Vec::new();
    for error in errors.iter().take(MAX_FAULTS) {
        let span = error.span().unwrap_or_default();
        let mut message = error.message().to_owned();
        if let Some(what) = text.get(span.clone()).filter(|what| !what.is_empty()) {
            if message == "duplicate key" {
                message = format!("`{}` stands here twice", excerpt(what.trim_matches('"')));
            } else {
                message = format!("{message} (at `{}`)", excerpt(what));
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

fn of_table(table: &DeTable<'_>) -> (Node, Below) {
    let (mut members, mut places) = (Vec::new(), BTreeMap::new());
    for (key, value) in table {
        let name = key.get_ref().clone().into_owned();
        // a table's place is its name, that of a value the value
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        let span = if is_table { key.span() } else { value.span() };
        let (node, below) = of_value(value.get_ref());
        let offset = span.start;
        places.insert(name.clone(), Tree { offset, below });
        members.push((name, node));
    }
    let doubled = Vec::new();
    (Node::Table { members, doubled }, Below::Members(places))
}

fn of_value(value: &DeValue<'_>) -> (Node, Below) {
    let node = match value {
        DeValue::String(text) => Node::Text(text.clone().into_owned()),
        DeValue::Datetime(time) => Node::Time(time.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Node::Other, Node::Whole)
        }
        DeValue::Boolean(truth) => Node::Truth(*truth),
        DeValue::Float(_) => Node::Other,
        DeValue::Array(values) => {
            let (mut nodes, mut places) = (Vec::new(), Vec::new());
            for value in values {
                let (node, below) = of_value(value.get_ref());
                let offset = value.span().start;
                places.push(Tree { offset, below });
                nodes.push(node);
            }
            return (Node::List(nodes), Below::Items(places));
        }
        DeValue::Table(table) => return of_table(table),
    };
    (node, Below::Nothing)
}

impl<'de> Deserialize<'de> for Unchecked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            node: Node::deserialize(deserializer)?,
            places: Places::default(),
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a policy document")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or(Node::Other, Node::Whole))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Truth(truth))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
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
        let mut known = std::collections::BTreeSet::new();
        let mut doubled = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            if known.insert(name.clone()) {
                members.push((name, node));
            } else {
                doubled.push(name);
            }
        }
        Ok(Node::Table { members, doubled })
    }
}
