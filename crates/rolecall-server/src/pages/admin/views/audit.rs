//! The audit log: the list, one entry, and its verification.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// What to search for, as it was entered.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Form {
    /// `events`, or empty for changes.
    pub(crate) kind: String,
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) about: String,
    pub(crate) from: String,
    pub(crate) until: String,
}

/// The list.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Audit {
    pub(crate) form: Form,
    pub(crate) is_filtered: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
    /// Older entries were not looked at yet.
    pub(crate) is_unfinished: bool,
    /// The address of the same as a file.
    pub(crate) export: String,
    /// The addresses of changes and of events.
    pub(crate) changes: String,
    pub(crate) events: String,
}

/// An entry or an event in the list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) href: String,
    /// The revision of an entry; the kind of an event.
    pub(crate) title: String,
    pub(crate) at: Time,
    pub(crate) actor: Actor,
    /// The changes of an entry on a line each; the address and detail of an event.
    pub(crate) lines: Vec<String>,
    /// The changes that are not listed.
    pub(crate) more: usize,
}

/// Somebody who did something, or about whom it is.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Actor {
    pub(crate) name: String,
    /// The page of a user; empty for others.
    pub(crate) href: String,
}

/// One entry or event.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Entry {
    /// The revision of an entry, or the id of an event.
    pub(crate) title: String,
    pub(crate) is_event: bool,
    pub(crate) at: Option<Time>,
    pub(crate) actor: Actor,
    /// Empty for an event.
    pub(crate) mark: String,
    pub(crate) changes: Vec<Vec<Member>>,
    /// The changes that are not listed.
    pub(crate) more: usize,
}

/// A member of a change.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The verification: before it, and with its result.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Verification {
    /// The mark that was entered.
    pub(crate) mark: String,
    pub(crate) verdict: Option<Verdict>,
}

/// The result of the verification.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) is_intact: bool,
    /// The key of the text, which names `revision` and `count`.
    pub(crate) key: &'static str,
    pub(crate) revision: i64,
    /// The entries of an intact log; the newest revision of one that was cut off.
    pub(crate) count: u64,
    /// The mark to keep.
    pub(crate) mark: String,
    pub(crate) differences: Vec<String>,
    pub(crate) more: usize,
}

/// The texts of verdicts.
pub(crate) const VERDICTS: [&str; 7] = [
    "admin-verdict-intact",
    "admin-verdict-altered",
    "admin-verdict-truncated",
    "admin-verdict-unsealed",
    "admin-verdict-tampered",
    "admin-verdict-unknown-mark",
    "admin-verdict-unexplained",
];

fn actor() -> Actor {
    Actor {
        name: TEXT.to_owned(),
        href: "/admin/users/x".to_owned(),
    }
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let row = |actor, more| Row {
        href: "/admin/audit/7".to_owned(),
        title: TEXT.to_owned(),
        at: Time::sample(),
        actor,
        lines: vec![TEXT.to_owned()],
        more,
    };
    let form = |kind: &str| Form {
        kind: kind.to_owned(),
        who: TEXT.to_owned(),
        what: TEXT.to_owned(),
        about: TEXT.to_owned(),
        from: TEXT.to_owned(),
        until: TEXT.to_owned(),
    };
    let full = |kind| Audit {
        form: form(kind),
        is_filtered: true,
        rows: vec![row(actor(), 3), row(Actor::default(), 0)],
        first: "/admin/audit".to_owned(),
        next: "/admin/audit?after=7".to_owned(),
        is_unfinished: true,
        export: "/admin/audit/export".to_owned(),
        changes: "/admin/audit".to_owned(),
        events: "/admin/audit?kind=events".to_owned(),
    };
    let nothing = Audit {
        rows: Vec::new(),
        is_unfinished: false,
        ..full("")
    };
    let unfinished = Audit {
        rows: Vec::new(),
        ..full("")
    };
    let views = [
        full(""),
        full("events"),
        nothing,
        unfinished,
        Audit::default(),
    ];
    views.iter().map(value).collect()
}

/// Samples of an entry.
pub(in super::super) fn entries() -> Vec<Value> {
    let member = || Member {
        name: TEXT.to_owned(),
        value: TEXT.to_owned(),
    };
    let entry = Entry {
        title: TEXT.to_owned(),
        is_event: false,
        at: Some(Time::sample()),
        actor: actor(),
        mark: TEXT.to_owned(),
        changes: vec![vec![member(), member()], vec![member()]],
        more: 3,
    };
    let event = Entry {
        is_event: true,
        mark: String::new(),
        more: 0,
        ..entry.clone()
    };
    [entry, event, Entry::default()].iter().map(value).collect()
}

/// Samples of the verification.
pub(in super::super) fn verifications() -> Vec<Value> {
    let full = VERDICTS.map(|key| Verification {
        mark: TEXT.to_owned(),
        verdict: Some(Verdict {
            is_intact: key == VERDICTS[0],
            key,
            revision: 7,
            count: 12,
            mark: TEXT.to_owned(),
            differences: vec![TEXT.to_owned()],
            more: 2,
        }),
    });
    let empty = Verification::default();
    full.iter().chain([&empty]).map(value).collect()
}
