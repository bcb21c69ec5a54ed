//! Tables in Markdown, what was wanted, and the place where both are kept.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::numbers::short;
use crate::tools::Workspace;

/// A table whose first column is text and whose others are numbers.
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

/// What was wanted of one figure.
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) measured: String,
    pub(super) wanted: &'static str,
    pub(super) met: bool,
}

impl Bound {
    /// A figure that should be no more than `limit`.
    pub(super) fn at_most(
        what: &'static str,
        value: f64,
        limit: f64,
        wanted: &'static str,
    ) -> Self {
        let met = value <= limit;
        let measured = short(value);
        Self {
            what,
            measured,
            wanted,
            met,
        }
    }

    /// A figure that should be no less than `limit`.
    pub(super) fn at_least(
        what: &'static str,
        value: f64,
        limit: f64,
        wanted: &'static str,
    ) -> Self {
        let met = value >= limit;
        let measured = short(value);
        Self {
            what,
            measured,
            wanted,
            met,
        }
    }
}

/// One kind of measurement: its tables, and what was wanted.
pub(super) struct Section {
    pub(super) tables: String,
    pub(super) bounds: Vec<Bound>,
}

impl Section {
    /// As it stands in the documentation.
    pub(super) fn markdown(&self) -> String {
        self.tables.trim_end().to_owned()
    }
}

/// Every wanted bound, and whether it was met.
pub(super) fn summary(sections: &[(&str, Section)]) -> String {
    let mut text = "| what | measured | wanted | |\n|---|--:|--:|---|\n".to_owned();
    for bound in sections.iter().flat_map(|(_, section)| &section.bounds) {
        let Bound {
            what,
            measured,
            wanted,
            met,
        } = bound;
        let met = if *met { "met" } else { "**missed**" };
        let _ = writeln!(text, "| {what} | {measured} | {wanted} | {met} |");
    }
    text
}

/// On what the figures were taken.
pub(super) fn machine(workspace: &Workspace, quick: bool) -> String {
    let said = |program: &str, arguments: &[&str]| {
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
    let model = model.map_or("a processor that does not say its name", |(_, name)| name);
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let (date, kernel) = (said("date", &["-u", "+%F"]), said("uname", &["-sr"]));
    let (rustc, commit) = (
        said("rustc", &["--version"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
    );
    let run = if quick {
        "a short run (`--quick`), "
    } else {
        ""
    };
    format!("{date}, {run}commit {commit}: {cores} cores of {model}, {kernel}, {rustc}.\n")
}

/// Puts the sections between their marks in `file`; date, machine and summary only if nothing is missing.
pub(super) fn write(
    file: &Path,
    sections: &[(&str, Section)],
    whole: Option<(&str, &str)>,
) -> anyhow::Result<()> {
    let mut text = fs::read_to_string(file)?;
    for (name, section) in sections {
        text = replaced(&text, name, &section.markdown())?;
    }
    if let Some((machine, summary)) = whole {
        text = replaced(&text, "machine", machine)?;
        text = replaced(&text, "summary", summary)?;
    }
    fs::write(file, text)?;
    eprintln!("written to {}", file.display());
    Ok(())
}

fn replaced(text: &str, name: &str, content: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- bench: {name} -->"),
        format!("<!-- end: {name} -->"),
    );
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.with_context(|| format!("no place for `{name}`"))?;
    Ok(format!(
        "{before}{begin}\n{}\n{end}{after}",
        content.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text =
            "a\n<!-- bench: x -->\nold\n<!-- end: x -->\nb\n<!-- bench: y -->\n<!-- end: y -->\n";
        let expected =
            "a\n<!-- bench: x -->\nnew\n<!-- end: x -->\nb\n<!-- bench: y -->\n<!-- end: y -->\n";
        assert_eq!(replaced(text, "x", "new\n").unwrap(), expected);
        assert_eq!(replaced(expected, "x", "new").unwrap(), expected);
        assert!(replaced(text, "z", "new").is_err());
    }

    #[test]
    fn a_missed_bound_is_said() {
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
