//! The signing keys.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Keys {
    pub(crate) rows: Vec<Row>,
    pub(crate) may_rotate: bool,
    /// When the next key may sign, if that is in the future.
    pub(crate) early_until: Option<Time>,
    /// The secret is configured, so that nothing can be rotated here.
    pub(crate) is_configured: bool,
    pub(crate) first: String,
    pub(crate) next: String,
}

/// A key.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    /// The key of the text for its purpose.
    pub(crate) purpose: &'static str,
    /// The key of the text for its state.
    pub(crate) state: &'static str,
    pub(crate) signs: bool,
    /// The days for which it has signed; nothing for one that never did.
    pub(crate) days: Option<i64>,
    pub(crate) created: Time,
    /// When it started to sign; for the next key, when it may.
    pub(crate) from: Time,
    /// When its last token ends or ended; nothing while it signs.
    pub(crate) until: Option<Time>,
    /// The page that retires it; empty if it is retired.
    pub(crate) retire: String,
}

/// The texts for states.
pub(crate) const STATES: [&str; 4] = [
    "admin-key-next",
    "admin-key-active",
    "admin-key-retiring",
    "admin-key-retired",
];

/// The texts for purposes.
pub(crate) const PURPOSES: [&str; 2] = ["admin-key-access", "admin-key-id-token"];

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let purposes = PURPOSES.into_iter().cycle();
    let row = |((place, state), purpose): ((usize, &'static str), &'static str)| Row {
        kid: TEXT.to_owned(),
        algorithm: TEXT.to_owned(),
        purpose,
        state,
        signs: place == 1,
        days: (place > 0).then_some(12),
        created: Time::sample(),
        from: Time::sample(),
        until: (place > 1).then(Time::sample),
        retire: if place == 3 {
            String::new()
        } else {
            "/admin/keys/x/retire".to_owned()
        },
    };
    let full = Keys {
        rows: STATES
            .into_iter()
            .enumerate()
            .zip(purposes)
            .map(row)
            .collect(),
        may_rotate: true,
        early_until: Some(Time::sample()),
        is_configured: false,
        first: "/admin/keys".to_owned(),
        next: "/admin/keys?after=x".to_owned(),
    };
    let configured = Keys {
        is_configured: true,
        may_rotate: true,
        ..Keys::default()
    };
    [full, configured, Keys::default()]
        .iter()
        .map(value)
        .collect()
}
