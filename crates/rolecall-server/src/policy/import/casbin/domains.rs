//! Which roles are the same in all domains in which there is something of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rolecall_core::Permission;

/// What becomes a role here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Who<'t> {
    /// A role of the source.
    Role(&'t str),
    /// What rules give to a user by name.
    Own(&'t str),
}

pub(super) type Domain<'t> = Option<&'t str>;

/// What a role is in one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version<'t> {
    pub(super) permissions: BTreeSet<Permission>,
    pub(super) juniors: BTreeSet<&'t str>,
}

pub(super) type Versions<'t> = BTreeMap<Who<'t>, BTreeMap<Domain<'t>, Version<'t>>>;

/// Those that are not the same wherever they are: by themselves, or because a role that they inherit is not.
pub(super) fn differing<'t>(versions: &Versions<'t>) -> HashSet<Who<'t>> {
    let mut seniors: HashMap<&str, Vec<Who<'t>>> = HashMap::new();
    let mut open = Vec::new();
    for (who, by_domain) in versions {
        let mut all = by_domain.values();
        let first = all.next();
        if all.any(|other| Some(other) != first) {
            open.push(*who);
        }
        for junior in by_domain.values().flat_map(|version| &version.juniors) {
            seniors.entry(junior).or_default().push(*who);
        }
    }
    let mut found = HashSet::new();
    while let Some(who) = open.pop() {
        if found.insert(who)
            && let Who::Role(name) = who
        {
            open.extend(seniors.get(name).into_iter().flatten());
        }
    }
    found
}
