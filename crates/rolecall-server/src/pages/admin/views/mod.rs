//! What the pages show: one type for each, which its template reads as `view`, with sample data.

pub(crate) mod audit;
pub(crate) mod client_form;
pub(crate) mod client_test;
pub(crate) mod clients;
pub(crate) mod confirm;
pub(crate) mod constraints;
pub(crate) mod decisions;
pub(crate) mod effects;
pub(crate) mod hierarchy;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod mail;
pub(crate) mod matrix;
pub(crate) mod people;
pub(crate) mod permissions;
pub(crate) mod policy;
pub(crate) mod requests;
pub(crate) mod resources;
pub(crate) mod roles;
pub(crate) mod settings;
pub(crate) mod start;
pub(crate) mod user;
pub(crate) mod users;

use minijinja::{Value, context, value::Serde};
use rolecall_core::Timestamp;
use serde::Serialize;

use super::super::sample_values::TEXT;
use crate::times::rfc3339;

/// Returns a view as templates have it.
pub(super) fn value(view: &impl Serialize) -> Value {
    Value::from(Serde(view))
}

/// The head of a column.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    /// The key of its text.
    pub(crate) key: &'static str,
    /// The address of the list in the order of this column; empty where it cannot be sorted.
    pub(crate) href: String,
    /// `ascending`, `descending`, or empty where another column decides.
    pub(crate) order: &'static str,
}

/// A time: exact, and to the minute in UTC.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Time {
    pub(crate) exact: String,
    pub(crate) short: String,
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        let exact = rfc3339(time);
        let minute = exact.get(..16).unwrap_or(&exact).replace('T', " ");
        Self {
            short: format!("{minute} UTC"),
            exact,
        }
    }
}

impl Time {
    /// Returns a time for samples.
    pub(super) fn sample() -> Self {
        Timestamp::from_seconds(1_900_000_000).into()
    }
}

/// Samples of the page that says why something cannot be.
pub(super) fn messages() -> Vec<Value> {
    let headings = [
        "admin-unknown",
        "admin-forbidden",
        "admin-refused",
        "admin-too-large",
    ];
    let full = headings.map(|heading| {
        context! { heading => heading, detail => TEXT, lacking => TEXT, receipt => TEXT, kind => "", name => "" }
    });
    let empty = context! {
        heading => "admin-unknown", detail => "", lacking => "", receipt => "", kind => "", name => "",
    };
    let unknown = context! {
        heading => "admin-unknown", detail => TEXT, lacking => "", receipt => "", kind => "role", name => TEXT,
    };
    full.into_iter().chain([empty, unknown]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_exact_and_short() {
        let time = Time::from(Timestamp::from_seconds(1_900_000_000));
        assert_eq!(time.short, "2030-03-17 17:46 UTC");
        assert!(time.exact.starts_with("2030-03-17T17:46:40") && time.exact.ends_with('Z'));
    }
}
