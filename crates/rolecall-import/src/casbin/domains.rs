//! Roles that differ between the domains in which they occur.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rolecall_core::PermissionPattern;

/// The holder of permissions in the source, which becomes a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder<'t> {
    /// A role of the source.
    Role(&'t str),
    /// A user who is granted permissions by name.
    User(&'t str),
}

pub(super) type Domain<'t> = Option<&'t str>;

/// The permissions and juniors of a role in one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version<'t> {
    pub(super) permissions: BTreeSet<PermissionPattern>,
    pub(super) juniors: BTreeSet<&'t str>,
}

pub(super) type Versions<'t> = BTreeMap<Holder<'t>, BTreeMap<Domain<'t>, Version<'t>>>;

/// Returns the holders that differ between domains, by themselves or because a role that they inherit does.
pub(super) fn differing<'t>(versions: &Versions<'t>) -> HashSet<Holder<'t>> {
    let mut seniors: HashMap<&str, Vec<Holder<'t>>> = HashMap::new();
    let mut open = Vec::new();
    for (holder, by_domain) in versions {
        let mut all = by_domain.values();
        let first = all.next();
        if all.any(|other| Some(other) != first) {
            open.push(*holder);
        }
        for junior in by_domain.values().flat_map(|version| &version.juniors) {
            seniors.entry(junior).or_default().push(*holder);
        }
    }
    let mut found = HashSet::new();
    while let Some(holder) = open.pop() {
        if found.insert(holder)
            && let Holder::Role(name) = holder
        {
            open.extend(seniors.get(name).into_iter().flatten());
        }
    }
    found
}
