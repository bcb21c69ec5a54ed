//! What an explanation is made of.

use rolecall_core::{Derivation, InactiveAssignment, InactiveReason};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    roles::{assigning::Assignee, views::AssignmentView},
    times::rfc3339,
};

/// One step of an explanation. Which members there are follows from `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = DecisionStep)]
pub(crate) enum Step {
    /// What the next steps are about, where more than one thing is needed.
    Need {
        /// A permission, or `role:NAME`.
        need: String,
        /// Whether it is held.
        met: bool,
    },
    /// The subject cannot act at all.
    Status {
        /// `disabled` or `password_change_required`.
        status: String,
    },
    /// The role assignment that it begins with.
    Assignment(AssignmentView),
    /// From the assigned role down to the one that holds what is needed: each inherits the next.
    Inheritance { path: Vec<String> },
    /// What the last role holds: the permission, or the wildcard that covers it.
    Grant { role: String, permission: String },
    /// What is lacking.
    Missing {
        /// A permission, or `role:NAME`.
        need: String,
        /// Whether there is such a permission or role at all.
        exists: bool,
    },
    /// The roles that would give it, who gives least first.
    WouldGive { roles: Vec<String> },
    /// Who may give such a role.
    MayGive {
        role: String,
        /// In which tenant they may; null where only a global assignment counts.
        #[schema(required)]
        tenant: Option<String>,
        users: Vec<Giver>,
        /// Whether there are more than are listed.
        more: bool,
    },
    /// It would be held, but for this.
    Lost {
        /// `expired`, `not_yet_valid`, `other_tenant`, `global_only`, `unassigned`, `narrowed`, or `token_is_older`.
        cause: &'static str,
        /// The assignment that does not count, if it is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        assignment: Option<AssignmentView>,
        /// The way from its role to what is needed.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        path: Vec<String>,
        /// When it was lost, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(format = DateTime)]
        at: Option<String>,
        /// Who took it away, as the audit log names them.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// There is more than was listed.
    NotListed {
        /// How many more of what was lost.
        lost: usize,
    },
}

/// Somebody who may give a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Giver {
    pub(crate) id: String,
    pub(crate) username: String,
}

fn names(path: &[rolecall_core::RoleName]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

impl Step {
    /// The steps of a derivation, in the order in which they are taken.
    pub(crate) fn of(whose: Assignee<'_>, by: &Derivation<'_>) -> Vec<Self> {
        let mut steps = vec![Self::Assignment(AssignmentView::new(
            whose,
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

    /// That an assignment does not count.
    pub(crate) fn lost(whose: Assignee<'_>, inactive: &InactiveAssignment<'_>) -> Self {
        let given = inactive.derivation.assignment;
        let (cause, at) = match inactive.reason {
            InactiveReason::Expired => ("expired", given.expires_at),
            InactiveReason::NotYetValid => ("not_yet_valid", None),
            InactiveReason::OtherTenant => ("other_tenant", None),
            InactiveReason::GlobalOnly => ("global_only", None),
        };
        Self::Lost {
            cause,
            assignment: Some(AssignmentView::new(whose, given.clone())),
            path: names(&inactive.derivation.path),
            at: at.map(rfc3339),
            by: None,
        }
    }

    /// That the subject would hold it, but the token does not carry it.
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
