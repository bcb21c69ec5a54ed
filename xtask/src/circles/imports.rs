//! Follows names to the files that define them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::cursor::Names;
use super::source::{Crate, Module, ModuleId};

/// The names that each file imports from each other file.
pub(super) type Imports = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

/// The meaning of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Module(ModuleId),
    /// Something that the module defines.
    ItemOf(ModuleId),
    OtherCrate,
}

/// Returns the imports between the files of a crate.
pub(super) fn imports(of: &Crate) -> Imports {
    let mut found = Imports::new();
    for (id, module) in of.modules.iter().enumerate() {
        let targets = found.entry(module.file.clone()).or_default();
        let used = module.uses.iter();
        let used = used.filter(|used| !is_reexport_of_child(of, id, &used.path, used.public));
        let paths = used.map(|used| &used.path).chain(&module.named);
        for path in paths {
            if let Some((Target::ItemOf(definer), name)) =
                resolve(of, id, path, &mut Visited::new())
                && let Some(definer) = of.module(definer)
                && definer.file != module.file
            {
                let names = targets.entry(definer.file.clone()).or_default();
                names.insert(name.to_owned());
            }
        }
    }
    found
}

/// Names that are being looked up, so that re-exports in a ring come to an end.
type Visited = BTreeSet<(ModuleId, String, bool)>;

/// Returns what a path means in a module, with the name of the item in it: `B` of `crate::a::B::new`.
/// Returns nothing if no module and no import explains the path, as for the name of a variable.
fn resolve<'p>(
    of: &Crate,
    id: ModuleId,
    path: &'p Names,
    visited: &mut Visited,
) -> Option<(Target, &'p str)> {
    let (first, rest) = path.split_first()?;
    let mut target = match first.as_str() {
        "crate" => Target::Module(0),
        "self" => Target::Module(id),
        "super" => Target::Module(of.module(id)?.parent?),
        name => look_up(of, id, name, !rest.is_empty(), visited)?,
    };
    let mut last = first.as_str();
    let mut rest = rest.iter().peekable();
    while let Target::Module(id) = target
        && let Some(name) = rest.next()
    {
        last = name;
        target = if name == "super" {
            Target::Module(of.module(id)?.parent?)
        } else {
            let found = look_up(of, id, name, rest.peek().is_some(), visited);
            // written by a macro, perhaps
            found.unwrap_or(Target::ItemOf(id))
        };
    }
    Some((target, last))
}

/// Returns what a name means in a module. A module and an item may share it: `more` if a path goes on after
/// the name, which only a module allows.
fn look_up(
    of: &Crate,
    id: ModuleId,
    name: &str,
    more: bool,
    visited: &mut Visited,
) -> Option<Target> {
    let key = (id, name.to_owned(), more);
    if !visited.insert(key.clone()) {
        return None;
    }
    let module = of.module(id)?;
    let child = module.children.get(name).copied().map(Target::Module);
    let found = if more { child } else { None };
    let found = found
        .or_else(|| used(of, id, module, name, visited))
        .or_else(|| module.items.contains(name).then_some(Target::ItemOf(id)))
        .or(child)
        .or_else(|| through_glob(of, id, module, name, more, visited));
    visited.remove(&key);
    found
}

fn used(
    of: &Crate,
    id: ModuleId,
    module: &Module,
    name: &str,
    visited: &mut Visited,
) -> Option<Target> {
    let used = module.uses.iter().find(|used| used.alias == name)?;
    // a macro that makes itself visible
    if used.path == [name] && module.items.contains(name) {
        return Some(Target::ItemOf(id));
    }
    // a `use` that begins with no module of ours
    let target = resolve(of, id, &used.path, visited).map(|(target, _)| target);
    Some(target.unwrap_or(Target::OtherCrate))
}

fn through_glob(
    of: &Crate,
    id: ModuleId,
    module: &Module,
    name: &str,
    more: bool,
    visited: &mut Visited,
) -> Option<Target> {
    let mut globs = module.uses.iter().filter(|used| used.alias == "*");
    globs.find_map(|glob| match resolve(of, id, &glob.path, visited)?.0 {
        Target::Module(from) => look_up(of, from, name, more, visited),
        Target::ItemOf(_) | Target::OtherCrate => None,
    })
}

/// A module may show what is below it. That counts as an import only if its own code uses it.
fn is_reexport_of_child(of: &Crate, id: ModuleId, path: &Names, public: bool) -> bool {
    let target = resolve(of, id, path, &mut Visited::new());
    let Some((Target::ItemOf(mut module), _)) = target else {
        return false;
    };
    while let Some(parent) = of.module(module).and_then(|module| module.parent) {
        if parent == id {
            return public;
        }
        module = parent;
    }
    false
}
