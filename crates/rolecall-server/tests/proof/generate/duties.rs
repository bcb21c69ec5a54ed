//! Constraints, and roles that need approval.

use super::{CONSTRAINTS, Generator, assignment_key};
use crate::command::{Act, AssignmentKey, Constraint, Name};

impl Generator {
    pub(super) fn approval(&mut self) -> Act {
        let (role, on) = (self.role(), self.random.percent(70));
        Act::Approval { role, on }
    }

    /// Confirms or withdraws a request, mostly a pending one.
    pub(super) fn request(&mut self) -> Act {
        let requests = self.model.requests.keys();
        let requested: Vec<AssignmentKey> = requests
            .filter_map(|key| {
                let mut users = self.model.users.iter();
                let (user, _) = users.find(|(_, user)| user.id == key.user)?;
                Some(assignment_key(user, &key.role, key.tenant.as_deref()))
            })
            .collect();
        let at = self.random.below(requested.len());
        let one = requested
            .get(at)
            .cloned()
            .unwrap_or_else(|| self.random_assignment());
        if self.random.percent(75) {
            Act::Confirm(one)
        } else {
            Act::EndRequest(one)
        }
    }

    pub(super) fn constrain(&mut self) -> Act {
        let constraint = self.random.of(&CONSTRAINTS).to_owned();
        match self.random.below(12) {
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
                at_most: self.random.below(4),
            },
        }
    }

    pub(super) fn constraint(&mut self, name: Name) -> Constraint {
        let mut roles = Vec::new();
        for _ in 0..2 + self.random.below(2) {
            let role = self.role();
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let kind = self.random.of(&["static", "dynamic"]).to_owned();
        let at_most = match self.random.below(10) {
            0 => self.random.below(4),
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
