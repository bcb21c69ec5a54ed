//! Access as the audit log has it: replayed from its changes, to be compared with the tables.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::RESERVED_PREFIX;
use serde_json::{Value, json};

/// The most subjects that one change names.
const SUBJECTS: usize = 500;

/// The permissions on assignments count in a tenant.
const ON_ASSIGNMENTS: &str = "rolecall.assignments:";

/// The start and the end of an assignment, as a change has them.
pub(super) type Span = (Option<String>, Option<String>);

/// Assignments, the permissions and juniors of roles, and the roles that need approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// By subject, then by role and tenant; the tenant of a global assignment is empty.
    assignments: BTreeMap<String, BTreeMap<(String, String), Span>>,
    permissions: BTreeMap<String, BTreeSet<String>>,
    juniors: BTreeMap<String, BTreeSet<String>>,
    approvals: BTreeSet<String>,
}

impl Access {
    pub(crate) fn assign(&mut self, subject: &str, role: &str, tenant: &str, span: Span) {
        let roles = self.assignments.entry(subject.to_owned()).or_default();
        roles.insert((role.to_owned(), tenant.to_owned()), span);
    }

    pub(crate) fn grant(&mut self, role: &str, permission: &str) {
        let permissions = self.permissions.entry(role.to_owned()).or_default();
        permissions.insert(permission.to_owned());
    }

    pub(crate) fn inherit(&mut self, senior: &str, junior: &str) {
        let juniors = self.juniors.entry(senior.to_owned()).or_default();
        juniors.insert(junior.to_owned());
    }

    pub(crate) fn require_approval(&mut self, role: &str) {
        self.approvals.insert(role.to_owned());
    }

    pub(super) fn has_assignments(&self) -> bool {
        !self.assignments.is_empty()
    }

    /// Applies a change of an entry. Changes that have nothing to do with access change nothing.
    pub(super) fn apply(&mut self, change: &Value) {
        let (role, tenant) = (text(change, "role"), text(change, "tenant"));
        let permission = text(change, "permission");
        match text(change, "action") {
            "role.assigned" => {
                let time = |name: &str| change[name].as_str().map(str::to_owned);
                let span = (time("valid_from"), time("expires_at"));
                for subject in subjects(change) {
                    self.assign(subject, role, tenant, span.clone());
                }
            }
            "role.unassigned" => {
                if let Some(roles) = self.assignments.get_mut(text(change, "subject")) {
                    roles.remove(&(role.to_owned(), tenant.to_owned()));
                }
            }
            "role.deleted" => self.delete_role(role),
            "role.approval" if change["approval"] == true => self.require_approval(role),
            "role.approval" => {
                self.approvals.remove(role);
            }
            "user.deleted" => {
                self.assignments.remove(text(change, "subject"));
            }
            "client.deleted" => {
                self.assignments.remove(text(change, "client"));
            }
            "permission.granted" => self.grant(role, permission),
            "permission.revoked" => {
                if let Some(permissions) = self.permissions.get_mut(role) {
                    permissions.remove(permission);
                }
            }
            "junior.added" => self.inherit(role, text(change, "junior")),
            "junior.removed" => {
                if let Some(juniors) = self.juniors.get_mut(role) {
                    juniors.remove(text(change, "junior"));
                }
            }
            _ => {}
        }
    }

    fn delete_role(&mut self, role: &str) {
        for roles in self.assignments.values_mut() {
            roles.retain(|(assigned, _), _| assigned != role);
        }
        self.permissions.remove(role);
        self.juniors.remove(role);
        for juniors in self.juniors.values_mut() {
            juniors.remove(role);
        }
        self.approvals.remove(role);
    }

    /// Returns the role and tenant of each assignment of a subject, with its time.
    pub(super) fn assignments_of(
        &self,
        subject: &str,
    ) -> impl Iterator<Item = (&(String, String), &Span)> {
        self.assignments.get(subject).into_iter().flatten()
    }

    /// Returns the time of an assignment, if there is one.
    pub(super) fn assignment(&self, subject: &str, role: &str, tenant: &str) -> Option<&Span> {
        let roles = self.assignments.get(subject)?;
        roles.get(&(role.to_owned(), tenant.to_owned()))
    }

    /// Returns the roles that `roles` inherit, and themselves.
    fn closure<'a>(&'a self, roles: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = roles.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(role) = open.pop() {
            if reached.insert(role) {
                let juniors = self.juniors.get(role).into_iter().flatten();
                open.extend(juniors.map(String::as_str));
            }
        }
        reached
    }

    /// Returns the permissions and wildcards that roles give, globally or in a tenant, where of rolecall's own only those
    /// on assignments count.
    pub(super) fn patterns_of<'a>(
        &'a self,
        roles: impl IntoIterator<Item = &'a str>,
        in_tenant: bool,
    ) -> BTreeSet<&'a str> {
        let roles = self.closure(roles).into_iter();
        let patterns = roles
            .filter_map(|role| self.permissions.get(role))
            .flatten();
        let counts = |pattern: &&str| {
            !in_tenant
                || !pattern.starts_with(RESERVED_PREFIX)
                || pattern.starts_with(ON_ASSIGNMENTS)
        };
        patterns.map(String::as_str).filter(counts).collect()
    }

    /// Returns true if a role, or one that it inherits, needs approval.
    pub(super) fn needs_approval(&self, role: &str) -> bool {
        let closure = self.closure([role]);
        closure.iter().any(|role| self.approvals.contains(*role))
    }

    /// Returns changes that lead from nothing to this state.
    pub(super) fn changes(&self) -> Vec<Value> {
        let mut alike: BTreeMap<(&(String, String), &Span), Vec<&str>> = BTreeMap::new();
        for (subject, roles) in &self.assignments {
            for (role, span) in roles {
                alike.entry((role, span)).or_default().push(subject);
            }
        }
        let mut changes = Vec::new();
        for (((role, tenant), (from, end)), subjects) in alike {
            changes.extend(subjects.chunks(SUBJECTS).map(|subjects| {
                json!({
                    "action": "role.assigned", "subjects": subjects, "role": role, "tenant": tenant,
                    "valid_from": from, "expires_at": end,
                })
            }));
        }
        for (role, permission) in pairs(&self.permissions) {
            changes.push(
                json!({ "action": "permission.granted", "role": role, "permission": permission }),
            );
        }
        for (role, junior) in pairs(&self.juniors) {
            changes.push(json!({ "action": "junior.added", "role": role, "junior": junior }));
        }
        for role in &self.approvals {
            changes.push(json!({ "action": "role.approval", "role": role, "approval": true }));
        }
        changes
    }

    /// Describes each part of the state, with the time in which it is valid.
    fn facts(&self) -> BTreeMap<String, Span> {
        let mut facts = BTreeMap::new();
        for (subject, roles) in &self.assignments {
            for ((role, tenant), span) in roles {
                let mut fact = format!("role `{role}` of subject `{subject}`");
                if !tenant.is_empty() {
                    fact.extend([" in tenant `", tenant, "`"]);
                }
                facts.insert(fact, span.clone());
            }
        }
        let mut always = |fact| facts.insert(fact, Span::default());
        for (role, permission) in pairs(&self.permissions) {
            always(format!("permission `{permission}` of role `{role}`"));
        }
        for (role, junior) in pairs(&self.juniors) {
            always(format!("junior `{junior}` of role `{role}`"));
        }
        for role in &self.approvals {
            always(format!("approval for role `{role}`"));
        }
        facts
    }

    /// Describes how `tables` differ from this state.
    pub(super) fn differences(&self, tables: &Self) -> Vec<String> {
        let (logged, found) = (self.facts(), tables.facts());
        let mut differences = Vec::new();
        for (fact, span) in &found {
            match logged.get(fact) {
                Some(logged) if logged == span => {}
                Some(_) => differences.push(format!("{fact}: its validity was changed")),
                None => differences.push(format!("{fact}: no entry adds it")),
            }
        }
        let missing = logged.keys().filter(|fact| !found.contains_key(*fact));
        differences.extend(missing.map(|fact| format!("{fact}: no entry removes it")));
        differences
    }
}

fn pairs(sets: &BTreeMap<String, BTreeSet<String>>) -> impl Iterator<Item = (&String, &String)> {
    sets.iter()
        .flat_map(|(one, others)| others.iter().map(move |other| (one, other)))
}

pub(super) fn text<'v>(change: &'v Value, name: &str) -> &'v str {
    change[name].as_str().unwrap_or_default()
}

/// Returns the subjects of a change, which names one or many.
pub(super) fn subjects(change: &Value) -> impl Iterator<Item = &str> {
    let many = change["subjects"].as_array().into_iter().flatten();
    many.chain([&change["subject"]]).filter_map(Value::as_str)
}

/// Describes many subjects with the same role as changes.
pub(crate) fn assigned<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Value> {
    let mut access = Access::default();
    for (subject, role) in given {
        access.assign(subject, role, "", Span::default());
    }
    access.changes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replayed(changes: &[Value]) -> Access {
        let mut access = Access::default();
        for change in changes {
            access.apply(change);
        }
        access
    }

    fn example() -> Access {
        let mut access = Access::default();
        access.assign("u1", "editor", "", Span::default());
        access.assign(
            "u1",
            "editor",
            "acme",
            (None, Some("2030-01-01T00:00:00Z".into())),
        );
        access.assign("c1", "reader", "", Span::default());
        access.grant("editor", "items:write");
        access.grant("reader", "items:*");
        access.inherit("editor", "reader");
        access.require_approval("editor");
        access
    }

    #[test]
    fn the_changes_of_a_state_lead_to_it() {
        let access = example();
        assert_eq!(replayed(&access.changes()), access);
        let many: Vec<String> = (0..1203).map(|number| format!("u{number}")).collect();
        let given = many.iter().map(|subject| (subject.as_str(), "user"));
        let changes = assigned(given);
        assert_eq!(changes.len(), 3);
        assert_eq!(replayed(&changes).assignments.len(), 1203);
    }

    #[test]
    fn each_part_that_differs_is_described() {
        let log = example();
        assert!(log.differences(&log).is_empty());
        let mut tables = example();
        tables.assign("u2", "rolecall.admin", "", Span::default());
        tables.assign("u1", "editor", "acme", Span::default());
        tables.grant("reader", "rolecall.users:write");
        tables.inherit("reader", "owner");
        tables.approvals.clear();
        let found = log.differences(&tables);
        assert_eq!(
            found,
            [
                "junior `owner` of role `reader`: no entry adds it",
                "permission `rolecall.users:write` of role `reader`: no entry adds it",
                "role `editor` of subject `u1` in tenant `acme`: its validity was changed",
                "role `rolecall.admin` of subject `u2`: no entry adds it",
                "approval for role `editor`: no entry removes it",
            ]
        );
    }

    #[test]
    fn what_is_deleted_takes_everything_along() {
        let mut access = example();
        access.apply(&json!({ "action": "role.deleted", "role": "editor" }));
        access.apply(&json!({ "action": "client.deleted", "client": "c1" }));
        let mut left = Access::default();
        left.grant("reader", "items:*");
        assert!(access.differences(&left).is_empty());
    }

    /// Changes over few names, so that later ones meet earlier ones.
    fn any_change() -> impl Strategy<Value = Value> {
        let name = || prop::sample::select(&["a", "b", "c"][..]);
        let tenant = prop::sample::select(&[None, Some("t")][..]);
        (0..10_usize, name(), name(), tenant, any::<bool>()).prop_map(
            |(kind, one, other, tenant, approval)| match kind {
                0..=2 => json!({ "action": "role.assigned", "subject": one, "role": other, "tenant": tenant }),
                3 => json!({ "action": "role.unassigned", "subject": one, "role": other, "tenant": tenant }),
                4 => json!({ "action": "permission.granted", "role": one, "permission": format!("{other}:x") }),
                5 => json!({ "action": "permission.revoked", "role": one, "permission": format!("{other}:x") }),
                6 => json!({ "action": "junior.added", "role": one, "junior": other }),
                7 => json!({ "action": "role.approval", "role": one, "approval": approval }),
                8 => json!({ "action": "role.deleted", "role": one }),
                _ => json!({ "action": "user.deleted", "subject": one }),
            },
        )
    }

    /// Returns the assignments that a list of changes leaves, found without any state in between.
    fn assignments(changes: &[Value]) -> BTreeSet<(&str, &str, &str)> {
        let mut left = BTreeSet::new();
        for change in changes {
            let (subject, role) = (text(change, "subject"), text(change, "role"));
            let key = (subject, role, text(change, "tenant"));
            match text(change, "action") {
                "role.assigned" => {
                    left.insert(key);
                }
                "role.unassigned" => {
                    left.remove(&key);
                }
                "role.deleted" => left.retain(|(_, assigned, _)| *assigned != role),
                "user.deleted" => left.retain(|(of, _, _)| *of != subject),
                _ => {}
            }
        }
        left
    }

    proptest! {
        #[test]
        fn a_state_is_its_changes_and_every_single_difference_is_found(
            changes in prop::collection::vec(any_change(), 0..40),
            more in any_change(),
        ) {
            let state = replayed(&changes);
            let again = replayed(&state.changes());
            prop_assert!(state.differences(&again).is_empty());
            let found = state.assignments.iter().flat_map(|(subject, roles)| {
                roles.keys().map(move |(role, tenant)| (subject.as_str(), role.as_str(), tenant.as_str()))
            });
            prop_assert_eq!(found.collect::<BTreeSet<_>>(), assignments(&changes));
            let mut tables = state.clone();
            tables.apply(&more);
            prop_assert_eq!(state.differences(&tables).is_empty(), state.facts() == tables.facts());
        }
    }
}
