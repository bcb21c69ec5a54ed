//! Checks `docs/attacks.md`: each attack has a row, and the tests that it names exist.

use crate::{sources::functions, tools::Workspace};

#[test]
fn every_attack_has_a_row_and_every_named_test_exists() {
    let table = std::fs::read_to_string(Workspace::find().path("docs/attacks.md")).unwrap();
    let functions = functions();
    let mut rows = Vec::new();
    for line in table
        .lines()
        .filter(|line| line.starts_with("| X") || line.starts_with("| Y"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (id, tests, gap) = (cells[1], cells[3], cells[4]);
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        for name in &named {
            assert!(
                functions.contains(*name),
                "{id} names `{name}`, which does not exist"
            );
        }
        assert!(
            !named.is_empty() || !gap.is_empty(),
            "{id} has neither a test nor a reason"
        );
        // a test of an attack has its number in its name
        let numbered = named.iter().any(|name| name.contains(&id.to_lowercase()));
        assert!(
            numbered || named.is_empty(),
            "no test of {id} has its number in its name: {named:?}"
        );
        assert!(
            !rows.iter().any(|row| row == id),
            "{id} has two rows; keep the one whose tests exist"
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
    rows.retain(|id| id.starts_with('X'));
    assert_eq!(rows, expected);
    // no test of an attack is missing from the table
    for name in functions.iter().filter(|name| {
        let name = name.strip_prefix("test_").unwrap_or(name);
        let number = name.strip_prefix(['x', 'y']).and_then(|rest| rest.get(..3));
        number.is_some_and(|number| number.parse::<u16>().is_ok())
    }) {
        assert!(
            table.contains(&format!("`{name}`")),
            "`{name}` is not in the table"
        );
    }
}
