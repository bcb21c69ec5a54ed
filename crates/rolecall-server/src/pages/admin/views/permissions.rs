//! Permissions: the list, and one of them.

use minijinja::Value;
use serde::Serialize;

use super::super::super::sample_values::TEXT;

/// The list, with the form of a new one.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the list, beside the form")]
pub(crate) struct Permissions {
    /// What is searched for.
    pub(crate) q: String,
    pub(crate) permissions: Vec<Listed>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) may_edit: bool,
    pub(crate) form: Form,
}

/// A permission.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) description: String,
}

/// What a form holds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) description: String,
}

/// The page of one permission.
#[derive(Debug, Serialize)]
pub(crate) struct PermissionPage {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// The roles that hold it, by its name or by a wildcard.
    pub(crate) roles: Vec<String>,
    /// A role holds it by its name: it must lose it first.
    pub(crate) is_held: bool,
    pub(crate) may_delete: bool,
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let listed = |description: &str| Listed {
        href: "/admin/permissions/x".to_owned(),
        name: TEXT.to_owned(),
        description: description.to_owned(),
    };
    let full = Permissions {
        q: TEXT.to_owned(),
        permissions: vec![listed(TEXT), listed("")],
        first: "/admin/permissions".to_owned(),
        next: "/admin/permissions?after=x".to_owned(),
        may_edit: true,
        form: Form {
            name: TEXT.to_owned(),
            description: TEXT.to_owned(),
        },
    };
    let nothing_found = Permissions {
        q: TEXT.to_owned(),
        ..Permissions::default()
    };
    [full, nothing_found, Permissions::default()]
        .iter()
        .map(super::value)
        .collect()
}

/// Samples of one permission.
pub(in super::super) fn pages() -> Vec<Value> {
    let page = |roles: &[&str], is_held: bool, may_delete: bool| PermissionPage {
        path: "/admin/permissions/x".to_owned(),
        name: TEXT.to_owned(),
        description: TEXT.to_owned(),
        roles: roles.iter().map(ToString::to_string).collect(),
        is_held,
        may_delete,
    };
    [
        page(&[TEXT, TEXT], true, false),
        page(&[TEXT], false, true),
        page(&[], false, true),
    ]
    .iter()
    .map(super::value)
    .collect()
}
