//! Roles: the list, one role, and its form.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// The list.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Roles {
    /// What is searched for.
    pub(crate) q: String,
    pub(crate) may_create: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
}

/// A role in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) juniors: Vec<String>,
    pub(crate) approval: bool,
    pub(crate) acr: &'static str,
}

/// A role's page.
#[derive(Debug, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the page shows or leaves out"
)]
pub(crate) struct RolePage {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) description: String,
    pub(crate) approval: bool,
    pub(crate) by_name: bool,
    pub(crate) acr: &'static str,
    pub(crate) updated: Option<Time>,
    /// Held by the role itself.
    pub(crate) permissions: Vec<String>,
    /// Inherited directly.
    pub(crate) juniors: Vec<String>,
    /// All permissions, inherited ones too, wildcards expanded.
    pub(crate) reach: Vec<String>,
    pub(crate) all_juniors: Vec<String>,
    pub(crate) seniors: Vec<String>,
    pub(crate) holders: Vec<Holder>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) sees_holders: bool,
    pub(crate) may_edit: bool,
    pub(crate) may_delete: bool,
    /// The role is rolecall's own and stays as it is: it can be given, and nothing else.
    pub(crate) is_fixed: bool,
}

/// Somebody who has a role.
#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) is_client: bool,
    /// The page of the holder; empty for a client that the caller may not see.
    pub(crate) href: String,
    /// The role that is assigned, from which this one is inherited.
    pub(crate) role: String,
    pub(crate) tenant: String,
    pub(crate) until: Option<Time>,
}

/// The form of a role.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RoleForm {
    pub(crate) is_new: bool,
    pub(crate) action: String,
    pub(crate) back: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) approval: bool,
    pub(crate) by_name: bool,
    pub(crate) acr: String,
}

/// The form that adds a permission or a junior to a role, or takes one away.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Contents {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) juniors: Vec<String>,
    /// What can be chosen.
    pub(crate) known_permissions: Vec<String>,
    pub(crate) known_roles: Vec<String>,
    /// What was entered.
    pub(crate) permission: String,
    pub(crate) junior: String,
}

fn texts() -> Vec<String> {
    vec![TEXT.to_owned(), "x".to_owned()]
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let row = |approval| Row {
        href: "/admin/roles/x".to_owned(),
        name: TEXT.to_owned(),
        description: TEXT.to_owned(),
        permissions: texts(),
        juniors: texts(),
        approval,
        acr: "aal2",
    };
    let full = Roles {
        q: TEXT.to_owned(),
        may_create: true,
        rows: vec![row(true), row(false)],
        first: "/admin/roles".to_owned(),
        next: "/admin/roles?after=x".to_owned(),
    };
    let nothing_found = Roles {
        q: TEXT.to_owned(),
        ..Roles::default()
    };
    [full, nothing_found, Roles::default()]
        .iter()
        .map(value)
        .collect()
}

/// Samples of a role's page.
pub(in super::super) fn role_samples() -> Vec<Value> {
    let holder = |href: &str, until| Holder {
        name: TEXT.to_owned(),
        is_client: href.is_empty(),
        href: href.to_owned(),
        role: TEXT.to_owned(),
        tenant: href.to_owned(),
        until,
    };
    let full = RolePage {
        name: TEXT.to_owned(),
        path: "/admin/roles/x".to_owned(),
        description: TEXT.to_owned(),
        approval: true,
        by_name: true,
        acr: "aal2",
        updated: Some(Time::sample()),
        permissions: texts(),
        juniors: texts(),
        reach: texts(),
        all_juniors: texts(),
        seniors: texts(),
        holders: vec![
            holder("/admin/users/x", Some(Time::sample())),
            holder("", None),
        ],
        first: "/admin/roles/x".to_owned(),
        next: "/admin/roles/x?after=x".to_owned(),
        sees_holders: true,
        may_edit: true,
        may_delete: true,
        is_fixed: false,
    };
    let bare = RolePage {
        sees_holders: true,
        is_fixed: true,
        acr: "aal1",
        ..RolePage::default()
    };
    let hidden = RolePage {
        acr: "phr",
        ..RolePage::default()
    };
    [full, bare, hidden].iter().map(value).collect()
}

/// Samples of the form of a role.
pub(in super::super) fn form_samples() -> Vec<Value> {
    let full = RoleForm {
        is_new: true,
        action: "/admin/roles/new".to_owned(),
        back: "/admin/roles".to_owned(),
        name: TEXT.to_owned(),
        description: TEXT.to_owned(),
        approval: true,
        by_name: true,
        acr: "phr".to_owned(),
    };
    let edit = RoleForm {
        is_new: false,
        approval: false,
        by_name: false,
        acr: TEXT.to_owned(),
        ..full.clone()
    };
    [full, edit].iter().map(value).collect()
}

/// Samples of the form for what a role gives.
pub(in super::super) fn contents_samples() -> Vec<Value> {
    let full = Contents {
        name: TEXT.to_owned(),
        path: "/admin/roles/x".to_owned(),
        permissions: texts(),
        juniors: texts(),
        known_permissions: texts(),
        known_roles: texts(),
        permission: TEXT.to_owned(),
        junior: TEXT.to_owned(),
    };
    [full, Contents::default()].iter().map(value).collect()
}
