//! docs/attacks.md names tests: they must be there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all functions in the folders that hold tests.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders: Vec<PathBuf> = ["crates", "tests", "examples", "xtask"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    folders.push(path);
                }
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("rs" | "py")) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                if let Some(at) = words.iter().position(|word| ["fn", "def"].contains(word))
                    && let Some(name) = words.get(at + 1)
                {
                    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                    names.insert(name[..end.unwrap_or(name.len())].to_owned());
                }
            }
        }
    }
    names
}

#[test]
fn every_attack_has_a_row_and_every_test_that_the_table_names_exists() {
    let table = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let functions = functions();
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| X")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (id, tests, gap) = (cells[1], cells[3], cells[4]);
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        for name in &named {
            assert!(
                functions.contains(*name),
                "{id} names `{name}`, which is not there"
            );
        }
        assert!(
            !named.is_empty() || !gap.is_empty(),
            "{id} has neither a test nor a reason"
        );
        // the test that is meant for it has its number in its name
        let numbered = named.iter().any(|name| name.contains(&id.to_lowercase()));
        assert!(
            numbered || named.is_empty(),
            "no test of {id} has its number: {named:?}"
        );
        rows.push(id.to_owned());
    }
    let expected: Vec<String> = (10..=54)
        .chain(67..=82)
        .chain(84..=85)
        .map(|number| format!("X{number:03}"))
        .collect();
    assert_eq!(rows, expected);
    // and no test of an attack is missing from the table
    for name in functions.iter().filter(|name| {
        let number = name.strip_prefix('x').and_then(|rest| rest.get(..3));
        number.is_some_and(|number| number.parse::<u16>().is_ok())
    }) {
        assert!(
            table.contains(&format!("`{name}`")),
            "`{name}` is not in the table"
        );
    }
}
