use std::collections::BTreeSet;

use super::{Reader, Target};
use crate::{
    Constraint, ConstraintKind, ConstraintName, ConstraintScope, MAX_CONSTRAINTS,
    document::node::Node,
};

impl Reader<'_> {
    pub(super) fn constraints(&mut self, node: &Node) {
        let members = self.members(node);
        if members.len() > MAX_CONSTRAINTS {
            let message =
                format!("too many constraints: a document can have at most {MAX_CONSTRAINTS}");
            return self.fault("value_error", message);
        }
        for (name, node) in members {
            self.within(name.as_str(), |reader| {
                let parsed = reader.parse::<ConstraintName>(name);
                if reader.is_definable(name)
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
        let (mut has_kind, mut has_at_most) = (false, false);
        let mut per = ConstraintScope::Session;
        for (name, node) in self.members(node) {
            self.path.push(name.as_str().into());
            match name.as_str() {
                "kind" => {
                    has_kind = true;
                    kind = self.constraint_kind(node);
                }
                "roles" => {
                    let named: BTreeSet<_> =
                        self.references(node, Target::Role).into_iter().collect();
                    if named.len() < 2 {
                        self.fault("value_error", "a constraint needs at least two roles");
                    }
                    roles = Some(named);
                }
                "at_most" => {
                    has_at_most = true;
                    at_most = self.at_most(node);
                }
                "per" => per = self.constraint_scope(node),
                _ => self.unknown_member("kind, roles, at_most, per"),
            }
            self.path.pop();
        }
        for (name, is_present) in [
            ("kind", has_kind),
            ("roles", roles.is_some()),
            ("at_most", has_at_most),
        ] {
            if !is_present {
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
        if kind == ConstraintKind::Static
            && self.members(node).iter().any(|(name, _)| name == "per")
        {
            let message = "per is only for dynamic constraints";
            self.within("per", |reader| reader.fault("value_error", message));
        }
        Some(Constraint {
            kind,
            roles,
            at_most,
            per,
        })
    }

    fn constraint_kind(&mut self, node: &Node) -> Option<ConstraintKind> {
        match self.string(node)? {
            "static" => Some(ConstraintKind::Static),
            "dynamic" => Some(ConstraintKind::Dynamic),
            _ => {
                self.fault("value_error", "kind must be `static` or `dynamic`");
                None
            }
        }
    }

    fn constraint_scope(&mut self, node: &Node) -> ConstraintScope {
        match self.string(node) {
            Some("session") | None => ConstraintScope::Session,
            Some("subject") => ConstraintScope::Subject,
            Some(_) => {
                self.fault("value_error", "per must be `session` or `subject`");
                ConstraintScope::Session
            }
        }
    }

    fn at_most(&mut self, node: &Node) -> Option<u32> {
        let number = match node {
            Node::Integer(number) => u32::try_from(*number).ok().filter(|number| *number > 0),
            _ => None,
        };
        if number.is_none() {
            self.fault("value_error", "at_most must be an integer of at least 1");
        }
        number
    }
}
