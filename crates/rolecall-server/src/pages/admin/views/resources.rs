//! Resources: the list, the page of one, and its form.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// The list.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Resources {
    pub(crate) may_create: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
}

/// A resource in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) objects: Vec<String>,
    pub(crate) default_scope: String,
    /// `no` or `ask`.
    pub(crate) dynamic: &'static str,
}

/// The form of a resource, and its page.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ResourcePage {
    pub(crate) is_new: bool,
    /// The path of the form, and of the page of a resource that is there.
    pub(crate) path: String,
    pub(crate) may_write: bool,
    /// Cannot be changed.
    pub(crate) uri: String,
    /// The name that is stored, for the heading.
    pub(crate) title: String,
    pub(crate) name: String,
    /// One in a line.
    pub(crate) objects: String,
    pub(crate) default_scope: String,
    /// `no` or `ask`.
    pub(crate) dynamic: String,
    pub(crate) updated: Option<Time>,
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let row = |dynamic, scope: &str| Row {
        href: "/admin/resources/x".to_owned(),
        uri: TEXT.to_owned(),
        name: TEXT.to_owned(),
        objects: vec![TEXT.to_owned(), TEXT.to_owned()],
        default_scope: scope.to_owned(),
        dynamic,
    };
    let full = Resources {
        may_create: true,
        rows: vec![row("no", ""), row("ask", TEXT)],
        first: "/admin/resources".to_owned(),
        next: "/admin/resources?after=x".to_owned(),
    };
    let empty = Resources {
        may_create: true,
        ..Resources::default()
    };
    [full, empty, Resources::default()]
        .iter()
        .map(value)
        .collect()
}

/// Samples of one.
pub(in super::super) fn pages() -> Vec<Value> {
    let text = || TEXT.to_owned();
    let new = ResourcePage {
        is_new: true,
        path: "/admin/resources/new".to_owned(),
        may_write: true,
        uri: text(),
        name: text(),
        objects: text(),
        default_scope: text(),
        dynamic: "ask".to_owned(),
        ..ResourcePage::default()
    };
    let edit = ResourcePage {
        is_new: false,
        path: "/admin/resources/x".to_owned(),
        title: text(),
        dynamic: "no".to_owned(),
        updated: Some(Time::sample()),
        ..new.clone()
    };
    let read = ResourcePage {
        may_write: false,
        ..edit.clone()
    };
    let bare = ResourcePage {
        default_scope: String::new(),
        dynamic: "ask".to_owned(),
        ..read.clone()
    };
    [new, edit, read, bare].iter().map(value).collect()
}
