//! Tables for people, JSON for programs.

use std::io::Write as _;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::CliError;
use crate::error::ApiError;

/// Writes to standard output.
pub(super) fn write_out(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CliError::io("standard output"))
}

/// Prints JSON for a program.
pub(super) fn print_json(value: &Value) -> Result<(), CliError> {
    write_out(&format!("{value:#}\n"))
}

/// Says that something was done.
pub(super) fn said(json: bool, text: &str) -> Result<(), CliError> {
    if json {
        print_json(&json!({ "ok": true }))
    } else {
        write_out(&format!("{text}\n"))
    }
}

/// Prints a table for a person.
pub(super) fn print_table(header: &[&str], rows: Vec<Vec<String>>) -> Result<(), CliError> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.iter().map(|name| name.to_uppercase()));
    // what is shown may hold escapes that a terminal would obey
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

/// The text without control characters.
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

/// Why a service function refused, for somebody at the command line.
pub(super) fn explain(error: &ApiError) -> String {
    match error {
        ApiError::Exceeds(excess) => {
            let permissions = excess.permissions.iter().map(ToString::to_string);
            let lacking: Vec<String> = permissions
                .chain(excess.roles.iter().map(|role| format!("role {role}")))
                .collect();
            let path = excess.path.iter().map(ToString::to_string);
            let path: Vec<String> = path.collect();
            // of one role, the way is what was asked for
            let way = if path.len() > 1 {
                format!(" ({})", path.join(" -> "))
            } else {
                String::new()
            };
            format!(
                "not permitted (delegation limit): you do not hold {}{way}",
                lacking.join(", ")
            )
        }
        ApiError::Lacks(Some(permission)) => format!("not permitted: you do not hold {permission}"),
        ApiError::Lacks(None) => "not permitted".to_owned(),
        ApiError::Denied(_) => "not permitted: this user is not active".to_owned(),
        ApiError::Internal(source) => crate::error::chain_of(source.as_ref()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{9b}ä"),
            "a\\u{1b}[31mb\\nc\\u{9b}ä"
        );
    }
}
