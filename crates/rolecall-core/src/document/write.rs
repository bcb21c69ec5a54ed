//! Writes a document as TOML in its canonical form.

use std::fmt::{Display, Write as _};

use super::{
    model::{Document, Expectation, RoleEntry, TestSubject},
    times,
};
use crate::{Acr, Constraint, ConstraintScope, is_unprintable};

/// The maximum width of a list on one line, in characters; a longer list gets one line for each item.
const MAX_LINE: usize = 100;

impl Document {
    /// Returns the document in TOML.
    ///
    /// Equal documents give equal texts, and [`parse`](Self::parse) returns the same document again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut sections = Vec::new();
        if !self.permissions.is_empty() {
            let mut text = "[permissions]\n".to_owned();
            for (name, description) in &self.permissions {
                write_value(&mut text, &key(name.as_str()), &quoted(description));
            }
            sections.push(text);
        }
        let roles = self.roles.iter();
        sections.extend(roles.map(|(name, role)| role_section(name.as_str(), role)));
        let constraints = self.constraints.iter();
        sections.extend(constraints.map(|(name, one)| constraint_section(name.as_str(), one)));
        sections.extend(self.tests.iter().map(test_section));
        sections.join("\n")
    }
}

fn role_section(name: &str, role: &RoleEntry) -> String {
    let mut text = format!("[roles.{}]\n", key(name));
    if !role.description.is_empty() {
        write_value(&mut text, "description", &quoted(&role.description));
    }
    write_nonempty_list(&mut text, "permissions", &role.permissions);
    write_nonempty_list(&mut text, "juniors", &role.juniors);
    if role.approval {
        write_value(&mut text, "approval", "true");
    }
    if !role.by_name {
        write_value(&mut text, "by_name", "false");
    }
    if role.acr > Acr::Aal1 {
        write_value(&mut text, "acr", &quoted(role.acr.as_str()));
    }
    text
}

fn constraint_section(name: &str, constraint: &Constraint) -> String {
    let mut text = format!("[constraints.{}]\n", key(name));
    write_value(&mut text, "kind", &quoted(constraint.kind.as_str()));
    write_nonempty_list(&mut text, "roles", &constraint.roles);
    write_value(&mut text, "at_most", &constraint.at_most.to_string());
    if constraint.per != ConstraintScope::Session {
        write_value(&mut text, "per", &quoted(constraint.per.as_str()));
    }
    text
}

fn test_section(expectation: &Expectation) -> String {
    let mut text = "[[tests]]\n".to_owned();
    match &expectation.subject {
        TestSubject::Role(role) => write_value(&mut text, "role", &quoted(role.as_str())),
        TestSubject::User(user) => write_value(&mut text, "user", &quoted(user)),
    }
    if let Some(tenant) = &expectation.tenant {
        write_value(&mut text, "tenant", &quoted(tenant.as_str()));
    }
    if let Some(at) = expectation.at {
        write_value(&mut text, "at", &times::format(at));
    }
    if let Some(acr) = expectation.acr {
        write_value(&mut text, "acr", &quoted(acr.as_str()));
    }
    write_nonempty_list(&mut text, "can", &expectation.can);
    // a test without either list is not valid
    if !expectation.cannot.is_empty() || expectation.can.is_empty() {
        write_list(&mut text, "cannot", &expectation.cannot);
    }
    text
}

fn write_value(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name} = {value}");
}

fn write_nonempty_list<T: Display>(
    text: &mut String,
    name: &str,
    items: impl IntoIterator<Item = T>,
) {
    let items: Vec<T> = items.into_iter().collect();
    if !items.is_empty() {
        write_list(text, name, &items);
    }
}

fn write_list<T: Display>(text: &mut String, name: &str, items: &[T]) {
    let items: Vec<String> = items.iter().map(|item| quoted(&item.to_string())).collect();
    let list = format!("[{}]", items.join(", "));
    if name.len() + " = ".len() + list.chars().count() <= MAX_LINE {
        return write_value(text, name, &list);
    }
    let _ = writeln!(text, "{name} = [");
    for item in &items {
        let _ = writeln!(text, "    {item},");
    }
    text.push_str("]\n");
}

/// Returns `name` as a TOML key, quoted if necessary.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Returns `text` as a TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if is_unprintable(c) => {
                let _ = match u32::from(c) {
                    code @ ..=0xFFFF => write!(quoted, "\\u{code:04X}"),
                    code => write!(quoted, "\\U{code:08X}"),
                };
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
    fn control_characters_are_escaped() {
        assert_eq!(quoted("a\u{7}\"\\\u{7f}"), r#""a\u0007\"\\\u007F""#);
    }

    #[test]
    fn a_list_wider_than_a_line_gets_one_line_for_each_item() {
        let lines = |length: usize| {
            let mut text = String::new();
            write_nonempty_list(&mut text, "name", ["x".repeat(length)]);
            text.lines().count()
        };
        let overhead = "name".len() + " = ".len() + "[\"".len() + "\"]".len();
        assert_eq!(lines(MAX_LINE - overhead), 1);
        assert_eq!(lines(MAX_LINE - overhead + 1), 3);
    }
}
