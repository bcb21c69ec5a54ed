//! The difference between two policies, as far as it matters to constraints and approvals.

use std::collections::BTreeSet;

use rolecall_core::{Constraint, ConstraintKind, ConstraintName, Policy, RoleName};

/// The constraints and edges of a policy that are new or stricter than in the policy before it.
pub(crate) struct Transition<'p> {
    pub(super) before: &'p Policy,
    pub(super) after: &'p Policy,
    /// Constraints that are new, or forbid more than before.
    stricter: Vec<(&'p ConstraintName, &'p Constraint)>,
    /// New edges of the hierarchy: senior and junior.
    pub(super) edges: Vec<(&'p RoleName, &'p RoleName)>,
}

impl<'p> Transition<'p> {
    /// Compares two policies.
    pub(crate) fn between(before: &'p Policy, after: &'p Policy) -> Self {
        let stricter = after.constraints().filter(|(name, constraint)| {
            let known = before.constraint(name.as_str());
            known.is_none_or(|known| !constraint.is_no_stricter_than(known))
        });
        let edges = after.roles().flat_map(|(senior, rules)| {
            let known = before.role(senior.as_str());
            let is_new = move |junior: &&RoleName| {
                known.is_none_or(|known| !known.juniors.contains(*junior))
            };
            let juniors = rules.juniors.iter().filter(is_new);
            juniors.map(move |junior| (senior, junior))
        });
        Self {
            before,
            after,
            stricter: stricter.collect(),
            edges: edges.collect(),
        }
    }

    /// Returns the constraints of this kind that are new, or forbid more than before.
    pub(super) fn stricter(
        &self,
        kind: ConstraintKind,
    ) -> impl Iterator<Item = (&'p ConstraintName, &'p Constraint)> {
        let stricter = self.stricter.iter().copied();
        stricter.filter(move |(_, constraint)| constraint.kind == kind)
    }

    /// Returns the constraints of this kind that are new, forbid more than before, or have a role to which a new edge leads.
    pub(super) fn tightened(
        &self,
        kind: ConstraintKind,
    ) -> impl Iterator<Item = (&'p ConstraintName, &'p Constraint)> {
        let constraints = self.after.constraints();
        constraints.filter(move |(name, one)| {
            let is_stricter = || self.stricter.iter().any(|(stricter, _)| stricter == name);
            one.kind == kind && (is_stricter() || self.is_led_to(one))
        })
    }

    fn is_led_to(&self, constraint: &Constraint) -> bool {
        if self.edges.is_empty() {
            return false;
        }
        let leading = self.after.seniors_of(&constraint.roles);
        let mut edges = self.edges.iter();
        edges.any(|(_, junior)| leading.contains(*junior))
    }

    /// Returns the seniors of new edges that lead to a role of a constraint of this kind.
    pub(super) fn seniors_of(&self, kind: ConstraintKind) -> BTreeSet<RoleName> {
        self.seniors_that_lead_to(|one| one.kind == kind)
    }

    /// Returns the seniors of new edges that lead to a role of one of these constraints.
    pub(super) fn seniors_that_lead_to(
        &self,
        is_one: impl Fn(&Constraint) -> bool,
    ) -> BTreeSet<RoleName> {
        let constraints = self.after.constraints().filter(|(_, one)| is_one(one));
        let members: BTreeSet<&RoleName> = constraints.flat_map(|(_, one)| &one.roles).collect();
        if members.is_empty() {
            return BTreeSet::new();
        }
        let leading = self.after.seniors_of(members);
        let edges = self.edges.iter();
        let edges = edges.filter(|(_, junior)| leading.contains(*junior));
        edges.map(|(senior, _)| (*senior).clone()).collect()
    }
}
