//! Requests that a second person has to confirm.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time};

/// The list, with the form of a new one.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the list, beside the form")]
pub(crate) struct Requests {
    pub(crate) requests: Vec<Request>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) may_ask: bool,
    pub(crate) form: Form,
}

/// A request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The page of the user; empty for a client.
    pub(crate) href: String,
    pub(crate) role: String,
    pub(crate) tenant: String,
    pub(crate) from: Option<Time>,
    pub(crate) until: Option<Time>,
    pub(crate) reason: String,
    /// The name of the requester, or what the audit log says.
    pub(crate) by: String,
    pub(crate) at: Time,
    /// The caller has made it.
    pub(crate) is_own: bool,
    pub(crate) may_end: bool,
}

/// What a form holds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Form {
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) until: String,
    pub(crate) reason: String,
}

fn sample(is_own: bool) -> Request {
    Request {
        id: "x".to_owned(),
        name: TEXT.to_owned(),
        href: if is_own {
            String::new()
        } else {
            "/admin/users/x".to_owned()
        },
        role: TEXT.to_owned(),
        tenant: if is_own {
            String::new()
        } else {
            TEXT.to_owned()
        },
        from: (!is_own).then(Time::sample),
        until: (!is_own).then(Time::sample),
        reason: if is_own {
            String::new()
        } else {
            TEXT.to_owned()
        },
        by: TEXT.to_owned(),
        at: Time::sample(),
        is_own,
        may_end: true,
    }
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let full = Requests {
        requests: vec![sample(true), sample(false)],
        first: "/admin/requests".to_owned(),
        next: "/admin/requests?after=x".to_owned(),
        may_ask: true,
        form: Form {
            user: TEXT.to_owned(),
            role: TEXT.to_owned(),
            until: TEXT.to_owned(),
            reason: TEXT.to_owned(),
        },
    };
    [full, Requests::default()]
        .iter()
        .map(super::value)
        .collect()
}

/// Samples of one request.
pub(in super::super) fn pages() -> Vec<Value> {
    let ended = Request {
        may_end: false,
        ..sample(false)
    };
    [sample(true), sample(false), ended]
        .iter()
        .map(super::value)
        .collect()
}
