//! Constraints: what keeps roles apart.

use minijinja::Value;
use serde::Serialize;

use super::super::super::sample_values::TEXT;

/// The list, with the form of a new one.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the list, beside the form")]
pub(crate) struct Constraints {
    pub(crate) constraints: Vec<Listed>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) may_edit: bool,
    pub(crate) form: Form,
}

/// A constraint.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// `static` or `dynamic`.
    pub(crate) kind: &'static str,
    /// `session` or `subject`.
    pub(crate) per: &'static str,
    pub(crate) roles: Vec<String>,
    pub(crate) at_most: u32,
}

/// What a form holds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) per: String,
    /// One role in a line.
    pub(crate) roles: String,
    pub(crate) at_most: String,
}

/// The page of one constraint.
#[derive(Debug, Serialize)]
pub(crate) struct ConstraintPage {
    pub(crate) constraint: Listed,
    pub(crate) form: Form,
    pub(crate) may_edit: bool,
}

impl From<&Listed> for Form {
    fn from(listed: &Listed) -> Self {
        Self {
            name: listed.name.clone(),
            kind: listed.kind.to_owned(),
            per: listed.per.to_owned(),
            roles: listed.roles.join("\n"),
            at_most: listed.at_most.to_string(),
        }
    }
}

fn sample(kind: &'static str, per: &'static str) -> Listed {
    Listed {
        name: TEXT.to_owned(),
        kind,
        per,
        roles: vec![TEXT.to_owned(), TEXT.to_owned()],
        at_most: 1,
    }
}

fn all() -> Vec<Listed> {
    vec![
        sample("static", "session"),
        sample("dynamic", "session"),
        sample("dynamic", "subject"),
    ]
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let full = Constraints {
        constraints: all(),
        first: "/admin/constraints".to_owned(),
        next: "/admin/constraints?after=x".to_owned(),
        may_edit: true,
        form: Form::from(&sample("dynamic", "subject")),
    };
    [full, Constraints::default()]
        .iter()
        .map(super::value)
        .collect()
}

/// Samples of one constraint.
pub(in super::super) fn pages() -> Vec<Value> {
    let page = |(place, constraint): (usize, Listed)| ConstraintPage {
        form: Form::from(&constraint),
        constraint,
        may_edit: place > 0,
    };
    let pages = all().into_iter().enumerate().map(page);
    pages.map(|one| super::value(&one)).collect()
}
