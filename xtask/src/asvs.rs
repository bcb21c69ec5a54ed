//! Checks `docs/asvs.md`: each requirement is there once, and the tests and files that it names exist.

use std::collections::BTreeSet;

use crate::{sources::functions, tools::Workspace};

/// A requirement and its status.
struct Row {
    id: String,
    answer: String,
}

fn page() -> String {
    std::fs::read_to_string(Workspace::find().path("docs/asvs.md")).unwrap()
}

/// Returns the cells of each row of a table.
fn cells(page: &str) -> impl Iterator<Item = Vec<&str>> {
    page.lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u8>().is_ok())
}

fn applying(page: &str) -> Vec<Row> {
    cells(page)
        .filter(|cells| cells.len() == 4 && is_id(cells[0]))
        .map(|cells| Row {
            id: cells[0].to_owned(),
            answer: cells[2].to_owned(),
        })
        .collect()
}

fn not_applying(page: &str) -> Vec<String> {
    cells(page)
        .filter(|cells| cells.len() == 2)
        .flat_map(|cells| cells[1].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .filter(|id| is_id(id))
        .collect()
}

fn quoted(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_requirement_has_one_row_and_a_valid_status() {
    let page = page();
    let rows = applying(&page);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for row in &rows {
        let known = ["met", "part", "gap", "operator"];
        assert!(known.contains(&row.answer.as_str()), "{}", row.id);
        assert!(seen.insert(row.id.clone()), "{} twice", row.id);
    }
    for id in not_applying(&page) {
        assert!(seen.insert(id.clone()), "{id} twice");
    }
    let count = |answer: &str| rows.iter().filter(|row| row.answer == answer).count();
    let stated = format!(
        "{} requirements apply: {} met, {} part, {} gap, {} operator.",
        rows.len(),
        count("met"),
        count("part"),
        count("gap"),
        count("operator")
    );
    assert!(page.contains(&stated), "the page should say: {stated}");
}

#[test]
fn every_named_test_and_file_exists() {
    let workspace = Workspace::find();
    let functions = functions();
    let page = page();
    let mut tests = 0;
    for name in quoted(&page) {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.len() >= 15 && name.bytes().all(is_name) {
            assert!(functions.contains(name), "`{name}`");
            tests += 1;
        } else if name.contains('/') && !name.starts_with('/') {
            let inside = name.strip_prefix("src/");
            let file = inside.map_or(name.to_owned(), |rest| {
                format!("crates/rolecall-server/src/{rest}")
            });
            assert!(workspace.path(&file).exists(), "`{name}`");
        }
    }
    assert!(tests > 100, "only {tests} tests are named");
}

/// The list of all requirements is not part of the project. If it is beside it, all must be in the page.
#[test]
fn every_requirement_of_levels_1_and_2_has_a_row() {
    let list = Workspace::find().path("../shared/security/asvs.tsv");
    let Ok(list) = std::fs::read_to_string(list) else {
        eprintln!("skipped: the list of requirements is missing");
        return;
    };
    let page = page();
    let [mut applying_there, mut not_there] = [BTreeSet::new(), BTreeSet::new()];
    for line in list.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let (Some(id), Some(&("L1" | "L2")), Some(applies)) =
            (cells.first(), cells.get(1), cells.get(4))
        else {
            continue;
        };
        let id = id.trim_start_matches('V').to_owned();
        // rolecall has tenants, and sends mails and codes
        let with =
            ["tenants", "a mailer", "email codes"].map(|what| format!("applies with {what}"));
        if applies.starts_with("no") && !with.iter().any(|with| applies.contains(with)) {
            not_there.insert(id);
        } else {
            applying_there.insert(id);
        }
    }
    let here: BTreeSet<String> = applying(&page).into_iter().map(|row| row.id).collect();
    assert_eq!(here, applying_there);
    let none: BTreeSet<String> = not_applying(&page).into_iter().collect();
    assert_eq!(none, not_there);
}
