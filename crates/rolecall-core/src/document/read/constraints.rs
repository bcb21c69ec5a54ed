use std::collections::BTreeSet;

use super::{Mentioned, Reader};
use crate::{Constraint, ConstraintKind, ConstraintName, MAX_CONSTRAINTS, document::node::Node};

impl Reader<'_> {
    pub(super) fn constraints(&mut self, node: &Node) {
        let members = self.members(node);
        if members.len() > MAX_CONSTRAINTS {
            let message = format!("there are more than {MAX_CONSTRAINTS} constraints");
            return self.fault("value_error", message);
        }
        for (name, node) in members {
            self.within(name.as_str(), |reader| {
                let parsed = reader.parsed::<ConstraintName>(name);
                if reader.is_own(name)
                    && let (Some(constraint), Some(name)) = (reader.constraint(node), parsed)
                {
                    let constraints = &mut reader.read.document.constraints;
                    constraints.insert(name, constraint);
                }
            });
        }
    }

    fn constraint(&mut self, node: &Node) -> Option<Constraint> {
        let (mut kind, mut roles, mut at_most) = (None, None, None);
        let (mut has_kind, mut has_most) = (false, false);
        for (name, node) in self.members(node) {
            self.path.push(name.as_str().into());
            match name.as_str() {
                "kind" => {
                    has_kind = true;
                    kind = self.constraint_kind(node);
                }
                "roles" => {
                    let named: BTreeSet<_> =
                        self.names(node, Mentioned::Role).into_iter().collect();
                    if named.len() < 2 {
                        self.fault("value_error", "a constraint is about two roles or more");
                    }
                    roles = Some(named);
                }
                "at_most" => {
                    has_most = true;
                    at_most = self.at_most(node);
                }
                _ => self.unknown("kind, roles, at_most"),
            }
            self.path.pop();
        }
        for (name, there) in [
            ("kind", has_kind),
            ("roles", roles.is_some()),
            ("at_most", has_most),
        ] {
            if !there {
                self.fault("missing", format!("a constraint needs `{name}`"));
            }
        }
        let (kind, roles, at_most) = (kind?, roles?, at_most?);
        if roles.len() >= 2 && at_most as usize >= roles.len() {
            let message = format!(
                "at_most must be less than the number of roles, which is {}",
                roles.len()
            );
            self.within("at_most", |reader| reader.fault("value_error", message));
        }
        Some(Constraint {
            kind,
            roles,
            at_most,
        })
    }

    fn constraint_kind(&mut self, node: &Node) -> Option<ConstraintKind> {
        match self.text(node)? {
            "static" => Some(ConstraintKind::Static),
            "dynamic" => Some(ConstraintKind::Dynamic),
            _ => {
                self.fault("value_error", "kind is `static` or `dynamic`");
                None
            }
        }
    }

    fn at_most(&mut self, node: &Node) -> Option<u32> {
        let number = match node {
            Node::Whole(number) => u32::try_from(*number).ok().filter(|number| *number > 0),
            _ => None,
        };
        if number.is_none() {
            self.fault("value_error", "at_most is a whole number of at least 1");
        }
        number
    }
}
