//! Invitations that were not accepted yet.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// The list.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Invitations {
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) may_invite: bool,
}

/// An invitation, in the list and on its page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) address: String,
    pub(crate) roles: Vec<String>,
    /// The tenant in which the roles are given; empty for none.
    pub(crate) tenant: String,
    /// The name of the inviter, or what the audit log says.
    pub(crate) by: String,
    pub(crate) at: Time,
    pub(crate) until: Time,
    pub(crate) may_withdraw: bool,
}

fn full() -> Row {
    Row {
        href: "/admin/invitations/x".to_owned(),
        address: TEXT.to_owned(),
        roles: vec![TEXT.to_owned(), TEXT.to_owned()],
        tenant: TEXT.to_owned(),
        by: TEXT.to_owned(),
        at: Time::sample(),
        until: Time::sample(),
        may_withdraw: true,
    }
}

fn bare() -> Row {
    Row {
        roles: Vec::new(),
        tenant: String::new(),
        may_withdraw: false,
        ..full()
    }
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let list = Invitations {
        rows: vec![full(), bare()],
        first: "/admin/invitations".to_owned(),
        next: "/admin/invitations?after=x".to_owned(),
        may_invite: true,
    };
    [list, Invitations::default()].iter().map(value).collect()
}

/// Samples of one invitation.
pub(in super::super) fn pages() -> Vec<Value> {
    [full(), bare()].iter().map(value).collect()
}
