//! Output to standard output: tables for people, JSON for programs.

use std::io::Write as _;

use comfy_table::{Table, presets};
use rolecall_core::{RoleName, TenantName, is_unprintable};
use serde_json::{Value, json};

use super::error::CliError;
use crate::logging;

/// Writes to standard output, without anything that could drive the terminal: descriptions and reasons from before a
/// rule forbade such characters may be in the database.
pub(super) fn write_out(text: &str) -> Result<(), CliError> {
    write_raw(&printable_lines(text))
}

fn write_raw(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CliError::io("standard output"))
}

/// Prints a JSON value, indented.
pub(super) fn print_json(value: &Value) -> Result<(), CliError> {
    write_raw(&escape_json(&format!("{value:#}\n")))
}

/// Confirms that a command did its work: `text`, or `{"ok": true}` with `--json`.
pub(super) fn print_done(json: bool, text: &str) -> Result<(), CliError> {
    if json {
        print_json(&json!({ "ok": true }))
    } else {
        write_out(&format!("{text}\n"))
    }
}

/// Prints a table without borders.
pub(super) fn print_table(header: &[&str], rows: Vec<Vec<String>>) -> Result<(), CliError> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.iter().map(|name| name.to_uppercase()));
    // user names and reasons are untrusted: an escape sequence in them could drive the terminal
    let cell = |text: String| text.lines().map(printable).collect::<Vec<_>>().join("\n");
    table.add_rows(
        rows.into_iter()
            .map(|row| row.into_iter().map(cell).collect::<Vec<_>>()),
    );
    let text = table.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))
        .collect();
    write_out(&format!("{}\n", lines.join("\n")))
}

/// Escapes control and format characters, so that text from elsewhere can neither drive the terminal nor look like
/// another text.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if is_unprintable(c) {
                escaped(c)
            } else {
                vec![c]
            }
        })
        .collect()
}

/// Escapes a character; `escape_debug` alone leaves some format characters as they are.
fn escaped(c: char) -> Vec<char> {
    if c.is_ascii() {
        c.escape_debug().collect()
    } else {
        c.escape_unicode().collect()
    }
}

/// As [`printable`], for text of several lines, which may have tabs.
pub(super) fn printable_lines(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']);
    let part = |part: &str| match part.strip_suffix(['\n', '\t']) {
        Some(start) => printable(start) + part.get(start.len()..).unwrap_or_default(),
        None => printable(part),
    };
    parts.map(part).collect()
}

/// Escapes such characters in JSON, which allows them in strings only.
fn escape_json(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(logging::escape).collect();
    lines.join("\n")
}

/// Formats a number with a noun in the singular or plural, such as `1 change` or `2 changes`.
pub(super) fn count_of(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Formats a role with the tenant of an assignment, such as `` `editor` in tenant `acme` ``.
pub(super) fn role_in_tenant(role: &RoleName, tenant: Option<&TenantName>) -> String {
    match tenant {
        Some(tenant) => format!("`{role}` in tenant `{tenant}`"),
        None => format!("`{role}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y162_what_changes_how_a_text_looks_is_escaped() {
        let text = "a\u{202e}b\u{2028}c\u{200b}d\u{e0041}e";
        assert_eq!(
            printable(text),
            "a\\u{202e}b\\u{2028}c\\u{200b}d\\u{e0041}e"
        );
        assert_eq!(printable_lines("a\nb\u{202e}\n"), "a\nb\\u{202e}\n");
        let value = json!({ "reason": text });
        let printed = escape_json(&format!("{value:#}\n"));
        assert!(printed.is_ascii(), "{printed}");
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{9b}ä"),
            "a\\u{1b}[31mb\\nc\\u{9b}ä"
        );
    }
}
