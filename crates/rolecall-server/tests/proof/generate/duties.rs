//! Constraints, and roles that need a second person.

use super::{CONSTRAINTS, Making, given};
use crate::command::{Act, Constraint, Given, Name};

impl Making {
    pub(super) fn approval(&mut self) -> Act {
        let (role, on) = (self.role(), self.numbers.percent(70));
        Act::Approval { role, on }
    }

    /// Something about what was asked for, mostly by another than who asked.
    pub(super) fn request(&mut self) -> Act {
        let requests = self.model.requests.keys();
        let asked: Vec<Given> = requests
            .filter_map(|key| {
                let mut users = self.model.users.iter();
                let (user, _) = users.find(|(_, user)| user.id == key.user)?;
                Some(given(user, &key.role, key.tenant.as_deref()))
            })
            .collect();
        let at = self.numbers.below(asked.len());
        let one = asked.get(at).cloned().unwrap_or_else(|| self.given_one());
        if self.numbers.percent(75) {
            Act::Confirm(one)
        } else {
            Act::EndRequest(one)
        }
    }

    pub(super) fn constrain(&mut self) -> Act {
        let constraint = self.numbers.of(&CONSTRAINTS).to_owned();
        match self.numbers.below(12) {
            0..5 => Act::AddConstraint(self.constraint(constraint)),
            5..7 => Act::DeleteConstraint(constraint),
            7..9 => {
                let role = self.role();
                Act::AddMember { constraint, role }
            }
            9 => {
                let role = self.role();
                Act::RemoveMember { constraint, role }
            }
            _ => Act::Limit {
                constraint,
                at_most: self.numbers.below(4),
            },
        }
    }

    pub(super) fn constraint(&mut self, name: Name) -> Constraint {
        let mut roles = Vec::new();
        for _ in 0..2 + self.numbers.below(2) {
            let role = self.role();
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let kind = self.numbers.of(&["static", "dynamic"]).to_owned();
        let at_most = match self.numbers.below(10) {
            0 => self.numbers.below(4),
            1..3 => 2,
            _ => 1,
        };
        Constraint {
            name,
            kind,
            at_most,
            roles,
        }
    }
}
