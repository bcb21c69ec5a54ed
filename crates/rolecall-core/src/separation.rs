//! Checks for separation of duty (ANSI INCITS 359, static and dynamic).

use std::collections::BTreeSet;

use crate::{
    Constraint, ConstraintKind, ConstraintName, Policy, RoleAssignment, RoleName, TenantName,
    Timestamp,
    concurrent::{Closures, concurrent_assignments},
};

/// A violated constraint, and the roles that violate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The name of the constraint.
    pub constraint: ConstraintName,
    /// The kind of the constraint.
    pub kind: ConstraintKind,
    /// The number of its roles that the constraint allows together.
    pub at_most: u32,
    /// The roles of the constraint that are held together, ordered by name.
    pub roles: Vec<RoleName>,
    /// The path from an assigned role down to the first of `roles` that is inherited; empty if all are assigned.
    pub path: Vec<RoleName>,
    /// The tenant in which the roles are held; `None` if they are held globally, and so in every tenant.
    pub tenant: Option<TenantName>,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roles: Vec<&str> = self.roles.iter().map(RoleName::as_str).collect();
        let (most, name) = (self.at_most, &self.constraint);
        write!(
            f,
            "constraint `{name}` allows at most {most} of {}",
            roles.join(", ")
        )
    }
}

impl Policy {
    /// Returns the first static constraint that a subject with `assignments` violates at `now` or later.
    ///
    /// Inherited roles count, in each tenant together with the roles that are held globally. Assignments that are
    /// never in force at the same moment do not conflict, and neither do assignments in different tenants.
    ///
    /// ```
    /// use rolecall_core::{Constraint, ConstraintKind, PolicyBuilder, RoleAssignment, RoleName, Timestamp};
    ///
    /// let roles: [RoleName; 2] = ["payer".parse()?, "approver".parse()?];
    /// let mut rules = PolicyBuilder::default();
    /// rules.role(roles[0].clone()).role(roles[1].clone());
    /// rules.constraint("payments".parse()?, Constraint::new(ConstraintKind::Static, roles.clone().into(), 1)?);
    /// let policy = rules.build()?;
    ///
    /// let both = [RoleAssignment::permanent(&roles[0]), RoleAssignment::permanent(&roles[1])];
    /// let breach = policy.static_breach(&both, Timestamp::from_seconds(0)).unwrap();
    /// assert_eq!(breach.to_string(), "constraint `payments` allows at most 1 of approver, payer");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn static_breach(&self, assignments: &[RoleAssignment], now: Timestamp) -> Option<Breach> {
        let constraints: Vec<_> = self.constraints_of_kind(ConstraintKind::Static).collect();
        self.breach_of(&constraints, assignments, now)
    }

    /// Returns the first of `constraints`, whatever their kind, that a subject with `assignments` violates at `now` or
    /// later.
    #[must_use]
    pub fn breach_of(
        &self,
        constraints: &[(&ConstraintName, &Constraint)],
        assignments: &[RoleAssignment],
        now: Timestamp,
    ) -> Option<Breach> {
        if constraints.is_empty() {
            return None;
        }
        let closures = Closures::new(self, assignments);
        let constrained: BTreeSet<&RoleName> = constraints
            .iter()
            .flat_map(|(_, constraint)| &constraint.roles)
            .collect();
        let relevant: Vec<&RoleAssignment> = assignments
            .iter()
            .filter(|assignment| closures.contains_any(&assignment.role, &constrained))
            .collect();
        concurrent_assignments(&relevant, now).find_map(|concurrent| {
            let held = closures.held_roles(&concurrent);
            let breach = first_breach(constraints.iter().copied(), |role| held.contains(role))?;
            let assigned: Vec<&RoleName> = concurrent
                .assignments
                .iter()
                .map(|assignment| &assignment.role)
                .collect();
            Some(Breach {
                path: self.path_to_inherited(&assigned, &breach.roles),
                tenant: concurrent.tenant.cloned(),
                ..breach
            })
        })
    }

    /// Returns the first dynamic constraint that the `active` roles violate; `active` includes inherited roles.
    #[must_use]
    pub fn dynamic_breach(&self, active: &BTreeSet<RoleName>) -> Option<Breach> {
        let constraints = self.constraints_of_kind(ConstraintKind::Dynamic);
        first_breach(constraints, |role| active.contains(role))
    }

    /// Returns the path from an assigned role down to the first of `roles` that is not assigned itself, or an empty
    /// path if all are assigned.
    fn path_to_inherited(&self, assigned: &[&RoleName], roles: &[RoleName]) -> Vec<RoleName> {
        let mut inherited = roles.iter().filter(|role| !assigned.contains(role));
        let path = inherited.find_map(|role| {
            let mut assigned = assigned.iter();
            assigned.find_map(|start| self.path(start, role))
        });
        path.unwrap_or_default()
    }

    fn constraints_of_kind(
        &self,
        kind: ConstraintKind,
    ) -> impl Iterator<Item = (&ConstraintName, &Constraint)> {
        self.constraints()
            .filter(move |(_, constraint)| constraint.kind == kind)
    }
}

/// Returns the first of `constraints` that is violated by the roles for which `has_role` is true.
///
/// The breach names neither a path nor a tenant.
pub fn first_breach<'c>(
    constraints: impl IntoIterator<Item = (&'c ConstraintName, &'c Constraint)>,
    has_role: impl Fn(&RoleName) -> bool,
) -> Option<Breach> {
    constraints.into_iter().find_map(|(name, constraint)| {
        Some(Breach {
            roles: constraint.excess_roles(&has_role)?,
            constraint: name.clone(),
            kind: constraint.kind,
            at_most: constraint.at_most,
            path: Vec::new(),
            tenant: None,
        })
    })
}

#[cfg(test)]
mod tests;
