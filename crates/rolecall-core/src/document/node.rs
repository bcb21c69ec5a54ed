//! A document before anything is known about it but its form.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use toml::de::{DeTable, DeValue};

use super::{
    DocumentError, DocumentErrors, Places, Step,
    error::excerpt,
    place::{Lines, Position},
};

/// A value, whatever the format it was written in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// A date or time that is no text.
    Time(String),
    Whole(i64),
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
        let mut places = Places::default();
        places.put(Vec::new(), Position { line: 1, column: 1 });
        let mut path = Vec::new();
        let node = of_table(table.get_ref(), &lines, &mut path, &mut places);
        Ok(Self { node, places })
    }
}

fn syntax_errors(text: &str, lines: &Lines<'_>, errors: &[toml::de::Error]) -> DocumentErrors {
    let mut found: Vec<DocumentError> = Vec::new();
    for error in errors {
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

fn of_table(
    table: &DeTable<'_>,
    lines: &Lines<'_>,
    path: &mut Vec<Step>,
    places: &mut Places,
) -> Node {
    let mut members = Vec::new();
    for (key, value) in table {
        path.push(Step::from(key.get_ref().as_ref()));
        // a table's place is its name, that of a value the value
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        let span = if is_table { key.span() } else { value.span() };
        places.put(path.clone(), lines.position(span.start));
        let node = of_value(value.get_ref(), lines, path, places);
        members.push((key.get_ref().clone().into_owned(), node));
        path.pop();
    }
    Node::Table {
        members,
        doubled: Vec::new(),
    }
}

fn of_value(
    value: &DeValue<'_>,
    lines: &Lines<'_>,
    path: &mut Vec<Step>,
    places: &mut Places,
) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.clone().into_owned()),
        DeValue::Datetime(time) => Node::Time(time.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Node::Other, Node::Whole)
        }
        DeValue::Float(_) | DeValue::Boolean(_) => Node::Other,
        DeValue::Array(values) => {
            let mut nodes = Vec::new();
            for (at, value) in values.iter().enumerate() {
                path.push(Step::Index(at));
                places.put(path.clone(), lines.position(value.span().start));
                nodes.push(of_value(value.get_ref(), lines, path, places));
                path.pop();
            }
            Node::List(nodes)
        }
        DeValue::Table(table) => of_table(table, lines, path, places),
    }
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

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
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
