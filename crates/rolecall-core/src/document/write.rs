//! The document in its canonical form.

use std::fmt::{Display, Write as _};

use super::{Document, Who, times};

/// Lists longer than this are written one item a line.
const MAX_LINE: usize = 100;

pub(super) fn toml(document: &Document) -> String {
    let mut sections = Vec::new();
    if !document.permissions.is_empty() {
        let mut text = "[permissions]\n".to_owned();
        for (name, description) in &document.permissions {
            line(&mut text, &key(name.as_str()), &quoted(description));
        }
        sections.push(text);
    }
    for (name, role) in &document.roles {
        let mut text = format!("[roles.{}]\n", key(name.as_str()));
        if !role.description.is_empty() {
            line(&mut text, "description", &quoted(&role.description));
        }
        list(&mut text, "permissions", &role.permissions);
        list(&mut text, "juniors", &role.juniors);
        if role.approval {
            line(&mut text, "approval", "true");
        }
        sections.push(text);
    }
    for (name, constraint) in &document.constraints {
        let mut text = format!("[constraints.{}]\n", key(name.as_str()));
        line(&mut text, "kind", &quoted(constraint.kind.as_str()));
        list(&mut text, "roles", &constraint.roles);
        line(&mut text, "at_most", &constraint.at_most.to_string());
        sections.push(text);
    }
    for test in &document.tests {
        let mut text = "[[tests]]\n".to_owned();
        match &test.who {
            Who::Role(role) => line(&mut text, "role", &quoted(role.as_str())),
            Who::User(user) => line(&mut text, "user", &quoted(user)),
        }
        if let Some(tenant) = &test.tenant {
            line(&mut text, "tenant", &quoted(tenant.as_str()));
        }
        if let Some(at) = test.at {
            line(&mut text, "at", &times::format(at));
        }
        list(&mut text, "can", &test.can);
        // a test without either would be none
        if !test.cannot.is_empty() || test.can.is_empty() {
            line_of_list(&mut text, "cannot", &test.cannot);
        }
        sections.push(text);
    }
    sections.join("\n")
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name} = {value}");
}

/// A list, unless it is empty.
fn list<T: Display>(text: &mut String, name: &str, items: impl IntoIterator<Item = T>) {
    let items: Vec<T> = items.into_iter().collect();
    if !items.is_empty() {
        line_of_list(text, name, &items);
    }
}

fn line_of_list<T: Display>(text: &mut String, name: &str, items: &[T]) {
    let items: Vec<String> = items.iter().map(|item| quoted(&item.to_string())).collect();
    let whole = format!("[{}]", items.join(", "));
    if name.len() + 3 + whole.chars().count() <= MAX_LINE {
        return line(text, name, &whole);
    }
    let _ = writeln!(text, "{name} = [");
    for item in &items {
        let _ = writeln!(text, "    {item},");
    }
    text.push_str("]\n");
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_never_written_as_it_is() {
        assert_eq!(quoted("a\u{7}\"\\\u{7f}"), r#""a\u0007\"\\\u007F""#);
    }

    #[test]
    fn a_list_that_is_wider_than_a_line_is_not_written_as_one() {
        let written = |length: usize| {
            let mut text = String::new();
            list(&mut text, "name", ["x".repeat(length)]);
            text.lines().count()
        };
        // name, ` = `, `["`, `"]`
        let around = 4 + 3 + 2 + 2;
        assert_eq!(written(MAX_LINE - around), 1);
        assert_eq!(written(MAX_LINE - around + 1), 3);
    }
}
