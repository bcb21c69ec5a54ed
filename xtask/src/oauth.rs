//! Checks `docs/oauth.md`: each requirement has a row, with the tests that have its number in their names or
//! a reason why it does not apply.

use crate::{sources::functions, tools::Workspace};

/// The number of requirements.
const REQUIREMENTS: usize = 112;

/// Returns the requirements that the name of a test cites, such as `o015_..` or `x054_o034_..`.
fn cited(name: &str) -> impl Iterator<Item = String> {
    name.split('_')
        .filter(|word| {
            let digits = word.strip_prefix('o');
            digits.is_some_and(|rest| rest.len() == 3 && rest.parse::<u16>().is_ok())
        })
        .map(str::to_uppercase)
}

#[test]
fn every_requirement_has_a_row_with_its_tests_or_a_reason() {
    let table = std::fs::read_to_string(Workspace::find().path("docs/oauth.md")).unwrap();
    let functions = functions();
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| O")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (id, tests, remark) = (cells[1], cells[4], cells[5]);
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        for name in &named {
            assert!(
                functions.contains(*name),
                "{id} names `{name}`, which does not exist"
            );
        }
        let is_cited = named
            .iter()
            .any(|name| cited(name).any(|cited| cited == id));
        let does_not_apply = remark.starts_with("does not apply: ");
        assert!(
            is_cited != does_not_apply,
            "{id} has neither a test that cites it nor a reason, or both"
        );
        assert!(
            !does_not_apply || named.is_empty(),
            "{id} has tests and does not apply"
        );
        rows.push((id.to_owned(), tests.to_owned()));
    }
    let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    let expected: Vec<String> = (1..=REQUIREMENTS)
        .map(|number| format!("O{number:03}"))
        .collect();
    assert_eq!(ids, expected);
    // no test that cites a requirement is missing from its row
    for name in &functions {
        for id in cited(name) {
            let row = rows.iter().find(|(row, _)| *row == id);
            let (_, tests) = row.unwrap_or_else(|| panic!("`{name}` cites {id}, which has no row"));
            assert!(
                tests.contains(&format!("`{name}`")),
                "`{name}` is not in the row of {id}"
            );
        }
    }
}
