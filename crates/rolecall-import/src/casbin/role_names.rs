//! The names of the roles.

use std::collections::{HashMap, HashSet};

use rolecall_core::RoleName;

use super::{
    domains::{Domain, Holder, Versions, differing},
    mapper::{Mapper, name_of},
};
use crate::{
    imported::ImportOptions,
    names::{Converted, Names, convert},
    source::quoted,
};

/// The names of the roles. A role that is the same in all domains has one name without a domain.
pub(super) struct RoleNames<'t> {
    names: Converted<(Holder<'t>, Domain<'t>)>,
    differing: HashSet<Holder<'t>>,
}

impl<'t> RoleNames<'t> {
    pub(super) fn new(
        mapper: &Mapper<'t>,
        versions: &Versions<'t>,
        options: &ImportOptions,
    ) -> Self {
        let prefix = options.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let prefix = prefix.unwrap_or_default();
        let differing = differing(versions);
        let mut wanted = Vec::new();
        for (holder, by_domain) in versions {
            let (thing, base) = match holder {
                Holder::Role(name) => ((*name).to_owned(), convert(name)),
                Holder::User(name) => (
                    format!("user {name}"),
                    convert(name).map(|name| format!("user.{name}")),
                ),
            };
            let base = base.map(|base| format!("{prefix}{base}"));
            if !differing.contains(holder) {
                wanted.push(((*holder, None), thing, base));
                continue;
            }
            for domain in by_domain.keys() {
                let tenant = domain.and_then(|domain| name_of(&mapper.domains, domain));
                let name = base.clone().map(|base| match tenant {
                    Some(tenant) => format!("{base}.{tenant}"),
                    None => base,
                });
                let thing = match domain {
                    Some(domain) => format!("{thing} in {domain}"),
                    None => thing.clone(),
                };
                wanted.push(((*holder, *domain), thing, name));
            }
        }
        // every user who registers has the role `user`, so an imported role may not have its name
        let mut names = Names::new("role", Some(("user", "users")));
        let names: HashMap<_, _> = names.assign_all(wanted);
        Self { names, differing }
    }

    /// Returns the name of the role of `holder` in `domain`.
    pub(super) fn get(&self, holder: Holder<'t>, domain: Domain<'t>) -> Result<RoleName, String> {
        let home = domain.filter(|_| self.differs(holder));
        let name = self.names.get(&(holder, home)).cloned();
        let name = name.unwrap_or_else(|| Err("the role has no name".to_owned()))?;
        name.parse()
            .map_err(|_| format!("{} is not a valid role name", quoted(&name)))
    }

    /// Returns whether `holder` differs between domains.
    pub(super) fn differs(&self, holder: Holder<'t>) -> bool {
        self.differing.contains(&holder)
    }
}
