//! The list of users, and what is done with a selection of them.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Column, Time, value};

/// The list.
#[derive(Debug, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is asked by the template alone"
)]
pub(crate) struct Users {
    pub(crate) q: String,
    pub(crate) status: String,
    pub(crate) role: String,
    pub(crate) tenant: String,
    pub(crate) without_factor: bool,
    /// True if the list is limited by anything.
    pub(crate) is_filtered: bool,
    pub(crate) may_filter_roles: bool,
    pub(crate) may_create: bool,
    /// The actions for a selection.
    pub(crate) actions: Vec<&'static str>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
}

/// A user in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) is_verified: bool,
    /// The key of the status.
    pub(crate) status: &'static str,
    /// The first roles, those in a tenant as `ROLE @ TENANT`.
    pub(crate) roles: Vec<String>,
    /// The number of the other roles.
    pub(crate) more_roles: usize,
    pub(crate) factors: i64,
    pub(crate) last_sign_in: Option<Time>,
    pub(crate) created: Time,
}

/// The actions for a selection, which are also the ends of the keys of their texts.
pub(crate) const ACTIONS: [&str; 3] = ["assign", "unassign", "disable"];

/// What an action would do to a selection, or has done.
#[derive(Debug, Serialize)]
pub(crate) struct Bulk {
    pub(crate) action: &'static str,
    pub(crate) role: String,
    pub(crate) tenant: String,
    /// The end as it was entered, in UTC.
    pub(crate) until: String,
    /// The end, if it could be read.
    pub(crate) ends: Option<Time>,
    pub(crate) rows: Vec<BulkRow>,
    /// It was done.
    pub(crate) is_done: bool,
    /// The users to whom something would happen.
    pub(crate) changes: usize,
}

/// What happens to one user.
#[derive(Debug, Serialize)]
pub(crate) struct BulkRow {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) username: String,
    /// The key of the text that says what happens.
    pub(crate) effect: &'static str,
    /// Why nothing happened: a key, and the text of a rule or what the text of the key names.
    pub(crate) problem_key: &'static str,
    pub(crate) problem_kind: &'static str,
    pub(crate) problem: String,
}

/// The keys of what can happen to a user.
pub(crate) const EFFECTS: [&str; 10] = [
    "admin-will-assign",
    "admin-will-request",
    "admin-has-role",
    "admin-will-unassign",
    "admin-lacks-role",
    "admin-will-disable",
    "admin-is-disabled",
    "admin-did",
    "admin-did-request",
    "admin-did-not",
];

fn row(text: &str, status: &'static str) -> Row {
    Row {
        id: text.to_owned(),
        href: "/admin/users/x".to_owned(),
        username: text.to_owned(),
        email: text.to_owned(),
        is_verified: true,
        status,
        roles: vec![text.to_owned()],
        more_roles: 2,
        factors: 1,
        last_sign_in: Some(Time::sample()),
        created: Time::sample(),
    }
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let mut bare = row("x", "admin-status-disabled");
    bare.email.clear();
    bare.roles.clear();
    bare.more_roles = 0;
    bare.factors = 0;
    bare.last_sign_in = None;
    let column = |href: &str, order| Column {
        key: "admin-user-name",
        href: href.to_owned(),
        order,
    };
    let full = Users {
        q: TEXT.to_owned(),
        status: "disabled".to_owned(),
        role: TEXT.to_owned(),
        tenant: TEXT.to_owned(),
        without_factor: true,
        is_filtered: true,
        may_filter_roles: true,
        may_create: true,
        actions: ACTIONS.to_vec(),
        columns: vec![
            column("/admin/users?sort=name", "ascending"),
            column("/admin/users?sort=-name", "descending"),
            column("", ""),
        ],
        rows: vec![
            row(TEXT, "admin-status-active"),
            row(TEXT, "admin-status-password_change_required"),
            bare,
        ],
        first: "/admin/users".to_owned(),
        next: "/admin/users?after=x".to_owned(),
    };
    let nobody = Users {
        is_filtered: true,
        ..Users::default()
    };
    [full, Users::default(), nobody].iter().map(value).collect()
}

/// Samples of what an action does to a selection.
pub(in super::super) fn bulk_samples() -> Vec<Value> {
    let mut samples = Vec::new();
    for action in ACTIONS {
        for is_done in [false, true] {
            let rows = EFFECTS.map(|effect| BulkRow {
                id: TEXT.to_owned(),
                href: "/admin/users/x".to_owned(),
                username: TEXT.to_owned(),
                effect,
                problem_key: if is_done { "admin-exceeds" } else { "" },
                problem_kind: "",
                problem: TEXT.to_owned(),
            });
            samples.push(value(&Bulk {
                action,
                role: TEXT.to_owned(),
                tenant: TEXT.to_owned(),
                until: TEXT.to_owned(),
                ends: is_done.then(Time::sample),
                rows: rows.into_iter().collect(),
                is_done,
                changes: 3,
            }));
        }
    }
    samples.push(value(&Bulk {
        action: "disable",
        role: String::new(),
        tenant: String::new(),
        until: String::new(),
        ends: None,
        rows: Vec::new(),
        is_done: false,
        changes: 0,
    }));
    samples
}
