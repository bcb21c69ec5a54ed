//! Holds `docs/attacks.md` true: a row for every attack, and every test that it names there.

use crate::{sources::functions, tools::Workspace};

#[test]
fn every_attack_has_a_row_and_every_test_that_the_table_names_exists() {
    let table = std::fs::read_to_string(Workspace::find().path("docs/attacks.md")).unwrap();
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
    let expected: Vec<String> = (1..=54)
        .chain(67..=82)
        .chain(84..=86)
        .chain([92])
        .chain(94..=95)
        .map(|number| format!("X{number:03}"))
        .collect();
    assert_eq!(rows, expected);
    // and no test of an attack is missing from the table
    for name in functions.iter().filter(|name| {
        let name = name.strip_prefix("test_").unwrap_or(name);
        let number = name.strip_prefix('x').and_then(|rest| rest.get(..3));
        number.is_some_and(|number| number.parse::<u16>().is_ok())
    }) {
        assert!(
            table.contains(&format!("`{name}`")),
            "`{name}` is not in the table"
        );
    }
}
