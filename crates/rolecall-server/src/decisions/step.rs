//! The steps of an explanation.

use rolecall_core::{Acr, Derivation, InactiveAssignment, InactiveReason};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    roles::{assigning::Assignee, views::AssignmentView},
    times::rfc3339,
};

/// One step of an explanation. `kind` determines its other members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = DecisionStep)]
pub(crate) enum Step {
    /// The need that the next steps explain, if there are several.
    Need {
        /// A permission, or `role:NAME`.
        need: String,
        /// True if the subject holds it.
        met: bool,
    },
    /// The subject cannot act at all.
    Status {
        /// `disabled` or `password_change_required`.
        status: String,
    },
    /// The role assignment that the derivation begins with.
    Assignment(AssignmentView),
    /// The path from the assigned role down to the role that holds the permission: each inherits the next.
    Inheritance { path: Vec<String> },
    /// The permission that the last role holds, or the wildcard that covers it.
    Grant { role: String, permission: String },
    /// A role of the path that is only in sessions which reach an assurance.
    Assurance {
        role: String,
        /// The assurance that the session needs: `aal2` or `phr`.
        #[schema(value_type = String)]
        needed: Acr,
        /// The assurance of the session, if the question is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        present: Option<Acr>,
    },
    /// A missing permission or role.
    Missing {
        /// A permission, or `role:NAME`.
        need: String,
        /// True if such a permission or role exists.
        exists: bool,
    },
    /// The roles that would give it, those that give least first.
    WouldGive { roles: Vec<String> },
    /// The users who may assign such a role.
    MayGive {
        role: String,
        /// The tenant in which they may; null if only a global assignment counts.
        #[schema(required)]
        tenant: Option<String>,
        users: Vec<Giver>,
        /// True if there may be more than are listed.
        more: bool,
    },
    /// The reason why the subject does not hold it, although it did or will.
    Lost {
        /// `expired`, `not_yet_valid`, `other_tenant`, `global_only`, `unassigned`, `narrowed`, `token_is_older`, or `sign_in_too_old`.
        cause: &'static str,
        /// The assignment that does not count, if it exists.
        #[serde(skip_serializing_if = "Option::is_none")]
        assignment: Option<AssignmentView>,
        /// The path from its role to the role that holds the permission.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        path: Vec<String>,
        /// The time at which it was lost, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(format = DateTime)]
        at: Option<String>,
        /// The actor who removed it, as the audit log names them.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// More was lost than is listed.
    NotListed {
        /// The number of assignments that are not listed.
        lost: usize,
    },
}

/// A user who may assign a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Giver {
    pub(crate) id: String,
    pub(crate) username: String,
}

fn names(path: &[rolecall_core::RoleName]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

impl Step {
    /// Returns the steps of a derivation, from the assignment to the permission.
    pub(crate) fn of(assignee: Assignee<'_>, by: &Derivation<'_>) -> Vec<Self> {
        let mut steps = vec![Self::Assignment(AssignmentView::new(
            assignee,
            by.assignment.clone(),
        ))];
        if by.path.len() > 1 {
            steps.push(Self::Inheritance {
                path: names(&by.path),
            });
        }
        if let (Some(role), Some(grant)) = (by.path.last(), &by.grant) {
            steps.push(Self::Grant {
                role: role.to_string(),
                permission: grant.to_string(),
            });
        }
        steps
    }

    /// Returns the step for an assignment that does not count.
    pub(crate) fn lost(assignee: Assignee<'_>, inactive: &InactiveAssignment<'_>) -> Self {
        let given = inactive.derivation.assignment;
        let (cause, at) = match inactive.reason {
            InactiveReason::Expired => ("expired", given.expires_at),
            InactiveReason::NotYetValid => ("not_yet_valid", None),
            InactiveReason::OtherTenant => ("other_tenant", None),
            InactiveReason::GlobalOnly => ("global_only", None),
        };
        Self::Lost {
            cause,
            assignment: Some(AssignmentView::new(assignee, given.clone())),
            path: names(&inactive.derivation.path),
            at: at.map(rfc3339),
            by: None,
        }
    }

    /// Returns the step for a permission that the subject holds, and that the token does not carry, or the rule wants a newer
    /// sign-in for.
    pub(crate) fn not_in_token(cause: &'static str) -> Self {
        Self::Lost {
            cause,
            assignment: None,
            path: Vec::new(),
            at: None,
            by: None,
        }
    }
}
