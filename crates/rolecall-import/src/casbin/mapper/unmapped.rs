//! The lines of a policy that have no counterpart.

use std::collections::HashMap;

use super::{
    super::{
        domains::Domain,
        policy::{Line, Statement},
    },
    Mapper,
};
use crate::{
    graph::{self, Cut, Edge},
    names::Converted,
    source::quoted,
};

/// The longest chain of roles that Casbin follows.
const DEEPEST: usize = 10;

impl<'t> Mapper<'t> {
    /// Drops the lines for which `reason` returns a reason.
    fn drop_lines(&mut self, reason: impl Fn(&Self, usize, &Line<'t>) -> Option<String>) {
        let lines = std::mem::take(&mut self.lines.known);
        let mut kept = Vec::with_capacity(lines.len());
        for (place, line) in lines.into_iter().enumerate() {
            match reason(self, place, &line) {
                Some(reason) => self.lines.unmapped.push((line.number, reason)),
                None => kept.push(line),
            }
        }
        self.lines.known = kept;
    }

    /// Drops the lines that grant every operation where no line names one.
    pub(super) fn drop_empty_wildcards(&mut self) {
        self.drop_lines(|mapper, _, line| match line.statement {
            Statement::Allows { operation, .. }
                if mapper.is_any(operation) && !mapper.operations.values().any(Result::is_ok) =>
            {
                Some("it grants every operation, and no line names one".to_owned())
            }
            _ => None,
        });
    }

    /// Drops the lines with a name that cannot be converted.
    pub(super) fn drop_unnamed(&mut self) {
        self.drop_lines(|mapper, _, line| {
            let unnamed = |names: &Converted<&'t str>, name: &str| match names.get(name) {
                Some(Err(reason)) => Some(reason.clone()),
                _ => None,
            };
            let domain = line
                .domain
                .and_then(|domain| unnamed(&mapper.domains, domain));
            let other = match line.statement {
                Statement::Allows {
                    subject,
                    object,
                    operation,
                } => unnamed(&mapper.users, subject)
                    .or_else(|| unnamed(&mapper.objects, object))
                    .or_else(|| unnamed(&mapper.operations, operation)),
                Statement::Has { member, .. } => unnamed(&mapper.users, member),
                Statement::Contains { object, group } => {
                    unnamed(&mapper.objects, object).or_else(|| unnamed(&mapper.objects, group))
                }
            };
            domain.or(other)
        });
    }

    /// Drops the lines that close a cycle, which Casbin allows, or that are deeper than Casbin looks.
    pub(super) fn drop_cuts(&mut self) {
        let mut edges: HashMap<(bool, Domain<'t>), Vec<(usize, Edge<'t>)>> = HashMap::new();
        for (place, line) in self.lines.known.iter().enumerate() {
            let (is_role, edge) = match line.statement {
                Statement::Has { member, role } => (
                    true,
                    Edge {
                        from: member,
                        to: role,
                    },
                ),
                Statement::Contains { object, group } => (
                    false,
                    Edge {
                        from: object,
                        to: group,
                    },
                ),
                Statement::Allows { .. } => continue,
            };
            edges
                .entry((is_role, line.domain))
                .or_default()
                .push((place, edge));
        }
        let mut cut: HashMap<usize, Cut> = HashMap::new();
        for edges in edges.into_values() {
            let alone: Vec<Edge<'t>> = edges.iter().map(|(_, edge)| *edge).collect();
            for (edge, reason) in graph::cuts(&alone, Some(DEEPEST)) {
                if let Some((place, _)) = edges.get(edge) {
                    cut.insert(*place, reason);
                }
            }
        }
        self.drop_lines(|_, place, _| match cut.get(&place)? {
            Cut::Cycle(way) => {
                let way: Vec<String> = way.iter().map(|name| quoted(name)).collect();
                Some(format!("it closes a cycle: {}", way.join(" -> ")))
            }
            Cut::TooDeep => Some(format!(
                "it is more than {DEEPEST} levels deep, where Casbin does not look"
            )),
        });
    }
}
