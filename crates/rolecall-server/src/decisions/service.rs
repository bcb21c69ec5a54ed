//! Decisions by the database as it is now, and their explanation.

use rolecall::PermissionName as _;
use rolecall_core::{Acr, Revision, TenantName, Timestamp};

use super::{
    case::{Case, Circumstances},
    givers::Search,
    receipt::{self, Need, Needs, Note},
    step::Step,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// A question about a subject.
pub(crate) struct Question<'a> {
    /// The id of a user or client.
    pub(crate) subject: &'a str,
    pub(crate) need: &'a Need,
    pub(crate) tenant: Option<&'a TenantName>,
    /// Now, if `None`.
    pub(crate) at: Option<Timestamp>,
    /// The assurance of a session, if the question is about one.
    pub(crate) acr: Option<Acr>,
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    pub(crate) because: Vec<Step>,
    /// The revision of the policy that it was decided by.
    pub(crate) policy_revision: Revision,
    pub(crate) at: Timestamp,
}

/// Decides if a subject has a permission or role, and gives the reasons.
///
/// # Errors
///
/// Refused if there is no such subject.
pub(crate) async fn decide(
    app: &App,
    caller: Caller<'_>,
    question: &Question<'_>,
) -> Result<Answer, ApiError> {
    reads::require(app, caller, may::ReadDecisions::NAME).await?;
    let mut conn = app.store().read().await?;
    let at = question.at.unwrap_or_else(|| app.now());
    let circumstances = Circumstances {
        tenant: question.tenant,
        at,
        acr: question.acr,
    };
    let case = Case::read(app, &mut conn, question.subject).await?;
    let need = question.need;
    let (met, mut because) = case
        .explain(app, &mut conn, need, circumstances, &mut Search::new())
        .await?;
    let status = case.status_step();
    let allowed = met && status.is_none();
    because.splice(0..0, status);
    Ok(Answer {
        allowed,
        because,
        policy_revision: case.policy.revision,
        at,
    })
}

/// The content of a receipt, and the decision by the database as it is now.
pub(crate) struct ExplainedRefusal {
    pub(crate) note: Note,
    /// The current name of the refused user or client.
    pub(crate) username: String,
    pub(crate) answer: Answer,
}

/// Explains the refusal that a receipt was written for.
///
/// # Errors
///
/// Refused if it is not a receipt of this server, or its subject no longer exists.
pub(crate) async fn explain_receipt(
    app: &App,
    caller: Caller<'_>,
    sealed: &str,
) -> Result<ExplainedRefusal, ApiError> {
    reads::require(app, caller, may::ReadDecisions::NAME).await?;
    let unknown = || ApiError::unknown("receipt of this server", &sealed);
    let note = receipt::open(app, sealed).ok_or_else(unknown)?;
    let needs = Needs::read(&note.needs).ok_or_else(unknown)?;
    let mut conn = app.store().read().await?;
    let case = Case::read(app, &mut conn, &note.subject).await?;
    let mut because: Vec<Step> = case.status_step().into_iter().collect();
    let active = because.is_empty();
    let each = needs.each();
    let several = each.len() > 1;
    let mut held = Vec::new();
    let mut search = Search::new();
    for need in each {
        let circumstances = Circumstances {
            tenant: note.tenant.as_ref(),
            at: note.at,
            acr: note.acr,
        };
        let (met, steps) = case
            .explain(app, &mut conn, need, circumstances, &mut search)
            .await?;
        if several {
            let need = need.to_string();
            because.push(Step::Need { need, met });
        }
        because.extend(steps);
        if met {
            held.push(need);
        }
    }
    let allowed = active && needs.is_met(&|need| held.contains(&need));
    if allowed {
        because.push(Step::not_in_token(note.cause_beside_roles()));
    }
    let answer = Answer {
        allowed,
        because,
        policy_revision: case.policy.revision,
        at: note.at,
    };
    Ok(ExplainedRefusal {
        note,
        username: case.subject.username,
        answer,
    })
}
