//! The people of a tenant.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct People {
    /// The tenant; empty if the caller acts in none.
    pub(crate) tenant: String,
    pub(crate) rows: Vec<Person>,
    pub(crate) first: String,
    pub(crate) next: String,
}

/// Somebody with a role in the tenant.
#[derive(Debug, Serialize)]
pub(crate) struct Person {
    /// The name, or the id for those who may not read users.
    pub(crate) name: String,
    /// The page of a user; empty for a client.
    pub(crate) href: String,
    pub(crate) role: String,
    pub(crate) until: Option<Time>,
}

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let person = |href: &str, until| Person {
        name: TEXT.to_owned(),
        href: href.to_owned(),
        role: TEXT.to_owned(),
        until,
    };
    let full = People {
        tenant: TEXT.to_owned(),
        rows: vec![
            person("/admin/users/x", Some(Time::sample())),
            person("", None),
        ],
        first: "/admin/people".to_owned(),
        next: "/admin/people?after=x".to_owned(),
    };
    let empty = People {
        tenant: TEXT.to_owned(),
        ..People::default()
    };
    [full, empty, People::default()].iter().map(value).collect()
}
