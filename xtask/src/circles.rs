//! Finds circles between source files: files of a crate that import each other, directly or through others.
//!
//! An import is a `use` or a path in the code, of anything that another file of the crate defines.
//! Test-only code does not count. A re-export does not count either: an import through it leads to the
//! file that defines the name, so that a parent module may declare and re-export its children.

mod cursor;
mod imports;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::tools::Workspace;
use imports::{Imports, imports};
use source::Crate;

/// Files that reach each other by imports, with the imports between them.
#[derive(Debug, PartialEq, Eq)]
struct Circle {
    edges: Vec<(PathBuf, PathBuf, BTreeSet<String>)>,
}

impl Circle {
    fn show(&self, root: &Path) -> String {
        let files: BTreeSet<&PathBuf> = self.edges.iter().map(|(from, ..)| from).collect();
        let mut shown = format!("circle of {} files:\n", files.len());
        for (from, to, names) in &self.edges {
            let [from, to] = [from, to].map(|file| file.strip_prefix(root).unwrap_or(file));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (from, to, names) = (from.display(), to.display(), names.join(", "));
            shown.extend(["  ", &format!("{from} -> {to}: {names}"), "\n"]);
        }
        shown
    }
}

/// Prints the circles of all crates, and fails if there is one.
pub(crate) fn print(workspace: &Workspace) -> anyhow::Result<()> {
    let mut count = 0;
    for (_, circles) in in_workspace(workspace)? {
        for circle in circles {
            println!("{}", circle.show(&workspace.path("")));
            count += 1;
        }
    }
    if count > 0 {
        bail!("files import each other in {count} circles; move what both sides need below them");
    }
    println!("no circles");
    Ok(())
}

/// Returns the circles of each crate in `crates/`, by the name of its folder.
fn in_workspace(workspace: &Workspace) -> anyhow::Result<BTreeMap<String, Vec<Circle>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(workspace.path("crates"))? {
        let folder = entry?.path();
        let mut circles = Vec::new();
        for root in ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file)) {
            if root.exists() {
                circles.extend(in_crate(&root, &|file| std::fs::read_to_string(file).ok())?);
            }
        }
        let name = folder.file_name().context("a crate has a folder")?;
        found.insert(name.to_string_lossy().into_owned(), circles);
    }
    Ok(found)
}

/// Returns the circles of the crate whose root module is the file `root`.
fn in_crate(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> anyhow::Result<Vec<Circle>> {
    let imports = imports(&Crate::load(root, read)?);
    let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = imports
        .keys()
        .map(|file| (file, reachable(file, &imports)))
        .collect();
    let is_reached = |from: &PathBuf, to: &PathBuf| {
        let files = reach.get(from);
        files.is_some_and(|files| files.contains(to))
    };
    let mut circles: BTreeMap<&PathBuf, Circle> = BTreeMap::new();
    for (from, targets) in &imports {
        // files of one circle reach the same files; the first of them names it
        let Some(first) = imports
            .keys()
            .find(|file| is_reached(from, file) && is_reached(file, from))
        else {
            continue;
        };
        let edges = targets
            .iter()
            .filter(|(to, _)| is_reached(to, from))
            .map(|(to, names)| (from.clone(), to.clone(), names.clone()));
        let circle = circles.entry(first).or_insert(Circle { edges: Vec::new() });
        circle.edges.extend(edges);
    }
    Ok(circles.into_values().collect())
}

/// Returns the files that `file` imports, directly or through others; itself only if it is in a circle.
fn reachable<'a>(file: &PathBuf, imports: &'a Imports) -> BTreeSet<&'a PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for target in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(target) {
                open.push(target);
            }
        }
    }
    reached
}
