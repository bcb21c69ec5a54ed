//! Decisions: whether a subject may do something, and the reason.

use crate::{
    AssignmentStatus, Permission, PermissionPattern, Policy, RoleAssignment, RoleName, TenantName,
    Timestamp,
};

/// The largest number of roles that a denial suggests.
const MAX_SUGGESTED_ROLES: usize = 5;

/// A permission or a role that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need<'a> {
    /// The subject must hold this permission.
    Permission(&'a Permission),
    /// The subject must have this role, or one that inherits it.
    Role(&'a RoleName),
}

/// The question that [`Policy::decide`] answers for a subject's assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The permission or role that is needed.
    pub need: Need<'a>,
    /// The tenant in which it is needed; `None` if only global assignments count.
    pub tenant: Option<&'a TenantName>,
    /// The moment at which it is needed.
    pub at: Timestamp,
}

/// The answer to a [`Question`], with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// The subject has the permission or role.
    Allowed(Derivation<'a>),
    /// The subject does not have the permission or role.
    Denied(Shortfall<'a>),
}

/// The steps from an assignment to the needed permission or role, each of which can be verified on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation<'a> {
    /// The assignment.
    pub assignment: &'a RoleAssignment,
    /// The roles from the assigned one down to the one that holds the permission or is the needed role, both included.
    /// Each inherits the next.
    pub path: Vec<RoleName>,
    /// The permission that the last role holds, or the wildcard that covers it. `None` if a role was needed.
    pub grant: Option<PermissionPattern>,
}

/// The reason for a denial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortfall<'a> {
    /// False if the permission or role does not exist.
    pub is_known: bool,
    /// Roles that would give the permission or role, those with the fewest permissions first; at most five.
    ///
    /// A role is left out if it inherits another one that would do.
    pub smallest_roles: Vec<RoleName>,
    /// Assignments of the subject that would give the permission or role, but do not count.
    pub inactive: Vec<InactiveAssignment<'a>>,
}

/// An assignment that would give the needed permission or role, but does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InactiveAssignment<'a> {
    /// The reason why it does not count.
    pub reason: InactiveReason,
    /// The steps from the assignment to the permission or role.
    pub derivation: Derivation<'a>,
}

/// The reason why an assignment does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InactiveReason {
    /// The assignment begins later.
    NotYetValid,
    /// The assignment has expired.
    Expired,
    /// The assignment is limited to another tenant.
    OtherTenant,
    /// The assignment is limited to a tenant, and the permission or role is reserved and needs a global assignment.
    GlobalOnly,
}

impl Decision<'_> {
    /// Returns true if the subject has the permission or role.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl Policy {
    /// Decides whether a subject with `assignments` has what `question` asks for, and gives the reason.
    ///
    /// If several assignments give it, the answer names the one that expires last, then the one with the shortest
    /// path, then the first in the order given.
    ///
    /// ```
    /// use rolecall_core::{Decision, Need, PolicyBuilder, Question, RoleAssignment, Timestamp};
    ///
    /// let mut rules = PolicyBuilder::default();
    /// rules.permission("items:read".parse()?).grant("reader".parse()?, "items:*".parse()?);
    /// rules.inherit("editor".parse()?, "reader".parse()?);
    /// let policy = rules.build()?;
    ///
    /// let assignments = [RoleAssignment::permanent(&"editor".parse()?)];
    /// let permission = "items:read".parse()?;
    /// let question = Question { need: Need::Permission(&permission), tenant: None, at: Timestamp::from_seconds(9) };
    /// let Decision::Allowed(derivation) = policy.decide(&assignments, &question) else { panic!() };
    /// assert_eq!(derivation.path, ["editor".parse()?, "reader".parse()?]);
    /// assert_eq!(derivation.grant, Some("items:*".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn decide<'a>(
        &self,
        assignments: &'a [RoleAssignment],
        question: &Question<'_>,
    ) -> Decision<'a> {
        let mut best: Option<Derivation<'a>> = None;
        let mut inactive = Vec::new();
        for assignment in assignments {
            let Some(derivation) = self.derive(assignment, question.need) else {
                continue;
            };
            match inactive_reason(assignment, question) {
                Some(reason) => inactive.push(InactiveAssignment { reason, derivation }),
                None if best
                    .as_ref()
                    .is_none_or(|best| is_better(&derivation, best)) =>
                {
                    best = Some(derivation);
                }
                None => {}
            }
        }
        match best {
            Some(derivation) => Decision::Allowed(derivation),
            None => Decision::Denied(self.shortfall(question.need, inactive)),
        }
    }

    /// Returns the steps from `assignment` to the permission or role, even if it does not count at the moment.
    fn derive<'a>(&self, assignment: &'a RoleAssignment, need: Need<'_>) -> Option<Derivation<'a>> {
        let (path, grant) = match need {
            Need::Role(role) => (self.path(&assignment.role, role)?, None),
            Need::Permission(permission) => {
                let (path, grant) = self.derivation(&assignment.role, permission)?;
                (path, Some(grant))
            }
        };
        Some(Derivation {
            assignment,
            path,
            grant,
        })
    }

    fn shortfall<'a>(
        &self,
        need: Need<'_>,
        inactive: Vec<InactiveAssignment<'a>>,
    ) -> Shortfall<'a> {
        let (is_known, smallest_roles) = match need {
            Need::Permission(permission) => (
                self.knows(&permission.clone().into()),
                self.smallest_roles_giving(permission, MAX_SUGGESTED_ROLES),
            ),
            Need::Role(role) => {
                let known = self.role(role.as_str()).is_some();
                (known, known.then(|| role.clone()).into_iter().collect())
            }
        };
        Shortfall {
            is_known,
            smallest_roles,
            inactive,
        }
    }
}

/// Returns the reason why `assignment` does not count for `question`, or `None` if it counts.
fn inactive_reason(assignment: &RoleAssignment, question: &Question<'_>) -> Option<InactiveReason> {
    let can_give = match question.need {
        Need::Permission(permission) => assignment.can_give(permission),
        Need::Role(role) => assignment.can_give_role(role),
    };
    if !can_give {
        return Some(InactiveReason::GlobalOnly);
    }
    match assignment.status(question.tenant, question.at) {
        AssignmentStatus::InForce => None,
        AssignmentStatus::NotYetValid => Some(InactiveReason::NotYetValid),
        AssignmentStatus::Expired => Some(InactiveReason::Expired),
        AssignmentStatus::OtherTenant => Some(InactiveReason::OtherTenant),
    }
}

/// Returns true if `one` expires later than `other`, or at the same time with a shorter path.
fn is_better(one: &Derivation<'_>, other: &Derivation<'_>) -> bool {
    let end = |by: &Derivation<'_>| by.assignment.expires_at.unwrap_or(Timestamp::MAX);
    (end(one), other.path.len()) > (end(other), one.path.len())
}

#[cfg(test)]
mod tests;
