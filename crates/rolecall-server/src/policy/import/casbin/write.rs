//! The last step: names for the roles, and each rule written where it belongs.

use std::collections::{BTreeMap, HashMap, HashSet};

use rolecall_core::{Permission, RoleName, TenantName};

use super::{
    domains::{Domain, Versions, Who},
    map::{Mapper, named},
    rules::{Rule, What},
};
use crate::policy::import::{
    At, Imported, Note, Options, Person,
    names::{Names, spell},
    quoted,
};

/// The names of roles: of one that is the same in all domains without a domain.
pub(super) struct RoleNames<'t> {
    names: HashMap<(Who<'t>, Domain<'t>), Result<String, String>>,
    differing: HashSet<Who<'t>>,
}

impl<'t> RoleNames<'t> {
    pub(super) fn of(
        mapper: &Mapper<'t>,
        versions: &Versions<'t>,
        differing: HashSet<Who<'t>>,
        options: &Options,
    ) -> Self {
        let prefix = options.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let prefix = prefix.unwrap_or_default();
        let mut wanted = Vec::new();
        for (who, by_domain) in versions {
            let (thing, base) = match who {
                Who::Role(name) => ((*name).to_owned(), spell(name)),
                Who::Own(name) => (
                    format!("user {name}"),
                    spell(name).map(|name| format!("user.{name}")),
                ),
            };
            let base = base.map(|base| format!("{prefix}{base}"));
            if !differing.contains(who) {
                wanted.push(((*who, None), thing, base));
                continue;
            }
            for domain in by_domain.keys() {
                let tenant = domain.and_then(|domain| named(&mapper.domains, domain));
                let name = base.clone().map(|base| match tenant {
                    Some(tenant) => format!("{base}.{tenant}"),
                    None => base,
                });
                let shown = domain.map(|domain| format!("{thing} in {domain}"));
                wanted.push((
                    (*who, *domain),
                    shown.unwrap_or_else(|| thing.clone()),
                    name,
                ));
            }
        }
        // everybody who registers has `user`
        let mut names = Names::new("role", Some(("user", "users")));
        let names = names.give_all(wanted);
        Self { names, differing }
    }

    fn get(&self, who: Who<'t>, domain: Domain<'t>) -> Result<RoleName, String> {
        let home = domain.filter(|_| self.differing.contains(&who));
        let name = self.names.get(&(who, home)).cloned();
        let name = name.unwrap_or_else(|| Err("a role without a name".to_owned()))?;
        name.parse()
            .map_err(|_| format!("{} is no name of a role", quoted(&name)))
    }
}

struct Writer<'t> {
    names: RoleNames<'t>,
    imported: Imported,
    people: BTreeMap<&'t str, Person>,
    /// Roles of which it was told how they are called.
    told: HashSet<RoleName>,
}

/// Writes every rule that has not been dropped.
pub(super) fn write<'t>(mut mapper: Mapper<'t>, names: RoleNames<'t>) -> Imported {
    let mut writer = Writer {
        names,
        imported: Imported::default(),
        people: BTreeMap::new(),
        told: HashSet::new(),
    };
    for one in mapper.rules.known.clone() {
        if let Err(why) = writer.rule(&mut mapper, &one) {
            mapper.rules.unmapped.push((one.line, why));
        }
    }
    let mut imported = writer.imported;
    imported.people = writer.people.into_values().collect();
    imported
        .people
        .sort_by(|one, other| one.username.cmp(&other.username));
    let file = &mapper.rules.file;
    let notes = |mut found: Vec<(usize, String)>| {
        found.sort();
        let notes = found
            .into_iter()
            .map(|(line, message)| Note::new(At::line(file, line), message));
        notes.collect()
    };
    imported.unmapped = notes(mapper.rules.unmapped);
    imported.told = notes(mapper.rules.told);
    imported
}

impl<'t> Writer<'t> {
    fn rule(&mut self, mapper: &mut Mapper<'t>, one: &Rule<'t>) -> Result<(), String> {
        let domain = one.domain;
        match one.what {
            What::Allows {
                subject,
                object,
                operation,
            } => {
                let who = mapper.who(subject);
                let role = self.role(mapper, who, one)?;
                let given = mapper.expand(domain, object, operation).to_vec();
                self.grant(&role, given);
                if let Who::Own(user) = who {
                    self.assign(mapper, user, role, one)?;
                }
            }
            What::Has { member, role } => {
                let junior = self.role(mapper, Who::Role(role), one)?;
                match mapper.who(member) {
                    Who::Own(user) => self.assign(mapper, user, junior, one)?,
                    who @ Who::Role(_) => {
                        let senior = self.role(mapper, who, one)?;
                        let entry = self.imported.document.roles.entry(senior).or_default();
                        entry.juniors.insert(junior);
                    }
                }
            }
            What::Contains { .. } => {}
        }
        Ok(())
    }

    /// The role that somebody is in the domain of a rule; the first time it is told if it has another name.
    fn role(
        &mut self,
        mapper: &mut Mapper<'t>,
        who: Who<'t>,
        one: &Rule<'t>,
    ) -> Result<RoleName, String> {
        let role = self.names.get(who, one.domain)?;
        self.imported
            .document
            .roles
            .entry(role.clone())
            .or_default();
        if self.told.insert(role.clone()) {
            let differs = one.domain.filter(|_| self.names.differing.contains(&who));
            let told = match (who, differs) {
                (Who::Own(user), _) => Some(format!(
                    "{} is a user: what the policy gives them by name is the role `{role}`",
                    quoted(user)
                )),
                (Who::Role(name), Some(domain)) => Some(format!(
                    "role {} differs between domains: in {} it is `{role}`",
                    quoted(name),
                    quoted(domain)
                )),
                (Who::Role(name), None) if name != role.as_str() => {
                    Some(format!("role {} is `{role}` here", quoted(name)))
                }
                _ => None,
            };
            mapper.rules.told.extend(told.map(|told| (one.line, told)));
        }
        Ok(role)
    }

    fn grant(&mut self, role: &RoleName, permissions: Vec<Permission>) {
        let document = &mut self.imported.document;
        for permission in &permissions {
            document.permissions.entry(permission.clone()).or_default();
        }
        let entry = document.roles.entry(role.clone()).or_default();
        entry
            .permissions
            .extend(permissions.into_iter().map(Into::into));
    }

    fn assign(
        &mut self,
        mapper: &Mapper<'t>,
        user: &'t str,
        role: RoleName,
        one: &Rule<'t>,
    ) -> Result<(), String> {
        let tenant = one
            .domain
            .map(|domain| tenant(mapper, domain))
            .transpose()?;
        let username = named(&mapper.users, user).unwrap_or(user);
        let person = self.people.entry(user).or_insert_with(|| Person {
            at: At::line(&mapper.rules.file, one.line),
            username: username.to_owned(),
            email: None,
            disabled: false,
            hash: None,
            roles: std::collections::BTreeSet::new(),
        });
        person.roles.insert((role, tenant));
        Ok(())
    }
}

fn tenant(mapper: &Mapper<'_>, domain: &str) -> Result<TenantName, String> {
    let name = named(&mapper.domains, domain).unwrap_or(domain);
    name.parse()
        .map_err(|_| format!("{} is no name of a tenant", quoted(name)))
}
