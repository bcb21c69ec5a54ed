//! Checks `docs/passwords.md`: each rule has a row, and the tests that it names exist.

use std::{collections::BTreeSet, fs};

use crate::{sources::functions, tools::Workspace};

/// The number of rules.
const RULES: usize = 32;

/// Returns the rules for which a file has tests, such as `PW-29` and `PW-31` of `pw_29_and_31_..`.
fn tested(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Workspace::find().path(file)).unwrap();
    let names = text.split("fn pw_").skip(1);
    let rules = names.flat_map(|name| {
        let words = name.split(['_', '(']);
        words
            .take_while(|word| *word == "and" || word.parse::<u16>().is_ok())
            .filter(|word| *word != "and")
            .map(|number| format!("PW-{number}"))
    });
    rules.collect()
}

#[test]
fn every_rule_has_a_row_and_every_named_test_exists() {
    let page = fs::read_to_string(Workspace::find().path("docs/passwords.md")).unwrap();
    let unit = tested("crates/rolecall-passwords/src/tests/rules.rs");
    let http = tested("crates/rolecall-server/tests/it/password_rules.rs");
    assert!(unit.contains("PW-31") && http.contains("PW-27"), "{unit:?}");
    let functions = functions();
    let mut ids = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| PW-")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (id, tests) = (cells[1], cells[3]);
        let says = |kind: &str| {
            let mut words = tests.split(|letter: char| !letter.is_alphanumeric());
            words.any(|word| word == kind)
        };
        assert_eq!(says("unit"), unit.contains(id), "{id}: unit tests");
        assert_eq!(says("HTTP"), http.contains(id), "{id}: tests over HTTP");
        for name in tests.split('`').skip(1).step_by(2) {
            let test = name.rsplit("::").next().unwrap();
            let is_test = test.contains('_') && !test.contains(['/', '.']);
            assert!(
                !is_test || functions.contains(test),
                "{id} names `{name}`, which does not exist"
            );
        }
        ids.push(id.to_owned());
    }
    let expected: Vec<String> = (1..=RULES)
        .map(|number| format!("PW-{number:02}"))
        .collect();
    assert_eq!(ids, expected);
}
