//! Checks `docs/identity.md`: each requirement and attack has a row, with the tests that have its number in their names or
//! a reason why it does not apply. `ROLECALL_BLESS=1` writes the tests into the rows.

use std::collections::BTreeSet;

use crate::{sources::functions, tools::Workspace};

const PAGE: &str = "docs/identity.md";

/// Returns the requirements and attacks that the name of a test cites, such as `m015_i044_..` or `test_m015_..`.
fn cited(name: &str) -> impl Iterator<Item = String> {
    name.split('_')
        .filter(|word| {
            let digits = word.strip_prefix(['m', 'i']);
            digits.is_some_and(|rest| rest.len() == 3 && rest.parse::<u16>().is_ok())
        })
        .map(str::to_uppercase)
}

/// Returns true for the line of a requirement or an attack.
fn is_row(line: &str) -> bool {
    let id = line.strip_prefix("| ").and_then(|rest| rest.get(..4));
    id.is_some_and(|id| cited(&id.to_lowercase()).next().is_some())
}

fn cells(line: &str) -> Vec<&str> {
    // a table escapes the mark within a cell
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in line.match_indices('|') {
        if !line[..at].ends_with('\\') {
            cells.push(line[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(line[start..].trim());
    cells
}

/// Returns the row with the tests that cite it. They are before the remark, which is the last cell.
fn with_tests(line: &str, functions: &BTreeSet<String>) -> String {
    let mut cells = cells(line);
    let tests = tests_of(&cells);
    let is_citing = |name: &&String| cited(name).any(|cited| cited == cells[1]);
    let names = functions.iter().filter(is_citing);
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    cells[tests] = &names;
    let written = cells[1..=tests + 1].iter().map(|cell| match *cell {
        "" => "| ".to_owned(),
        cell => format!("| {cell} "),
    });
    written.collect::<String>() + "|"
}

/// Returns the place of the tests among the cells of a row: after a requirement, or an attack and its right outcome.
fn tests_of(cells: &[&str]) -> usize {
    assert!(
        matches!(cells.len(), 6 | 7),
        "a row has 4 or 5 cells: {cells:?}"
    );
    cells.len() - 3
}

fn expected() -> Vec<String> {
    let requirements = (1..=206).map(|number| ('M', number));
    requirements
        .chain((1..=132).map(|number| ('I', number)))
        .map(|(kind, number)| format!("{kind}{number:03}"))
        .collect()
}

#[test]
fn every_row_lists_the_tests_that_cite_it_or_says_why_there_are_none() {
    let path = Workspace::find().path(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let functions = functions();
    let lines = page.lines().map(|line| {
        if is_row(line) {
            with_tests(line, &functions)
        } else {
            line.to_owned()
        }
    });
    let written = lines.map(|line| line + "\n").collect::<String>();
    if std::env::var_os("ROLECALL_BLESS").is_some() {
        std::fs::write(&path, &written).unwrap();
    } else {
        assert_eq!(
            page, written,
            "run the tests of xtask with ROLECALL_BLESS=1"
        );
    }
    let rows: Vec<Vec<&str>> = written
        .lines()
        .filter(|line| is_row(line))
        .map(cells)
        .collect();
    let ids: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    assert_eq!(ids, expected());
    for name in &functions {
        let missing = cited(name).find(|id| !ids.contains(&id.as_str()));
        assert_eq!(missing, None, "`{name}` cites what has no row");
    }
    for row in &rows {
        let tests = tests_of(row);
        let (id, tests, remark) = (row[1], row[tests], row[tests + 1]);
        let does_not_apply = remark.starts_with("does not apply: ");
        assert!(
            tests.is_empty() == does_not_apply,
            "{id} has neither a test that cites it nor a reason, or both"
        );
    }
}

#[test]
fn a_row_is_read_and_written_by_table() {
    let functions = ["test_m001_i002_x", "m001_y", "m0012_z", "other"].map(str::to_owned);
    let functions = functions.into_iter().collect();
    let row = with_tests("| M001 | a \\| b | stale | |", &functions);
    assert_eq!(row, "| M001 | a \\| b | `m001_y`, `test_m001_i002_x` | |");
    let row = with_tests("| I003 | a | b | stale | does not apply: c |", &functions);
    assert_eq!(row, "| I003 | a | b | | does not apply: c |");
    for line in ["| id | requirement |", "|---|---|", "text", "| M01 | x |"] {
        assert!(!is_row(line), "{line}");
    }
}
