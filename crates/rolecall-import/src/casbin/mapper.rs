//! The lines of a policy with converted names, without those that have no counterpart.

mod unmapped;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rolecall_core::{Permission, PermissionPattern};

use super::{
    domains::{Domain, Holder, Versions},
    model::{Links, Model},
    policy::{Line, Lines, Statement},
};
use crate::{
    accounts::AccountRules,
    imported::ImportOptions,
    names::{Converted, Names, Replacement},
    note::ImportError,
    people::Usernames,
    source::{Location, quoted},
};

/// The operation that stands for every operation, if the matcher says so.
const ANY: &str = "*";
/// Policies with more permissions, counted once for each role that holds them, are rejected.
const MAX_GRANTS: usize = 1_000_000;

/// The lines of a policy, and the converted names of everything but roles.
pub(super) struct Mapper<'t> {
    pub(super) lines: Lines<'t>,
    /// The subjects that are roles; all others are users.
    roles: HashSet<&'t str>,
    pub(super) domains: Converted<&'t str>,
    objects: Converted<&'t str>,
    operations: Converted<&'t str>,
    pub(super) users: Converted<&'t str>,
    /// The direct members of each group of objects, by domain and group.
    groups: HashMap<(Domain<'t>, &'t str), Vec<&'t str>>,
    groups_by_domain: bool,
    /// The operation `*` stands for every operation.
    any_operation: bool,
    /// The results of [`Mapper::expand`].
    expanded: HashMap<(Domain<'t>, &'t str, &'t str), Vec<PermissionPattern>>,
}

impl<'t> Mapper<'t> {
    /// Converts names, and drops lines without a counterpart.
    pub(super) fn new(
        lines: Lines<'t>,
        model: &Model,
        options: &ImportOptions,
        accounts: &dyn AccountRules,
    ) -> Self {
        let mut mapper = Self::without_names(lines, model, options);
        mapper.convert_names(accounts);
        mapper.drop_unnamed();
        mapper.drop_empty_wildcards();
        mapper.drop_cuts();
        mapper.collect_groups();
        mapper
    }

    fn without_names(lines: Lines<'t>, model: &Model, options: &ImportOptions) -> Self {
        let mut roles = HashSet::new();
        for line in &lines.known {
            match line.statement {
                Statement::Has { role, .. } => {
                    roles.insert(role);
                }
                Statement::Allows { subject, .. } if options.roles.contains(subject) => {
                    roles.insert(subject);
                }
                _ => {}
            }
        }
        Self {
            lines,
            roles,
            domains: HashMap::new(),
            objects: HashMap::new(),
            operations: HashMap::new(),
            users: HashMap::new(),
            groups: HashMap::new(),
            groups_by_domain: matches!(
                model.resource_roles,
                Some(Links {
                    by_domain: true,
                    ..
                })
            ),
            any_operation: model.any_operation,
            expanded: HashMap::new(),
        }
    }

    fn is_any(&self, operation: &str) -> bool {
        self.any_operation && operation == ANY
    }

    /// Returns the permissions that a pattern needs: itself, or one of its object for each operation of the policy,
    /// since a wildcard covers only permissions that exist.
    pub(super) fn permissions_of(&self, pattern: &PermissionPattern) -> Vec<Permission> {
        let Some(object) = pattern.wildcard_object() else {
            return pattern.as_str().parse().into_iter().collect();
        };
        let operations = self.operations.values().flatten();
        let permissions = operations.filter_map(|name| format!("{object}:{name}").parse().ok());
        permissions.collect()
    }

    /// Converts the names of everything but roles, with a notice for each that changes.
    fn convert_names(&mut self, accounts: &dyn AccountRules) {
        let (mut domains, mut objects, mut operations, mut users) = (
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::new(),
        );
        for Line {
            number,
            statement,
            domain,
        } in &self.lines.known
        {
            domain.map(|domain| domains.entry(domain).or_insert(*number));
            let user = match statement {
                Statement::Allows {
                    subject,
                    object,
                    operation,
                } => {
                    objects.entry(*object).or_insert(*number);
                    if !self.is_any(operation) {
                        operations.entry(*operation).or_insert(*number);
                    }
                    *subject
                }
                Statement::Has { member, .. } => *member,
                Statement::Contains { object, group } => {
                    objects.entry(*object).or_insert(*number);
                    objects.entry(*group).or_insert(*number);
                    continue;
                }
            };
            if !self.roles.contains(user) {
                users.entry(user).or_insert(*number);
            }
        }
        self.domains = self.convert("tenant", None, &domains);
        // the scope `role:admin` means a role, so no object may be named `role`
        self.objects = self.convert("object", Some(("role", "roles")), &objects);
        self.operations = self.convert("operation", None, &operations);
        let mut names = Usernames::new(accounts);
        for (user, line) in names.in_order(users) {
            let name = names.assign(user);
            if let Ok(name) = &name
                && name != user
            {
                let notice = format!("user {} becomes {}", quoted(user), quoted(name));
                self.lines.notices.push((line, notice));
            }
            self.users.insert(user, name);
        }
    }

    fn convert(
        &mut self,
        kind: &'static str,
        replacement: Replacement,
        things: &BTreeMap<&'t str, usize>,
    ) -> Converted<&'t str> {
        let mut names = Names::new(kind, replacement);
        let converted = names.convert_all(things.keys().copied());
        for (thing, line) in things {
            if let Some(Ok(name)) = converted.get(thing)
                && name != thing
            {
                let notice = names.notice(thing, name);
                self.lines.notices.push((*line, notice));
            }
        }
        converted
    }

    fn collect_groups(&mut self) {
        for line in &self.lines.known {
            if let Statement::Contains { object, group } = line.statement {
                self.groups
                    .entry((line.domain, group))
                    .or_default()
                    .push(object);
            }
        }
    }

    /// Returns the permissions that a rule grants, on its object and on all members if it is a group.
    pub(super) fn expand(
        &mut self,
        domain: Domain<'t>,
        object: &'t str,
        operation: &'t str,
    ) -> &[PermissionPattern] {
        let home = domain.filter(|_| self.groups_by_domain);
        let is_any = self.is_any(operation);
        let (groups, objects, operations) = (&self.groups, &self.objects, &self.operations);
        self.expanded
            .entry((home, object, operation))
            .or_insert_with(|| {
                let (mut seen, mut open) = (BTreeSet::from([object]), vec![object]);
                while let Some(one) = open.pop() {
                    let below = groups.get(&(home, one)).into_iter().flatten();
                    open.extend(below.filter(|below| seen.insert(below)));
                }
                let operation = if is_any {
                    Some(ANY)
                } else {
                    name_of(operations, operation)
                };
                let permissions = seen.into_iter().filter_map(|object| {
                    let permission = format!("{}:{}", name_of(objects, object)?, operation?);
                    permission.parse().ok()
                });
                permissions.collect()
            })
    }

    /// Returns whether a subject is a role or a user.
    pub(super) fn holder(&self, name: &'t str) -> Holder<'t> {
        if self.roles.contains(name) {
            Holder::Role(name)
        } else {
            Holder::User(name)
        }
    }

    /// Returns the permissions and juniors of each holder in each domain.
    ///
    /// # Errors
    ///
    /// There are too many.
    pub(super) fn versions(&mut self) -> Result<Versions<'t>, ImportError> {
        let mut versions = Versions::new();
        let mut grants = 0;
        for Line {
            number,
            statement,
            domain,
        } in self.lines.known.clone()
        {
            match statement {
                Statement::Allows {
                    subject,
                    object,
                    operation,
                } => {
                    let holder = self.holder(subject);
                    let each = if self.is_any(operation) {
                        self.operations.len()
                    } else {
                        1
                    };
                    let granted = self.expand(domain, object, operation);
                    grants += granted.len().saturating_mul(each);
                    if grants > MAX_GRANTS {
                        let at = Location::line(&self.lines.file, number);
                        let message = format!(
                            "the roles together would hold more than {MAX_GRANTS} permissions"
                        );
                        return Err(ImportError::new(at, message));
                    }
                    let version = versions
                        .entry(holder)
                        .or_default()
                        .entry(domain)
                        .or_default();
                    version.permissions.extend(granted.iter().cloned());
                }
                Statement::Has { member, role } => {
                    versions
                        .entry(Holder::Role(role))
                        .or_default()
                        .entry(domain)
                        .or_default();
                    if let holder @ Holder::Role(_) = self.holder(member) {
                        let version = versions
                            .entry(holder)
                            .or_default()
                            .entry(domain)
                            .or_default();
                        version.juniors.insert(role);
                    }
                }
                Statement::Contains { .. } => {}
            }
        }
        Ok(versions)
    }
}

/// Looks up a converted name.
pub(super) fn name_of<'n>(names: &'n Converted<&str>, name: &str) -> Option<&'n str> {
    names.get(name)?.as_deref().ok()
}
