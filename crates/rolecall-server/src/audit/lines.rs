//! Changes of the audit log, for people to read.

use serde_json::Value;

/// Formats a change on one line, such as `role.assigned role=editor subject=...`.
pub(crate) fn change_line(change: &Value) -> String {
    let action = change.get("action").and_then(Value::as_str);
    let mut line = action.unwrap_or_default().to_owned();
    for (name, value) in change.as_object().into_iter().flatten() {
        if name == "action" || value.is_null() || value.as_str() == Some("") {
            continue;
        }
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        line.extend([" ", name, "=", &text]);
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_begins_with_the_action_and_leaves_out_what_is_empty() {
        let change = json!({ "action": "role.assigned", "role": "editor", "tenant": "", "expires_at": null, "ttl": 2 });
        assert_eq!(change_line(&change), "role.assigned role=editor ttl=2");
    }
}
