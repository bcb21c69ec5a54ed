//! A filter of the audit log.

use rolecall_core::Timestamp;
use serde_json::Value;

use crate::store::escape_like;

/// What to search for. An empty member matches everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// An actor as the log writes it, such as `user:ID` or `system`, or the id of a user or client.
    pub(crate) who: String,
    /// The action or its beginning, such as `role.`; the kind of an event.
    pub(crate) what: String,
    /// A change has one of these values, such as the id of a user or the name of a role.
    pub(crate) about: Vec<String>,
    pub(crate) from: Option<Timestamp>,
    /// The end, which does not belong to it.
    pub(crate) until: Option<Timestamp>,
}

impl Filter {
    /// Returns the first time, and the first that is too late.
    pub(super) fn times(&self) -> (Timestamp, Timestamp) {
        let from = self.from.unwrap_or(Timestamp::from_micros(0));
        (from, self.until.unwrap_or(Timestamp::MAX))
    }

    /// Returns true if one change has both the action and the value.
    pub(super) fn matches(&self, changes: &str) -> bool {
        if self.what.is_empty() && self.about.is_empty() {
            return true;
        }
        let changes: Vec<Value> = serde_json::from_str(changes).unwrap_or_default();
        changes.iter().any(|change| {
            let action = change["action"].as_str().unwrap_or_default();
            let is_about = |value: &String| names(change, value);
            action.starts_with(&self.what)
                && (self.about.is_empty() || self.about.iter().any(is_about))
        })
    }
}

/// Returns true if a member of a change is `wanted`, or a list that holds it.
fn names(change: &Value, wanted: &str) -> bool {
    match change {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| names(item, wanted)),
        Value::Object(members) => members.values().any(|member| names(member, wanted)),
        _ => false,
    }
}

/// Returns a pattern of SQL that finds `before` and `text`, with the signs of patterns in `text` as they are.
pub(super) fn pattern(before: &str, text: &str) -> String {
    format!("%{before}{}%", escape_like(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(what: &str, about: &[&str]) -> Filter {
        Filter {
            what: what.to_owned(),
            about: about.iter().map(ToString::to_string).collect(),
            ..Filter::default()
        }
    }

    #[test]
    fn one_change_has_the_action_and_the_value() {
        let changes = r#"[{"action":"role.assigned","subjects":["a","b"],"role":"editor"},{"action":"user.disabled","subject":"c"}]"#;
        for (what, about, matches) in [
            ("", &[][..], true),
            ("role.", &[], true),
            ("role.assigned", &["b"], true),
            ("", &["editor"], true),
            ("", &["x", "c"], true),
            ("role.", &["c"], false),
            ("assigned", &[], false),
            ("", &["edit"], false),
        ] {
            let found = filter(what, about).matches(changes);
            assert_eq!(found, matches, "{what} {about:?}");
        }
    }

    #[test]
    fn a_pattern_finds_the_signs_of_patterns_as_they_are() {
        assert_eq!(pattern("\"", "a_b%c!"), "%\"a!_b!%c!!%");
    }
}
