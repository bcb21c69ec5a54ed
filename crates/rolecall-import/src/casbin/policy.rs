//! The parser for policies.

use std::sync::Arc;

use super::{
    meaning::Field,
    model::{Links, Model},
};
use crate::{
    note::ImportError,
    source::{Location, Source, quoted},
};

/// Files with more lines are rejected.
const MAX_LINES: usize = 500_000;

/// A line of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) statement: Statement<'t>,
    pub(super) domain: Option<&'t str>,
}

/// The meaning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statement<'t> {
    /// `p`: the subject has a permission.
    Allows {
        subject: &'t str,
        object: &'t str,
        operation: &'t str,
    },
    /// `g`: the member has, or inherits, the role.
    Has { member: &'t str, role: &'t str },
    /// `g2`: the object belongs to the group.
    Contains { object: &'t str, group: &'t str },
}

/// The lines of a policy, and messages about lines.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    pub(super) file: Arc<str>,
    /// The lines with a counterpart.
    pub(super) known: Vec<Line<'t>>,
    pub(super) unmapped: Vec<(usize, String)>,
    pub(super) notices: Vec<(usize, String)>,
}

/// Reads a policy line by line, like Casbin.
pub(super) fn read<'t>(source: Source<'t>, model: &Model) -> Result<Lines<'t>, ImportError> {
    let file: Arc<str> = source.name.into();
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut lines = Lines {
        file,
        known: Vec::new(),
        unmapped: Vec::new(),
        notices: Vec::new(),
    };
    let mut columns = Columns::default();
    for (number, text) in (1..).zip(text.lines()) {
        if number > MAX_LINES {
            let at = Location::line(&lines.file, number);
            let message = format!("the file has more than {MAX_LINES} lines, which is the limit");
            return Err(ImportError::new(at, message));
        }
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if lines.known.is_empty()
            && let Some(found) = Columns::of_header(text)
        {
            columns = found;
            continue;
        }
        match parse(text, columns, model) {
            Ok(Parsed::Statement(statement, domain)) => lines.known.push(Line {
                number,
                statement,
                domain,
            }),
            Ok(Parsed::NoEffect(reason)) => lines.notices.push((number, reason)),
            Err(reason) => lines.unmapped.push((number, reason)),
        }
    }
    Ok(lines)
}

enum Parsed<'t> {
    Statement(Statement<'t>, Option<&'t str>),
    /// It grants nothing in Casbin either; the reason.
    NoEffect(String),
}

/// The columns of a dump of a database: `id,ptype,v0,v1,...`.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    /// The columns before `ptype`.
    before: usize,
}

impl Columns {
    /// Reads the names of columns; `None` for a line of the policy.
    fn of_header(text: &str) -> Option<Self> {
        let names = values(text).ok()?;
        let is = |name: &str, known: &[&str]| known.contains(&name.to_ascii_lowercase().as_str());
        let before = names
            .iter()
            .position(|name| is(name.trim(), &["ptype", "p_type"]))?;
        let next = names.get(before + 1)?;
        is(next.trim(), &["v0"]).then_some(Self { before })
    }
}

/// Returns the number of values that a line of this kind has.
fn wanted(key: &str, model: &Model) -> usize {
    let of_links = |links: Option<Links>| match links {
        Some(Links {
            by_domain: true, ..
        }) => 3,
        _ => 2,
    };
    match key {
        "p" => model.fields.len(),
        "g2" => of_links(model.resource_roles),
        _ => of_links(model.roles),
    }
}

/// Databases have a column for each value that a line could have; the last ones are empty, or NULL in a dump.
fn without_empty_columns(mut values: Vec<&str>, wanted: usize) -> Vec<&str> {
    let is_empty = |value: &&str| ["", "NULL", "\\N"].contains(value);
    while values.len() > wanted && values.last().is_some_and(is_empty) {
        values.pop();
    }
    values
}

fn parse<'t>(text: &'t str, columns: Columns, model: &Model) -> Result<Parsed<'t>, String> {
    let mut values = values(text)?.into_iter().skip(columns.before);
    let key = values.next().unwrap_or_default();
    let values = without_empty_columns(values.collect(), wanted(key, model));
    for value in &values {
        if value.is_empty() {
            return Err("a value is empty".to_owned());
        }
        if value.trim() != *value {
            return Err(format!(
                "{} begins or ends with a space; some versions of Casbin keep it and others drop it, so remove it",
                quoted(value)
            ));
        }
    }
    match key {
        "p" => allows(&values, model),
        "g" => link(key, &values, model.roles, |member, role| Statement::Has {
            member,
            role,
        }),
        "g2" => link(key, &values, model.resource_roles, |object, group| {
            Statement::Contains { object, group }
        }),
        other => Err(format!("the model has no {}", quoted(other))),
    }
}

fn allows<'t>(values: &[&'t str], model: &Model) -> Result<Parsed<'t>, String> {
    let wanted = model.fields.len();
    if values.len() != wanted {
        let found = values.len();
        return Err(format!("{found} values, but `p` has {wanted}"));
    }
    let value = |field| {
        let mut fields = model.fields.iter().zip(values);
        fields
            .find(|(one, _)| **one == field)
            .map(|(_, value)| *value)
    };
    match value(Field::Effect) {
        None | Some("allow") => {}
        Some(other) => {
            return Ok(Parsed::NoEffect(format!(
                "its effect is {}, and only `allow` grants anything",
                quoted(other)
            )));
        }
    }
    let statement = Statement::Allows {
        subject: value(Field::Subject).unwrap_or_default(),
        object: value(Field::Object).unwrap_or_default(),
        operation: value(Field::Operation).unwrap_or_default(),
    };
    Ok(Parsed::Statement(statement, value(Field::Domain)))
}

fn link<'t>(
    key: &str,
    values: &[&'t str],
    links: Option<Links>,
    statement: impl Fn(&'t str, &'t str) -> Statement<'t>,
) -> Result<Parsed<'t>, String> {
    let Some(links) = links else {
        return Err(format!("the model has no `{key}`"));
    };
    let wanted = if links.by_domain { 3 } else { 2 };
    let [one, other, rest @ ..] = values else {
        return Err(format!("{} values, but `{key}` has {wanted}", values.len()));
    };
    if values.len() != wanted {
        return Err(format!("{} values, but `{key}` has {wanted}", values.len()));
    }
    if !links.is_used {
        return Ok(Parsed::NoEffect(format!(
            "the matcher does not use `{key}`, so this line grants nothing"
        )));
    }
    if one == other {
        let reason = format!("{} is linked to itself, which grants nothing", quoted(one));
        return Ok(Parsed::NoEffect(reason));
    }
    Ok(Parsed::Statement(
        statement(one, other),
        rest.first().copied(),
    ))
}

/// Splits a line into its values, which are separated by commas and may be quoted. Spaces before a value are
/// dropped.
fn values(text: &str) -> Result<Vec<&str>, String> {
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let behind = if let Some(inner) = rest.strip_prefix('"') {
            let (value, behind) = inner
                .split_once('"')
                .ok_or_else(|| "a quotation mark is not closed".to_owned())?;
            if behind.starts_with('"') {
                return Err("a quoted value contains a quotation mark".to_owned());
            }
            values.push(value);
            behind
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (value, behind) = rest.split_at(end);
            if value.contains('"') {
                return Err(
                    "a value contains a quotation mark but does not begin with one".to_owned(),
                );
            }
            values.push(value);
            behind
        };
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(values),
            None => return Err("there is text after a closing quotation mark".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_casbin_splits_it() {
        assert_eq!(
            values("p, alice,data1 , read").unwrap(),
            ["p", "alice", "data1 ", "read"]
        );
        assert_eq!(
            values("p, \"a, b\", \"\",x").unwrap(),
            ["p", "a, b", "", "x"]
        );
        assert_eq!(values("p,").unwrap(), ["p", ""]);
        for broken in ["p, \"a", "p, a\"b", "p, \"a\"b", "p, \"a\"\"b\""] {
            assert!(values(broken).is_err(), "{broken}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_parser_panic_or_loop(text in "[pg2, \"a#é]{0,40}") {
            if let Ok(found) = values(&text) {
                proptest::prop_assert!(found.len() <= text.len() + 1);
            }
        }
    }
}
