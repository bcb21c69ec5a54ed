//! "May they?", with the reasons.

use minijinja::Value;
use serde::Serialize;
use serde_json::json;

use super::{super::super::sample_values::TEXT, Time};

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Decisions {
    pub(crate) form: Form,
    pub(crate) receipt: String,
    pub(crate) answer: Option<Shown>,
}

/// A question, as it was entered.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Form {
    pub(crate) user: String,
    pub(crate) need: String,
    pub(crate) tenant: String,
    pub(crate) at: String,
    pub(crate) acr: String,
}

/// A decision.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) allowed: bool,
    pub(crate) name: String,
    pub(crate) need: String,
    pub(crate) tenant: String,
    pub(crate) at: Time,
    pub(crate) revision: i64,
    /// It explains a refusal by its receipt.
    pub(crate) is_refusal: bool,
    /// The steps as the API describes them.
    pub(crate) because: Vec<Value>,
}

/// Samples of the page.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(in super::super) fn samples() -> Vec<Value> {
    let assignment = json!({
        "role": TEXT, "tenant": TEXT, "valid_from": TEXT, "expires_at": TEXT, "reason": TEXT,
        "assigned_by": TEXT, "assigned_at": TEXT,
    });
    let mut given = assignment.clone();
    if let Some(members) = given.as_object_mut() {
        members.insert("kind".to_owned(), json!("assignment"));
    }
    let causes = [
        "expired",
        "not_yet_valid",
        "other_tenant",
        "global_only",
        "unassigned",
        "narrowed",
        "sign_in_too_old",
        "token_is_older",
    ];
    let lost = causes.map(|cause| {
        json!({
            "kind": "lost", "cause": cause, "assignment": assignment, "path": [TEXT, TEXT], "at": TEXT, "by": TEXT,
        })
    });
    let steps = [
        json!({ "kind": "need", "need": TEXT, "met": true }),
        json!({ "kind": "need", "need": TEXT, "met": false }),
        json!({ "kind": "status", "status": "disabled" }),
        given,
        json!({ "kind": "inheritance", "path": [TEXT, TEXT] }),
        json!({ "kind": "grant", "role": TEXT, "permission": TEXT }),
        json!({ "kind": "assurance", "role": TEXT, "needed": "aal2", "present": "aal1" }),
        json!({ "kind": "assurance", "role": TEXT, "needed": "phr" }),
        json!({ "kind": "missing", "need": TEXT, "exists": true }),
        json!({ "kind": "missing", "need": TEXT, "exists": false }),
        json!({ "kind": "would_give", "roles": [TEXT, TEXT] }),
        json!({ "kind": "may_give", "role": TEXT, "tenant": TEXT, "users": [{ "id": "x", "username": TEXT }], "more": true }),
        json!({ "kind": "may_give", "role": TEXT, "tenant": null, "users": [], "more": false }),
        json!({ "kind": "lost", "cause": "token_is_older" }),
        json!({ "kind": "not_listed", "lost": 3 }),
    ];
    let because = steps.iter().chain(&lost).map(super::value).collect();
    let full = Decisions {
        form: Form {
            user: TEXT.to_owned(),
            need: TEXT.to_owned(),
            tenant: TEXT.to_owned(),
            at: TEXT.to_owned(),
            acr: "aal2".to_owned(),
        },
        receipt: TEXT.to_owned(),
        answer: Some(Shown {
            allowed: true,
            name: TEXT.to_owned(),
            need: TEXT.to_owned(),
            tenant: TEXT.to_owned(),
            at: Time::sample(),
            revision: 7,
            is_refusal: true,
            because,
        }),
    };
    let denied = Decisions {
        answer: Some(Shown {
            allowed: false,
            name: TEXT.to_owned(),
            need: TEXT.to_owned(),
            tenant: String::new(),
            at: Time::sample(),
            revision: 7,
            is_refusal: false,
            because: Vec::new(),
        }),
        ..Decisions::default()
    };
    [full, denied, Decisions::default()]
        .iter()
        .map(super::value)
        .collect()
}
