//! From the rules of a policy to roles, users and assignments.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rolecall_core::Permission;

use super::{
    domains::{Domain, Versions, Who, differing},
    model::{Links, Model},
    rules::{Rule, Rules, What},
    write::{RoleNames, write},
};
use crate::policy::import::{
    At, Imported, Note, Options, Refusal,
    graph::{self, Cut, Edge},
    names::Names,
    people::Usernames,
    quoted,
};

/// How many roles Casbin follows from one to the next.
const DEEPEST: usize = 10;
/// More permissions, counted for each role that holds them, are refused.
const MAX_GRANTS: usize = 1_000_000;

pub(super) type Named<K> = HashMap<K, Result<String, String>>;

pub(super) struct Mapper<'t> {
    pub(super) rules: Rules<'t>,
    /// The names that are roles; others are users.
    roles: HashSet<&'t str>,
    pub(super) domains: Named<&'t str>,
    objects: Named<&'t str>,
    operations: Named<&'t str>,
    pub(super) users: Named<&'t str>,
    /// By domain and group, the objects that are in it directly.
    groups: HashMap<(Domain<'t>, &'t str), Vec<&'t str>>,
    groups_by_domain: bool,
    expanded: HashMap<(Domain<'t>, &'t str, &'t str), Vec<Permission>>,
}

/// Makes a policy, users and assignments of what the rules say.
pub(super) fn map(model: &Model, rules: Rules<'_>, options: &Options) -> Result<Imported, Refusal> {
    let mut mapper = Mapper::of(rules, model, options);
    mapper.name_things();
    mapper.drop_unnamed();
    mapper.drop_cuts();
    mapper.collect_groups();
    let versions = mapper.versions()?;
    let differing = differing(&versions);
    let names = RoleNames::of(&mapper, &versions, differing, options);
    let mut imported = write(mapper, names);
    imported
        .unmapped
        .splice(0..0, model.unmapped.iter().cloned());
    Ok(imported)
}

impl<'t> Mapper<'t> {
    fn of(rules: Rules<'t>, model: &Model, options: &Options) -> Self {
        let mut held = HashSet::new();
        for rule in &rules.known {
            match rule.what {
                What::Has { role, .. } => {
                    held.insert(role);
                }
                What::Allows { subject, .. } if options.roles.contains(subject) => {
                    held.insert(subject);
                }
                _ => {}
            }
        }
        Self {
            rules,
            roles: held,
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
            expanded: HashMap::new(),
        }
    }

    /// Names what is not a role, and tells whose name is another one here.
    fn name_things(&mut self) {
        let (mut domains, mut objects, mut operations, mut users) = (
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::new(),
        );
        for Rule { line, what, domain } in &self.rules.known {
            domain.map(|domain| domains.entry(domain).or_insert(*line));
            let user = match what {
                What::Allows {
                    subject,
                    object,
                    operation,
                } => {
                    objects.entry(*object).or_insert(*line);
                    operations.entry(*operation).or_insert(*line);
                    *subject
                }
                What::Has { member, .. } => *member,
                What::Contains { object, group } => {
                    objects.entry(*object).or_insert(*line);
                    objects.entry(*group).or_insert(*line);
                    continue;
                }
            };
            if !self.roles.contains(user) {
                users.entry(user).or_insert(*line);
            }
        }
        self.domains = self.spell("tenant", None, &domains);
        // in a scope, `role:admin` stands for a role
        self.objects = self.spell("object", Some(("role", "roles")), &objects);
        self.operations = self.spell("operation", None, &operations);
        let (mut names, mut given) = (Usernames::default(), HashMap::new());
        for (user, line) in Usernames::in_order(users) {
            let name = names.give(user);
            if let Ok(name) = &name
                && name != user
            {
                let told = format!("user {} is {} here", quoted(user), quoted(name));
                self.rules.told.push((line, told));
            }
            given.insert(user, name);
        }
        self.users = given;
    }

    fn spell(
        &mut self,
        kind: &'static str,
        instead: Option<(&'static str, &'static str)>,
        things: &BTreeMap<&'t str, usize>,
    ) -> Named<&'t str> {
        let mut names = Names::new(kind, instead);
        let given = names.spell_all(things.keys().copied());
        for (thing, line) in things {
            if let Some(Ok(name)) = given.get(thing)
                && name != thing
            {
                self.rules.told.push((*line, names.told(thing, name)));
            }
        }
        given
    }

    /// Takes out the rules for which there is a reason.
    fn drop_rules(&mut self, reason: impl Fn(&Self, usize, &Rule<'t>) -> Option<String>) {
        let rules = std::mem::take(&mut self.rules.known);
        let mut kept = Vec::with_capacity(rules.len());
        for (place, rule) in rules.into_iter().enumerate() {
            match reason(self, place, &rule) {
                Some(why) => self.rules.unmapped.push((rule.line, why)),
                None => kept.push(rule),
            }
        }
        self.rules.known = kept;
    }

    fn drop_unnamed(&mut self) {
        self.drop_rules(|mapper, _, rule| {
            let unnamed = |named: &Named<&'t str>, name: &str| match named.get(name) {
                Some(Err(why)) => Some(why.clone()),
                _ => None,
            };
            let domain = rule
                .domain
                .and_then(|domain| unnamed(&mapper.domains, domain));
            let other = match rule.what {
                What::Allows {
                    subject,
                    object,
                    operation,
                } => unnamed(&mapper.users, subject)
                    .or_else(|| unnamed(&mapper.objects, object))
                    .or_else(|| unnamed(&mapper.operations, operation)),
                What::Has { member, .. } => unnamed(&mapper.users, member),
                What::Contains { object, group } => {
                    unnamed(&mapper.objects, object).or_else(|| unnamed(&mapper.objects, group))
                }
            };
            domain.or(other)
        });
    }

    /// Casbin lives with cycles, and does not look farther than [`DEEPEST`].
    fn drop_cuts(&mut self) {
        let mut edges: HashMap<(bool, Domain<'t>), Vec<(usize, Edge<'t>)>> = HashMap::new();
        for (place, rule) in self.rules.known.iter().enumerate() {
            let (is_role, edge) = match rule.what {
                What::Has { member, role } => (
                    true,
                    Edge {
                        from: member,
                        to: role,
                    },
                ),
                What::Contains { object, group } => (
                    false,
                    Edge {
                        from: object,
                        to: group,
                    },
                ),
                What::Allows { .. } => continue,
            };
            edges
                .entry((is_role, rule.domain))
                .or_default()
                .push((place, edge));
        }
        let mut cut: HashMap<usize, Cut> = HashMap::new();
        for edges in edges.into_values() {
            let alone: Vec<Edge<'t>> = edges.iter().map(|(_, edge)| *edge).collect();
            for (edge, why) in graph::cuts(&alone, Some(DEEPEST)) {
                if let Some((place, _)) = edges.get(edge) {
                    cut.insert(*place, why);
                }
            }
        }
        self.drop_rules(|_, place, _| match cut.get(&place)? {
            Cut::Cycle(way) => {
                let way: Vec<String> = way.iter().map(|name| quoted(name)).collect();
                Some(format!("it closes a cycle: {}", way.join(" -> ")))
            }
            Cut::TooDeep => Some(format!(
                "more than {DEEPEST} follow each other here: Casbin does not look farther"
            )),
        });
    }

    fn collect_groups(&mut self) {
        for rule in &self.rules.known {
            if let What::Contains { object, group } = rule.what {
                self.groups
                    .entry((rule.domain, group))
                    .or_default()
                    .push(object);
            }
        }
    }

    /// The permissions that a rule gives: on its object, and on all that are in it as a group.
    pub(super) fn expand(
        &mut self,
        domain: Domain<'t>,
        object: &'t str,
        operation: &'t str,
    ) -> &[Permission] {
        let home = domain.filter(|_| self.groups_by_domain);
        let (groups, objects, operations) = (&self.groups, &self.objects, &self.operations);
        self.expanded
            .entry((home, object, operation))
            .or_insert_with(|| {
                let (mut seen, mut open) = (BTreeSet::from([object]), vec![object]);
                while let Some(one) = open.pop() {
                    let below = groups.get(&(home, one)).into_iter().flatten();
                    open.extend(below.filter(|below| seen.insert(below)));
                }
                let operation = named(operations, operation);
                let written = seen.into_iter().filter_map(|object| {
                    let permission = format!("{}:{}", named(objects, object)?, operation?);
                    permission.parse().ok()
                });
                written.collect()
            })
    }

    pub(super) fn who(&self, name: &'t str) -> Who<'t> {
        if self.roles.contains(name) {
            Who::Role(name)
        } else {
            Who::Own(name)
        }
    }

    fn versions(&mut self) -> Result<Versions<'t>, Refusal> {
        let mut versions = Versions::new();
        let mut grants = 0;
        for Rule { line, what, domain } in self.rules.known.clone() {
            match what {
                What::Allows {
                    subject,
                    object,
                    operation,
                } => {
                    let who = self.who(subject);
                    let given = self.expand(domain, object, operation);
                    grants += given.len();
                    if grants > MAX_GRANTS {
                        let message = format!(
                            "the roles would hold more than {MAX_GRANTS} permissions together"
                        );
                        return Err(vec![Note::new(At::line(&self.rules.file, line), message)]);
                    }
                    let version = versions.entry(who).or_default().entry(domain).or_default();
                    version.permissions.extend(given.iter().cloned());
                }
                What::Has { member, role } => {
                    versions
                        .entry(Who::Role(role))
                        .or_default()
                        .entry(domain)
                        .or_default();
                    if let who @ Who::Role(_) = self.who(member) {
                        let version = versions.entry(who).or_default().entry(domain).or_default();
                        version.juniors.insert(role);
                    }
                }
                What::Contains { .. } => {}
            }
        }
        Ok(versions)
    }
}

pub(super) fn named<'n>(named: &'n Named<&str>, name: &str) -> Option<&'n str> {
    named.get(name)?.as_deref().ok()
}
