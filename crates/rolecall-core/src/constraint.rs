//! Constraints for separation of duty (ANSI INCITS 359), as they are written down.
//!
//! [`Policy`](crate::Policy) checks them against assignments and active roles.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::RoleName;

/// The largest number of constraints in one policy; each of them is checked for every token and assignment.
pub const MAX_CONSTRAINTS: usize = 1000;

/// The kind of a [`Constraint`], which decides when it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintKind {
    /// Static separation of duty (SSD): checked when a role is assigned and when it comes to inherit another.
    Static,
    /// Dynamic separation of duty (DSD): checked when roles are activated, at login and at each refresh.
    Dynamic,
}

impl ConstraintKind {
    /// Returns `static` or `dynamic`, as in a policy document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
        }
    }
}

/// The roles that a dynamic [`Constraint`] counts together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintScope {
    /// The roles that are active in one session, as in the standard.
    #[default]
    Session,
    /// The roles that are active in any of a subject's living tokens.
    Subject,
}

impl ConstraintScope {
    /// Returns `session` or `subject`, as in a policy document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Subject => "subject",
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    fn is_session(&self) -> bool {
        *self == Self::Session
    }
}

/// A rule of separation of duty: one subject may have at most [`at_most`](Self::at_most) of some roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Constraint {
    /// The kind of the constraint.
    pub kind: ConstraintKind,
    /// The roles that the constraint limits; at least two.
    pub roles: BTreeSet<RoleName>,
    /// The largest number of these roles that a subject may have together: at least 1, and less than the number of
    /// roles. The cardinality of the standard is one more.
    pub at_most: u32,
    /// The roles that a dynamic constraint counts together. A static one always counts all that a subject has.
    #[serde(skip_serializing_if = "ConstraintScope::is_session")]
    pub per: ConstraintScope,
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roles: Vec<&str> = self.roles.iter().map(RoleName::as_str).collect();
        let (most, kind) = (self.at_most, self.kind.as_str());
        let per = match self.per {
            ConstraintScope::Session => "",
            ConstraintScope::Subject => ", per subject",
        };
        write!(f, "at most {most} of {} ({kind}{per})", roles.join(", "))
    }
}

/// The error for a constraint that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// The constraint names fewer than two roles.
    #[error("a constraint needs at least two roles")]
    TooFewRoles,
    /// The limit is 0, or so high that the constraint can never be violated.
    #[error("at_most must be at least 1 and less than the number of roles, which is {roles}")]
    AtMost {
        /// The number of roles that the constraint names.
        roles: usize,
    },
    /// A static constraint states what it counts together.
    #[error("per is only for dynamic constraints: a static one counts all roles of a subject")]
    StaticScope,
    /// The constraint names a role that does not exist.
    #[error("there is no role `{0}`")]
    UnknownRole(RoleName),
}

impl Constraint {
    /// Creates a constraint after [checking](Self::check) its numbers.
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
    /// [`ConstraintError::TooFewRoles`] or [`ConstraintError::AtMost`].
    pub fn new(
        kind: ConstraintKind,
        roles: BTreeSet<RoleName>,
        at_most: u32,
    ) -> Result<Self, ConstraintError> {
        let constraint = Self {
            kind,
            roles,
            at_most,
            per: ConstraintScope::Session,
        };
        constraint.check()?;
        Ok(constraint)
    }

    /// Checks that the constraint names at least two roles and that `at_most` is between 1 and one less than that.
    ///
    /// # Errors
    ///
    /// [`ConstraintError::TooFewRoles`], [`ConstraintError::AtMost`], or [`ConstraintError::StaticScope`].
    pub fn check(&self) -> Result<(), ConstraintError> {
        let roles = self.roles.len();
        if roles < 2 {
            return Err(ConstraintError::TooFewRoles);
        }
        if self.kind == ConstraintKind::Static && self.per != ConstraintScope::Session {
            return Err(ConstraintError::StaticScope);
        }
        let in_range = usize::try_from(self.at_most).is_ok_and(|most| (1..roles).contains(&most));
        if in_range {
            Ok(())
        } else {
            Err(ConstraintError::AtMost { roles })
        }
    }

    /// Returns true if this constraint forbids nothing that `other` allows.
    #[must_use]
    pub fn is_no_stricter_than(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.per <= other.per
            && self.at_most >= other.at_most
            && self.roles.is_subset(&other.roles)
    }

    /// Adds a role (`AddSsdRoleMember`, `AddDsdRoleMember` in ANSI INCITS 359).
    #[must_use]
    pub fn with_role(mut self, role: RoleName) -> Self {
        self.roles.insert(role);
        self
    }

    /// Removes a role (`DeleteSsdRoleMember`, `DeleteDsdRoleMember` in ANSI INCITS 359).
    ///
    /// # Errors
    ///
    /// [`ConstraintError::TooFewRoles`], or [`ConstraintError::AtMost`] if `at_most` would no longer be less than
    /// the number of roles.
    pub fn without_role(mut self, role: &RoleName) -> Result<Self, ConstraintError> {
        self.roles.remove(role);
        self.check()?;
        Ok(self)
    }

    /// Sets the limit (`SetSsdSetCardinality`, `SetDsdSetCardinality` in ANSI INCITS 359).
    ///
    /// # Errors
    ///
    /// [`ConstraintError::AtMost`].
    pub fn with_at_most(mut self, at_most: u32) -> Result<Self, ConstraintError> {
        self.at_most = at_most;
        self.check()?;
        Ok(self)
    }

    /// Sets what a dynamic constraint counts together.
    ///
    /// # Errors
    ///
    /// [`ConstraintError::StaticScope`].
    pub fn with_scope(mut self, per: ConstraintScope) -> Result<Self, ConstraintError> {
        self.per = per;
        self.check()?;
        Ok(self)
    }

    /// Returns the roles of the constraint for which `has_role` is true, if they are more than it allows.
    pub(crate) fn excess_roles(
        &self,
        has_role: impl Fn(&RoleName) -> bool,
    ) -> Option<Vec<RoleName>> {
        let held = || self.roles.iter().filter(|role| has_role(role));
        let allowed = usize::try_from(self.at_most).unwrap_or(usize::MAX);
        (held().count() > allowed).then(|| held().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> BTreeSet<RoleName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn role(name: &str) -> RoleName {
        name.parse().unwrap()
    }

    #[test]
    fn a_constraint_is_displayed_with_limit_roles_and_kind() {
        let constraint =
            Constraint::new(ConstraintKind::Dynamic, roles(&["a", "b", "c"]), 2).unwrap();
        assert_eq!(constraint.to_string(), "at most 2 of a, b, c (dynamic)");
    }

    #[test]
    fn a_constraint_with_too_few_roles_or_a_useless_limit_is_refused() {
        let new =
            |names: &[&str], most| Constraint::new(ConstraintKind::Static, roles(names), most);
        assert_eq!(new(&["a"], 1), Err(ConstraintError::TooFewRoles));
        assert_eq!(new(&[], 0), Err(ConstraintError::TooFewRoles));
        let out_of_range = ConstraintError::AtMost { roles: 2 };
        assert_eq!(new(&["a", "b"], 0), Err(out_of_range.clone()));
        assert_eq!(new(&["a", "b"], 2), Err(out_of_range));
        assert!(new(&["a", "b"], 1).is_ok() && new(&["a", "b", "c"], 2).is_ok());
    }

    #[test]
    fn edits_cannot_make_a_constraint_invalid() {
        let three = Constraint::new(ConstraintKind::Dynamic, roles(&["a", "b", "c"]), 2).unwrap();
        assert!(three.clone().without_role(&role("a")).is_err());
        assert!(three.clone().with_at_most(3).is_err() && three.clone().with_at_most(0).is_err());
        let two = three
            .with_at_most(1)
            .unwrap()
            .without_role(&role("a"))
            .unwrap();
        assert_eq!(two.roles, roles(&["b", "c"]));
        assert!(two.clone().without_role(&role("b")).is_err());
        assert_eq!(two.with_role(role("e")).roles.len(), 3);
    }
}
