//! Policy documents: the current policy with changes.

use super::{CONSTRAINTS, Generator};
use crate::{
    command::{Act, Constraint, Document, Entry, Name},
    model::{Duty, is_own},
};

impl Generator {
    /// Applies the current policy with a few changes, or none.
    pub(super) fn apply(&mut self) -> Act {
        let mut document = self.current();
        for _ in 0..self.random.below(4) {
            self.edit(&mut document);
        }
        Act::Apply(document)
    }

    fn current(&self) -> Document {
        let model = &self.model;
        let permissions = model.permissions.iter().filter(|one| !is_own(one));
        let roles = model.roles.iter().filter(|role| !is_own(role));
        let second = |all: &std::collections::BTreeSet<(Name, Name)>, role: &Name| {
            let own = all.iter().filter(|(first, _)| first == role);
            own.map(|(_, second)| second.clone()).collect()
        };
        let entry = |role: &Name| Entry {
            role: role.clone(),
            patterns: second(&model.grants, role),
            juniors: second(&model.juniors, role),
            approval: model.approval.contains(role),
        };
        let constraint = |(name, duty): (&Name, &Duty)| Constraint {
            name: name.clone(),
            kind: if duty.is_static { "static" } else { "dynamic" }.to_owned(),
            at_most: duty.at_most,
            roles: duty.roles.iter().cloned().collect(),
        };
        Document {
            permissions: permissions.cloned().collect(),
            roles: roles.map(entry).collect(),
            constraints: model.constraints.iter().map(constraint).collect(),
        }
    }

    fn edit(&mut self, document: &mut Document) {
        let (role, permission, pattern) = (self.role(), self.permission(), self.pattern());
        let at = self.random.below(document.roles.len());
        match self.random.below(11) {
            10 => {
                if let Some(entry) = document.roles.get_mut(at) {
                    entry.approval = !entry.approval;
                }
            }
            8 => {
                let name = self.random.of(&CONSTRAINTS).to_owned();
                document.constraints.retain(|one| one.name != name);
                let constraint = self.constraint(name);
                document.constraints.push(constraint);
            }
            9 => drop(document.constraints.pop()),
            0 if !document.permissions.contains(&permission) => {
                document.permissions.push(permission);
            }
            1 => {
                document.permissions.retain(|one| *one != permission);
                // leaving it in a role makes the document invalid
                if self.random.percent(80) {
                    let entries = document.roles.iter_mut();
                    entries.for_each(|entry| entry.patterns.retain(|one| *one != permission));
                }
            }
            2 if !document.roles.iter().any(|entry| entry.role == role) => {
                let patterns = vec![pattern];
                document.roles.push(Entry {
                    role,
                    patterns,
                    ..Entry::default()
                });
            }
            3 => {
                document.roles.retain(|entry| entry.role != role);
                if self.random.percent(80) {
                    let entries = document.roles.iter_mut();
                    entries.for_each(|entry| entry.juniors.retain(|one| *one != role));
                }
            }
            step => {
                if let Some(entry) = document.roles.get_mut(at) {
                    match step {
                        4 => toggle(&mut entry.patterns, pattern),
                        5 => toggle(&mut entry.juniors, role),
                        6 => entry.patterns.truncate(1),
                        _ => entry.juniors.clear(),
                    }
                }
            }
        }
    }
}

fn toggle(names: &mut Vec<Name>, name: Name) {
    if names.contains(&name) {
        names.retain(|one| *one != name);
    } else {
        names.push(name);
    }
}
