//! Tables in Markdown, bounds, and the page that documents both.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::numbers::format_number;
use crate::tools::Workspace;

/// A table with text in the first column and numbers in the others.
pub(super) struct Table {
    text: String,
}

impl Table {
    pub(super) fn new(columns: &[&str]) -> Self {
        let mut text = format!("| {} |\n|---", columns.join(" | "));
        for _ in columns.iter().skip(1) {
            text.push_str("|--:");
        }
        text.push_str("|\n");
        Self { text }
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A target for one figure, and whether it was met.
pub(super) struct Bound {
    pub(super) name: &'static str,
    pub(super) measured: String,
    pub(super) target: &'static str,
    pub(super) met: bool,
}

impl Bound {
    /// The target that `value` is at most `limit`.
    pub(super) fn at_most(
        name: &'static str,
        value: f64,
        limit: f64,
        target: &'static str,
    ) -> Self {
        let met = value <= limit;
        let measured = format_number(value);
        Self {
            name,
            measured,
            target,
            met,
        }
    }

    /// The target that `value` is at least `limit`.
    pub(super) fn at_least(
        name: &'static str,
        value: f64,
        limit: f64,
        target: &'static str,
    ) -> Self {
        let met = value >= limit;
        let measured = format_number(value);
        Self {
            name,
            measured,
            target,
            met,
        }
    }
}

/// The result of one section.
pub(super) struct Section {
    pub(super) tables: String,
    pub(super) bounds: Vec<Bound>,
}

impl Section {
    /// The tables as in the documentation.
    pub(super) fn markdown(&self) -> String {
        self.tables.trim_end().to_owned()
    }
}

/// A table of all bounds.
pub(super) fn summary(sections: &[(&str, Section)]) -> String {
    let mut text = "| figure | measured | target | |\n|---|--:|--:|---|\n".to_owned();
    for bound in sections.iter().flat_map(|(_, section)| &section.bounds) {
        let Bound {
            name,
            measured,
            target,
            met,
        } = bound;
        let met = if *met { "met" } else { "**missed**" };
        let _ = writeln!(text, "| {name} | {measured} | {target} | {met} |");
    }
    text
}

/// A sentence with the date, the commit and the machine.
pub(super) fn machine(workspace: &Workspace, quick: bool) -> String {
    let output_of = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(workspace.path("."))
            .output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, name)| name);
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let (date, kernel) = (
        output_of("date", &["-u", "+%F"]),
        output_of("uname", &["-sr"]),
    );
    let (rustc, commit) = (
        output_of("rustc", &["--version"]),
        output_of("git", &["rev-parse", "--short", "HEAD"]),
    );
    let run = if quick {
        "a short run (`--quick`), "
    } else {
        ""
    };
    format!("{date}, {run}commit {commit}: {cores} cores of {model}, {kernel}, {rustc}.\n")
}

/// Replaces the sections between their markers in `file`, and the machine and the summary of a complete run.
pub(super) fn write(
    file: &Path,
    sections: &[(&str, Section)],
    complete: Option<(&str, &str)>,
) -> anyhow::Result<()> {
    let mut text = fs::read_to_string(file)?;
    for (name, section) in sections {
        text = replace_section(&text, name, &section.markdown())?;
    }
    if let Some((machine, summary)) = complete {
        text = replace_section(&text, "machine", machine)?;
        text = replace_section(&text, "summary", summary)?;
    }
    fs::write(file, text)?;
    eprintln!("updated {}", file.display());
    Ok(())
}

fn replace_section(text: &str, name: &str, content: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- bench: {name} -->"),
        format!("<!-- end: {name} -->"),
    );
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.with_context(|| format!("the page has no markers for `{name}`"))?;
    Ok(format!(
        "{before}{begin}\n{}\n{end}{after}",
        content.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let text =
            "a\n<!-- bench: x -->\nold\n<!-- end: x -->\nb\n<!-- bench: y -->\n<!-- end: y -->\n";
        let expected =
            "a\n<!-- bench: x -->\nnew\n<!-- end: x -->\nb\n<!-- bench: y -->\n<!-- end: y -->\n";
        assert_eq!(replace_section(text, "x", "new\n").unwrap(), expected);
        assert_eq!(replace_section(expected, "x", "new").unwrap(), expected);
        assert!(replace_section(text, "z", "new").is_err());
    }

    #[test]
    fn a_missed_bound_is_marked() {
        let bounds = vec![
            Bound::at_most("a", 1.3, 1.25, "at most 1.25"),
            Bound::at_least("b", 30.0, 25.0, "at least 25"),
        ];
        let section = Section {
            tables: String::new(),
            bounds,
        };
        let text = summary(&[("x", section)]);
        assert!(
            text.contains("| a | 1.30 | at most 1.25 | **missed** |"),
            "{text}"
        );
        assert!(text.contains("| b | 30.0 | at least 25 | met |"), "{text}");
    }
}
