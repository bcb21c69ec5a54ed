//! Checks `.cargo/mutants.toml`: the names of files and functions that it excludes still exist.

use std::{fs, path::PathBuf};

use crate::tools::Workspace;

/// The literal strings of the file, in its two kinds of quotes.
fn strings(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines
        .filter_map(|line| {
            let line = line.strip_suffix(',')?;
            let quote = ['\'', '"']
                .into_iter()
                .find(|quote| line.starts_with(*quote))?;
            line.strip_prefix(quote)?.strip_suffix(quote)
        })
        .collect()
}

/// Returns the function that a mutant's name is about: the last segment of the path after ` in `, else after
/// `replace`.
fn function(name: &str) -> &str {
    let path = if let Some((_, path)) = name.rsplit_once(" in ") {
        path.trim_end_matches(['$', ')'])
    } else {
        name.split_once("replace ").map_or(name, |(_, path)| path)
    };
    let path = path.split(" -> ").next().unwrap_or(path);
    let path = path.split(" with ").next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

/// Returns whether one of the sources defines the function: any, or those with the path that `name` begins with.
fn is_defined(name: &str, sources: &[(PathBuf, String)]) -> bool {
    let file = name
        .split_once(r"\.rs")
        .map(|(file, _)| format!("{file}.rs"));
    let function = function(name);
    let definitions = [format!("fn {function}("), format!("fn {function}<")];
    sources.iter().any(|(path, text)| {
        file.as_ref().is_none_or(|file| path.ends_with(file))
            && definitions
                .iter()
                .any(|definition| text.contains(definition))
    })
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Workspace::find().path("crates")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files
}

#[test]
fn every_excluded_mutant_is_in_a_function_that_exists() {
    let text = fs::read_to_string(Workspace::find().path(".cargo/mutants.toml")).unwrap();
    let (_, excluded) = text.split_once("\nexclude_re = [").unwrap();
    let sources = sources();
    let names = strings(excluded);
    assert!(names.len() > 60, "{} names", names.len());
    let missing: Vec<&str> = names
        .into_iter()
        .filter(|name| !is_defined(name, &sources))
        .collect();
    assert!(
        missing.is_empty(),
        "no such functions: change or remove {missing:#?}"
    );
}

#[test]
fn every_excluded_mutant_has_a_reason() {
    let text = fs::read_to_string(Workspace::find().path(".cargo/mutants.toml")).unwrap();
    let (_, excluded) = text.split_once("\nexclude_re = [").unwrap();
    let mut has_reason = false;
    for line in excluded.lines().map(str::trim) {
        match line.chars().next() {
            Some('#') => has_reason = !line.starts_with("##"),
            Some('\'' | '"') => assert!(has_reason, "no reason above {line}"),
            _ => has_reason = false,
        }
    }
}

#[test]
fn the_function_of_a_mutant_is_found_in_its_name() {
    for (name, expected) in [
        (r"replace \| with \^ in check_exponent$", "check_exponent"),
        ("replace altered_since -> ", "altered_since"),
        ("replace Reach<.*>::meets -> bool with true", "meets"),
        ("replace <impl Drop for Remote>::drop with \\(\\)", "drop"),
        (
            "roles/a\\.rs.* (replace ensure -> u8|delete ! in ensure$)",
            "ensure",
        ),
    ] {
        assert_eq!(function(name), expected, "{name}");
    }
}
