//! The outbox, and a mail that tries the settings.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};
use crate::mail::send_error::Fault;

/// The page.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Mails {
    pub(crate) is_configured: bool,
    pub(crate) waiting: i64,
    pub(crate) given_up: i64,
    /// Only those that were tried in vain are listed.
    pub(crate) failed_only: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) may_test: bool,
    /// The address that was entered.
    pub(crate) address: String,
    pub(crate) outcome: Option<Outcome>,
}

/// A mail.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) recipient: String,
    pub(crate) kind: String,
    pub(crate) created: Time,
    pub(crate) is_given_up: bool,
    pub(crate) tries: i64,
    pub(crate) error: String,
    /// When it is tried again, or was given up.
    pub(crate) at: Time,
}

/// What came of a mail that tries the settings.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) is_taken: bool,
    pub(crate) server: String,
    /// What the server has answered; empty if it took the mail.
    pub(crate) answer: String,
    /// The key of the text that says what to do; empty if there is nothing to do.
    pub(crate) advice: &'static str,
    /// The domain of the sender.
    pub(crate) domain: String,
}

/// Returns the key of the text that says what to do about a fault.
pub(crate) const fn advice(fault: Fault) -> &'static str {
    match fault {
        Fault::Connection => "admin-mail-check-connection",
        Fault::Protocol => "admin-mail-check-protocol",
        Fault::Tls => "admin-mail-check-tls",
        Fault::Login => "admin-mail-check-login",
        Fault::Mailbox => "admin-mail-check-mailbox",
        Fault::Busy => "admin-mail-check-later",
        Fault::Other => "admin-mail-check-answer",
    }
}

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let row = |is_given_up, error: &str| Row {
        recipient: TEXT.to_owned(),
        kind: TEXT.to_owned(),
        created: Time::sample(),
        is_given_up,
        tries: 2,
        error: error.to_owned(),
        at: Time::sample(),
    };
    let outcome = |is_taken, advice| Outcome {
        is_taken,
        server: TEXT.to_owned(),
        answer: TEXT.to_owned(),
        advice,
        domain: TEXT.to_owned(),
    };
    let full = Mails {
        is_configured: true,
        waiting: 2,
        given_up: 1,
        failed_only: true,
        rows: vec![row(true, TEXT), row(false, TEXT), row(false, "")],
        first: "/admin/mail".to_owned(),
        next: "/admin/mail?after=x".to_owned(),
        may_test: true,
        address: TEXT.to_owned(),
        outcome: Some(outcome(true, "")),
    };
    let refused = Fault::ALL.map(|fault| Mails {
        outcome: Some(outcome(false, advice(fault))),
        failed_only: false,
        ..full.clone()
    });
    let empty = Mails {
        is_configured: true,
        may_test: true,
        ..Mails::default()
    };
    let others = [full, empty, Mails::default()];
    others.iter().chain(&refused).map(value).collect()
}
