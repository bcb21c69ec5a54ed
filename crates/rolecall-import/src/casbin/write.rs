//! The last step: roles, users and assignments from the lines of a policy.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rolecall_core::{PermissionPattern, RoleName, TenantName};

use super::{
    domains::Holder,
    mapper::{Mapper, name_of},
    policy::{Line, Statement},
    role_names::RoleNames,
};
use crate::{
    imported::{Imported, Person},
    note::Note,
    source::{Location, quoted},
};

struct Writer<'t> {
    names: RoleNames<'t>,
    imported: Imported,
    people: BTreeMap<&'t str, Person>,
    /// The roles whose notice, if any, was written.
    noticed: HashSet<RoleName>,
}

/// Writes every line that was not dropped.
pub(super) fn write<'t>(mut mapper: Mapper<'t>, names: RoleNames<'t>) -> Imported {
    let mut writer = Writer {
        names,
        imported: Imported::default(),
        people: BTreeMap::new(),
        noticed: HashSet::new(),
    };
    for line in mapper.lines.known.clone() {
        if let Err(reason) = writer.write_line(&mut mapper, &line) {
            mapper.lines.unmapped.push((line.number, reason));
        }
    }
    let mut imported = writer.imported;
    imported.people = writer.people.into_values().collect();
    imported
        .people
        .sort_by(|one, other| one.username.cmp(&other.username));
    let file = &mapper.lines.file;
    let notes = |mut found: Vec<(usize, String)>| {
        found.sort();
        let notes = found
            .into_iter()
            .map(|(number, message)| Note::new(Location::line(file, number), message));
        notes.collect()
    };
    imported.unmapped = notes(mapper.lines.unmapped);
    imported.notices = notes(mapper.lines.notices);
    imported
}

impl<'t> Writer<'t> {
    fn write_line(&mut self, mapper: &mut Mapper<'t>, line: &Line<'t>) -> Result<(), String> {
        match line.statement {
            Statement::Allows {
                subject,
                object,
                operation,
            } => {
                let holder = mapper.holder(subject);
                let role = self.role(mapper, holder, line)?;
                let granted = mapper.expand(line.domain, object, operation).to_vec();
                self.grant(mapper, &role, granted);
                if let Holder::User(user) = holder {
                    self.assign(mapper, user, role, line)?;
                }
            }
            Statement::Has { member, role } => {
                let junior = self.role(mapper, Holder::Role(role), line)?;
                match mapper.holder(member) {
                    Holder::User(user) => self.assign(mapper, user, junior, line)?,
                    holder @ Holder::Role(_) => {
                        let senior = self.role(mapper, holder, line)?;
                        let roles = &mut self.imported.document.roles;
                        roles.entry(senior).or_default().juniors.insert(junior);
                    }
                }
            }
            Statement::Contains { .. } => {}
        }
        Ok(())
    }

    /// Returns the role of `holder` in the domain of a line, and adds it to the document. The first time it writes
    /// a notice if the name changes.
    fn role(
        &mut self,
        mapper: &mut Mapper<'t>,
        holder: Holder<'t>,
        line: &Line<'t>,
    ) -> Result<RoleName, String> {
        let role = self.names.get(holder, line.domain)?;
        let roles = &mut self.imported.document.roles;
        roles.entry(role.clone()).or_default();
        if self.noticed.insert(role.clone()) {
            let domain = line.domain.filter(|_| self.names.differs(holder));
            let notice = notice(holder, domain, &role);
            let notices = &mut mapper.lines.notices;
            notices.extend(notice.map(|notice| (line.number, notice)));
        }
        Ok(role)
    }

    fn grant(&mut self, mapper: &Mapper<'t>, role: &RoleName, granted: Vec<PermissionPattern>) {
        let document = &mut self.imported.document;
        for permission in granted.iter().flat_map(|one| mapper.permissions_of(one)) {
            document.permissions.entry(permission).or_default();
        }
        let entry = document.roles.entry(role.clone()).or_default();
        entry.permissions.extend(granted);
    }

    fn assign(
        &mut self,
        mapper: &Mapper<'t>,
        user: &'t str,
        role: RoleName,
        line: &Line<'t>,
    ) -> Result<(), String> {
        let tenant = line.domain.map(|domain| tenant(mapper, domain));
        let tenant = tenant.transpose()?;
        let username = name_of(&mapper.users, user).unwrap_or(user);
        let person = self.people.entry(user).or_insert_with(|| Person {
            at: Location::line(&mapper.lines.file, line.number),
            id: None,
            username: username.to_owned(),
            email: None,
            email_verified: false,
            disabled: false,
            must_change_password: false,
            hash: None,
            roles: BTreeSet::new(),
        });
        person.roles.insert((role, tenant));
        Ok(())
    }
}

/// Returns the notice about a role whose name changes; `domain` is present if it differs between domains.
fn notice(holder: Holder<'_>, domain: Option<&str>, role: &RoleName) -> Option<String> {
    match (holder, domain) {
        (Holder::User(user), _) => Some(format!(
            "{} is a user; the permissions that the policy grants them by name become the role `{role}`",
            quoted(user)
        )),
        (Holder::Role(name), Some(domain)) => Some(format!(
            "role {} differs between domains: in {} it is `{role}`",
            quoted(name),
            quoted(domain)
        )),
        (Holder::Role(name), None) if name != role.as_str() => {
            Some(format!("role {} becomes `{role}`", quoted(name)))
        }
        _ => None,
    }
}

fn tenant(mapper: &Mapper<'_>, domain: &str) -> Result<TenantName, String> {
    let name = name_of(&mapper.domains, domain).unwrap_or(domain);
    name.parse()
        .map_err(|_| format!("{} is not a valid tenant name", quoted(name)))
}
