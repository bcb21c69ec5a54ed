//! Finds the functions in the sources, for documents that name tests.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::tools::Workspace;

/// Returns the names of all functions in the folders with tests.
pub(crate) fn functions() -> BTreeSet<String> {
    let workspace = Workspace::find();
    let mut names = BTreeSet::new();
    let mut folders: Vec<PathBuf> = ["crates", "tests", "examples", "sdk", "xtask"]
        .iter()
        .map(|name| workspace.path(name))
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
