//! The policy as a document, and its history.

use minijinja::Value;
use rolecall_core::Revision;
use serde::Serialize;

use super::{
    super::super::sample_values::TEXT,
    Time,
    effects::{Change, Effects},
};

/// The longest document that a page shows and takes: a form holds no more.
pub(crate) const LONGEST: usize = 40 * 1024;

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PolicyPage {
    /// The document as it was entered, or that of the policy in force.
    pub(crate) document: String,
    /// The document in force is longer than a form can be.
    pub(crate) is_too_long: bool,
    /// The tag of the policy that the plan compares with; empty without a plan.
    pub(crate) tag: String,
    pub(crate) effects: Option<Effects>,
    pub(crate) may_apply: bool,
    /// The lines with faults.
    pub(crate) lines: Vec<FaultyLine>,
    /// The sign-in is too old to put it in force.
    pub(crate) must_sign_in: bool,
}

/// A line of a document with a fault.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FaultyLine {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) message: String,
}

/// The versions of the policy.
#[derive(Debug, Default, Serialize)]
pub(crate) struct History {
    pub(crate) versions: Vec<Listed>,
    pub(crate) first: String,
    pub(crate) next: String,
}

/// A version in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) revision: Revision,
    pub(crate) at: Option<Time>,
    pub(crate) bytes: i64,
    pub(crate) is_in_force: bool,
}

/// A version.
#[derive(Debug, Default, Serialize)]
pub(crate) struct VersionPage {
    pub(crate) revision: Revision,
    pub(crate) is_in_force: bool,
    /// What it changed, compared with the version before; nothing for the oldest.
    pub(crate) changes: Option<Vec<Change>>,
    pub(crate) more_changes: usize,
    /// The effects of going back to it.
    pub(crate) effects: Option<Effects>,
    /// True if the effects of going back are shown only on request.
    pub(crate) can_show_effects: bool,
    pub(crate) tag: String,
    pub(crate) may_go_back: bool,
    /// Empty if it is too long to be shown.
    pub(crate) document: String,
}

fn values<T: Serialize>(views: &[T]) -> Vec<Value> {
    views.iter().map(super::value).collect()
}

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let full = PolicyPage {
        document: TEXT.to_owned(),
        is_too_long: false,
        tag: TEXT.to_owned(),
        effects: Some(Effects::sample()),
        may_apply: true,
        lines: vec![FaultyLine {
            number: 3,
            text: TEXT.to_owned(),
            message: TEXT.to_owned(),
        }],
        must_sign_in: true,
    };
    let long = PolicyPage {
        is_too_long: true,
        ..PolicyPage::default()
    };
    let nothing = PolicyPage {
        effects: Some(Effects::default()),
        ..PolicyPage::default()
    };
    values(&[full, long, nothing, PolicyPage::default()])
}

/// Samples of the history.
pub(in super::super) fn histories() -> Vec<Value> {
    let listed = |at, is_in_force| Listed {
        revision: 7,
        at,
        bytes: 1234,
        is_in_force,
    };
    let full = History {
        versions: vec![listed(Some(Time::sample()), true), listed(None, false)],
        first: "/admin/policy/history".to_owned(),
        next: "/admin/policy/history?after=7".to_owned(),
    };
    values(&[full, History::default()])
}

/// Samples of a version.
pub(in super::super) fn versions() -> Vec<Value> {
    let change = |kind| Change {
        kind,
        text: TEXT.to_owned(),
    };
    let full = VersionPage {
        revision: 7,
        is_in_force: false,
        changes: Some(vec![change("added"), change("removed")]),
        more_changes: 3,
        effects: Some(Effects::sample()),
        can_show_effects: true,
        tag: TEXT.to_owned(),
        may_go_back: true,
        document: TEXT.to_owned(),
    };
    let in_force = VersionPage {
        is_in_force: true,
        changes: Some(Vec::new()),
        ..VersionPage::default()
    };
    values(&[full, in_force, VersionPage::default()])
}
