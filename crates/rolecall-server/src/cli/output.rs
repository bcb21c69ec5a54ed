//! Output to standard output: tables for people, JSON for programs.

use std::io::Write as _;

use comfy_table::{Table, presets};
use rolecall_core::{RoleName, TenantName};
use serde_json::{Value, json};

use super::error::CliError;

/// Writes to standard output.
pub(super) fn write_out(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CliError::io("standard output"))
}

/// Prints a JSON value, indented.
pub(super) fn print_json(value: &Value) -> Result<(), CliError> {
    write_out(&format!("{value:#}\n"))
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

/// Escapes control characters, so that text from elsewhere cannot drive the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_debug().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
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
    fn control_characters_are_escaped() {
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{9b}ä"),
            "a\\u{1b}[31mb\\nc\\u{9b}ä"
        );
    }
}
