//! The lines of a policy.

use std::sync::Arc;

use super::model::{Field, Links, Model};
use crate::policy::import::{At, Note, Refusal, Source, quoted};

/// More lines than this are refused.
const MAX_LINES: usize = 500_000;

/// A line of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule<'t> {
    pub(super) line: usize,
    pub(super) what: What<'t>,
    pub(super) domain: Option<&'t str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'t> {
    /// `p`: the subject may do this.
    Allows {
        subject: &'t str,
        object: &'t str,
        operation: &'t str,
    },
    /// `g`: the member has, or inherits, the role.
    Has { member: &'t str, role: &'t str },
    /// `g2`: the object is one of the group.
    Contains { object: &'t str, group: &'t str },
}

/// The lines that mean something, and what is to be said of the others.
#[derive(Debug)]
pub(super) struct Rules<'t> {
    pub(super) file: Arc<str>,
    pub(super) known: Vec<Rule<'t>>,
    pub(super) unmapped: Vec<(usize, String)>,
    pub(super) told: Vec<(usize, String)>,
}

/// Reads a policy, line by line as Casbin does.
pub(super) fn read<'t>(source: Source<'t>, model: &Model) -> Result<Rules<'t>, Refusal> {
    let file: Arc<str> = source.name.into();
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut rules = Rules {
        file,
        known: Vec::new(),
        unmapped: Vec::new(),
        told: Vec::new(),
    };
    for (line, text) in (1..).zip(text.lines()) {
        if line > MAX_LINES {
            let at = At::line(&rules.file, line);
            let message = format!("more than the {MAX_LINES} lines that are read");
            return Err(vec![Note::new(at, message)]);
        }
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match rule(text, model) {
            Ok(Meant::Rule(what, domain)) => rules.known.push(Rule { line, what, domain }),
            Ok(Meant::Nothing(why)) => rules.told.push((line, why)),
            Err(why) => rules.unmapped.push((line, why)),
        }
    }
    Ok(rules)
}

enum Meant<'t> {
    Rule(What<'t>, Option<&'t str>),
    /// It has no effect in Casbin either.
    Nothing(String),
}

fn rule<'t>(text: &'t str, model: &Model) -> Result<Meant<'t>, String> {
    let mut values = values(text)?.into_iter();
    let key = values.next().unwrap_or_default();
    let values: Vec<&str> = values.collect();
    for value in &values {
        if value.is_empty() {
            return Err("a value is empty".to_owned());
        }
        if value.trim() != *value {
            return Err(format!(
                "{} begins or ends with a space, which counts in Casbin",
                quoted(value)
            ));
        }
    }
    match key {
        "p" => allows(&values, model),
        "g" => link(key, &values, model.roles, |member, role| What::Has {
            member,
            role,
        }),
        "g2" => link(key, &values, model.resource_roles, |object, group| {
            What::Contains { object, group }
        }),
        other => Err(format!("the model has no {}", quoted(other))),
    }
}

fn allows<'t>(values: &[&'t str], model: &Model) -> Result<Meant<'t>, String> {
    let wanted = model.fields.len();
    if values.len() != wanted {
        let found = values.len();
        return Err(format!("{found} values, where `p` has {wanted}"));
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
            let why = format!(
                "its effect is {}, and only `allow` counts: it gives nothing",
                quoted(other)
            );
            return Ok(Meant::Nothing(why));
        }
    }
    let what = What::Allows {
        subject: value(Field::Subject).unwrap_or_default(),
        object: value(Field::Object).unwrap_or_default(),
        operation: value(Field::Operation).unwrap_or_default(),
    };
    Ok(Meant::Rule(what, value(Field::Domain)))
}

fn link<'t>(
    key: &str,
    values: &[&'t str],
    links: Option<Links>,
    what: impl Fn(&'t str, &'t str) -> What<'t>,
) -> Result<Meant<'t>, String> {
    let Some(links) = links else {
        return Err(format!("the model has no `{key}`"));
    };
    let wanted = if links.by_domain { 3 } else { 2 };
    let [one, other, rest @ ..] = values else {
        return Err(format!(
            "{} values, where `{key}` has {wanted}",
            values.len()
        ));
    };
    if values.len() != wanted {
        return Err(format!(
            "{} values, where `{key}` has {wanted}",
            values.len()
        ));
    }
    if !links.is_used {
        return Ok(Meant::Nothing(format!(
            "the matcher does not ask for `{key}`: it gives nothing"
        )));
    }
    if one == other {
        let why = format!("{} is itself without a rule: it gives nothing", quoted(one));
        return Ok(Meant::Nothing(why));
    }
    Ok(Meant::Rule(what(one, other), rest.first().copied()))
}

/// The values of a line: separated by commas, spaces before each left out, or between quotation marks.
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
                return Err("a quotation mark in a value".to_owned());
            }
            values.push(value);
            behind
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (value, behind) = rest.split_at(end);
            if value.contains('"') {
                return Err("a quotation mark in a value that does not begin with one".to_owned());
            }
            values.push(value);
            behind
        };
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(values),
            None => return Err("something stands behind a closed quotation mark".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_casbin_does_it() {
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
        fn no_line_makes_it_panic_or_run_on(text in "[pg2, \"a#é]{0,40}") {
            if let Ok(found) = values(&text) {
                proptest::prop_assert!(found.len() <= text.len() + 1);
            }
        }
    }
}
