//! Separation of duties (ANSI INCITS 359, static and dynamic): roles that may not come together.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    ConstraintName, Policy, RoleAssignment, RoleName, TenantName, Timestamp,
    holding::{Reach, holdings},
};

/// The most constraints of one policy: each is asked for every token and every assignment.
pub const MAX_CONSTRAINTS: usize = 1000;

/// When a [`Constraint`] is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintKind {
    /// When roles are assigned and when a role comes to inherit another (SSD).
    Static,
    /// When roles are activated, so at a log-in and at each refresh (DSD).
    Dynamic,
}

impl ConstraintKind {
    /// The same as a word: `static` or `dynamic`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
        }
    }
}

/// Separation of duties: at most so many of some roles for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Constraint {
    /// When it is checked.
    pub kind: ConstraintKind,
    /// The roles that it is about: two or more.
    pub roles: BTreeSet<RoleName>,
    /// How many of them may come together: at least 1, and fewer than there are. The cardinality of the
    /// standard is one more.
    pub at_most: u32,
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roles: Vec<&str> = self.roles.iter().map(RoleName::as_str).collect();
        let (most, kind) = (self.at_most, self.kind.as_str());
        write!(f, "at most {most} of {} ({kind})", roles.join(", "))
    }
}

/// Why something is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// It is about fewer than two roles.
    #[error("a constraint is about two roles or more")]
    TooFewRoles,
    /// It forbids all of its roles, or none of their combinations.
    #[error("at_most is at least 1 and less than the number of roles, which is {roles}")]
    AtMost {
        /// How many roles it is about.
        roles: usize,
    },
    /// It is about a role that does not exist.
    #[error("there is no role `{0}`")]
    UnknownRole(RoleName),
}

impl Constraint {
    /// A constraint of this kind.
    ///
    /// ```
    /// use rolecall_core::{Constraint, ConstraintKind};
    ///
    /// let roles = ["payer".parse()?, "approver".parse()?];
    /// assert!(Constraint::new(ConstraintKind::Static, roles.clone().into(), 1).is_ok());
    /// assert!(Constraint::new(ConstraintKind::Static, roles.into(), 2).is_err());
    /// # Ok::<(), rolecall_core::ParseNameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it could never bind, or would leave nothing to anybody.
    pub fn new(
        kind: ConstraintKind,
        roles: BTreeSet<RoleName>,
        at_most: u32,
    ) -> Result<Self, ConstraintError> {
        let made = Self {
            kind,
            roles,
            at_most,
        };
        made.check()?;
        Ok(made)
    }

    /// Whether the numbers fit.
    ///
    /// # Errors
    ///
    /// [`ConstraintError::TooFewRoles`] or [`ConstraintError::AtMost`].
    pub fn check(&self) -> Result<(), ConstraintError> {
        let roles = self.roles.len();
        if roles < 2 {
            return Err(ConstraintError::TooFewRoles);
        }
        let fits = usize::try_from(self.at_most).is_ok_and(|most| (1..roles).contains(&most));
        if fits {
            Ok(())
        } else {
            Err(ConstraintError::AtMost { roles })
        }
    }

    /// Whether it forbids nothing that `before` does not.
    #[must_use]
    pub fn is_no_stricter_than(&self, before: &Self) -> bool {
        self.kind == before.kind
            && self.at_most >= before.at_most
            && self.roles.is_subset(&before.roles)
    }

    /// The same about one role more (`AddSsdRoleMember`, `AddDsdRoleMember`).
    #[must_use]
    pub fn with_role(mut self, role: RoleName) -> Self {
        self.roles.insert(role);
        self
    }

    /// The same without one of its roles (`DeleteSsdRoleMember`, `DeleteDsdRoleMember`).
    ///
    /// # Errors
    ///
    /// If `at_most` would not be less than the number of roles that are left.
    pub fn without_role(mut self, role: &RoleName) -> Result<Self, ConstraintError> {
        self.roles.remove(role);
        self.check()?;
        Ok(self)
    }

    /// The same with another limit (`SetSsdSetCardinality`, `SetDsdSetCardinality`).
    ///
    /// # Errors
    ///
    /// [`ConstraintError::AtMost`].
    pub fn with_at_most(mut self, at_most: u32) -> Result<Self, ConstraintError> {
        self.at_most = at_most;
        self.check()?;
        Ok(self)
    }

    /// Those of its roles that somebody `has`, if they are too many.
    pub(crate) fn broken_by(&self, has: impl Fn(&RoleName) -> bool) -> Option<Vec<RoleName>> {
        let together = || self.roles.iter().filter(|role| has(role));
        let allowed = usize::try_from(self.at_most).unwrap_or(usize::MAX);
        (together().count() > allowed).then(|| together().cloned().collect())
    }
}

/// Roles that come together although a constraint forbids it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The constraint that forbids it.
    pub constraint: ConstraintName,
    /// When it is checked.
    pub kind: ConstraintKind,
    /// How many of its roles may come together.
    pub at_most: u32,
    /// Those that do, in the order of their names.
    pub roles: Vec<RoleName>,
    /// From a role that is assigned down to one of these, where it is inherited; empty where all are assigned.
    pub path: Vec<RoleName>,
    /// In which tenant; `None` for without one, and so in all.
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
    /// The first static constraint that whoever has `assignments` breaks at `now` or at any moment after it,
    /// inheritance counted: globally, or in one tenant with what is held globally.
    ///
    /// Assignments that never count at the same moment do not conflict, and duties in one tenant do not
    /// conflict with those in another.
    #[must_use]
    pub fn static_breach(&self, assignments: &[RoleAssignment], now: Timestamp) -> Option<Breach> {
        let statics: Vec<_> = self.constraints_of(ConstraintKind::Static).collect();
        self.breach_of(&statics, assignments, now)
    }

    /// The same for `constraints` alone, whatever their kind: whoever may not have too many of their roles.
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
        let reach = Reach::of(self, assignments);
        let members: BTreeSet<&RoleName> =
            constraints.iter().flat_map(|(_, one)| &one.roles).collect();
        let concerned: Vec<&RoleAssignment> = assignments
            .iter()
            .filter(|given| reach.meets(&given.role, &members))
            .collect();
        holdings(&concerned, now).find_map(|holding| {
            let held = reach.held(&holding);
            let breach = first_breach(constraints.iter().copied(), |role| held.contains(role))?;
            let assigned: Vec<&RoleName> =
                holding.counting.iter().map(|given| &given.role).collect();
            Some(Breach {
                path: self.way_to_inherited(&assigned, &breach.roles),
                tenant: holding.tenant.cloned(),
                ..breach
            })
        })
    }

    /// The first dynamic constraint that these `active` roles break, all that they inherit among them.
    #[must_use]
    pub fn dynamic_breach(&self, active: &BTreeSet<RoleName>) -> Option<Breach> {
        let dynamic = self.constraints_of(ConstraintKind::Dynamic);
        first_breach(dynamic, |role| active.contains(role))
    }

    /// The first role among `starts` that one of `roles` is inherited from, and the way down to it; empty
    /// where all of them are assigned themselves.
    fn way_to_inherited(&self, starts: &[&RoleName], roles: &[RoleName]) -> Vec<RoleName> {
        let mut inherited = roles.iter().filter(|role| !starts.contains(role));
        let way = inherited.find_map(|role| {
            let mut starts = starts.iter();
            starts.find_map(|start| self.path(start, role))
        });
        way.unwrap_or_default()
    }

    fn constraints_of(
        &self,
        kind: ConstraintKind,
    ) -> impl Iterator<Item = (&ConstraintName, &Constraint)> {
        self.constraints()
            .filter(move |(_, constraint)| constraint.kind == kind)
    }
}

/// The first of `constraints` that is broken by roles held or active together; without a way and a tenant.
pub fn first_breach<'c>(
    constraints: impl IntoIterator<Item = (&'c ConstraintName, &'c Constraint)>,
    has: impl Fn(&RoleName) -> bool,
) -> Option<Breach> {
    constraints.into_iter().find_map(|(name, constraint)| {
        Some(Breach {
            roles: constraint.broken_by(&has)?,
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
