//! Decisions, over the API.

use axum::{Json, extract::State};
use rolecall::Require;
use rolecall_core::{Acr, Revision, TenantName, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{
    receipt::Need,
    service::{self, Answer, Question},
    step::Step,
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    times::{parse_rfc3339, rfc3339},
    web::{
        body::Body,
        document::ProblemDocument,
        params::{Segment, id},
    },
};

/// A decision to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionRequest)]
pub(crate) struct DecisionRequest {
    /// The id of a user or client.
    #[serde(deserialize_with = "id")]
    subject: String,
    /// A permission, or `role:NAME`.
    #[serde(deserialize_with = "need")]
    #[schema(value_type = String)]
    permission: Need,
    /// null or absent to decide by global assignments alone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantName>,
    /// null or absent for now.
    #[serde(default)]
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The assurance of a session: `aal1`, `aal2` or `phr`. null or absent to decide by the assignments alone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    acr: Option<Acr>,
}

fn need<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Need, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// A decision with its reasons.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
pub(crate) struct DecisionView {
    allowed: bool,
    because: Vec<Step>,
    subject: String,
    permission: String,
    #[schema(required)]
    tenant: Option<String>,
    /// The time that the decision is for.
    #[schema(format = DateTime)]
    at: String,
    /// The revision of the policy that the decision was made by.
    policy_revision: Revision,
}

/// A refusal, and the decision by the database as it is now.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedRefusal)]
pub(crate) struct RefusalView {
    /// True if the subject now holds what the rule requires.
    allowed: bool,
    because: Vec<Step>,
    subject: String,
    /// The rule that refused: a permission, `role:NAME`, or `any` and `all` of several.
    #[schema(value_type = Object)]
    rule: serde_json::Value,
    #[schema(required)]
    tenant: Option<String>,
    /// The time of the refusal.
    #[schema(format = DateTime)]
    at: String,
    /// The revision that the token was issued at.
    revision: Revision,
    /// The revision of the policy that the explanation uses.
    policy_revision: Revision,
}

fn time(text: &str) -> Result<Timestamp, ApiError> {
    parse_rfc3339(text).ok_or_else(|| {
        ApiError::Invalid(FieldError::body("at", "datetime", "at is an RFC 3339 time"))
    })
}

/// Decide, with reasons.
///
/// It decides by the database as it is now: a new assignment counts at once, while a token carries it after the next
/// refresh.
#[utoipa::path(post, path = "/api/decisions", tag = "decisions", request_body = DecisionRequest, responses(
    (status = 200, description = "The decision", body = DecisionView),
    (status = 404, description = "There is no such subject", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn decide(
    caller: Require<may::ReadDecisions>,
    State(app): State<App>,
    Body(request): Body<DecisionRequest>,
) -> Result<Json<DecisionView>, ApiError> {
    let question = Question {
        subject: &request.subject,
        need: &request.permission,
        tenant: request.tenant.as_ref(),
        at: request.at.as_deref().map(time).transpose()?,
        acr: request.acr,
    };
    let answer = service::decide(&app, Caller::Token(&caller), &question).await?;
    Ok(Json(DecisionView::new(&request, answer)))
}

impl DecisionView {
    fn new(request: &DecisionRequest, answer: Answer) -> Self {
        Self {
            allowed: answer.allowed,
            because: answer.because,
            subject: request.subject.clone(),
            permission: request.permission.to_string(),
            tenant: request.tenant.as_ref().map(ToString::to_string),
            at: rfc3339(answer.at),
            policy_revision: answer.policy_revision,
        }
    }
}

/// Explain a refusal.
///
/// `receipt` is a member of the body of a 403, or of a 401 that asks for a stronger sign-in. Assignments are judged at the time of the refusal, as the database has
/// them now.
#[utoipa::path(get, path = "/api/decisions/{receipt}", tag = "decisions", params(("receipt" = String, Path)), responses(
    (status = 200, description = "The explanation", body = RefusalView),
    (status = 404, description = "Not a receipt of this server, or its subject no longer exists", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn explain_refusal(
    caller: Require<may::ReadDecisions>,
    State(app): State<App>,
    Segment(receipt): Segment<String>,
) -> Result<Json<RefusalView>, ApiError> {
    let explained = service::explain_receipt(&app, Caller::Token(&caller), &receipt).await?;
    Ok(Json(RefusalView::from(explained)))
}

impl From<service::ExplainedRefusal> for RefusalView {
    fn from(explained: service::ExplainedRefusal) -> Self {
        let service::ExplainedRefusal { note, answer, .. } = explained;
        Self {
            allowed: answer.allowed,
            because: answer.because,
            subject: note.subject,
            rule: note.needs,
            tenant: note.tenant.as_ref().map(ToString::to_string),
            at: rfc3339(note.at),
            revision: note.rev,
            policy_revision: answer.policy_revision,
        }
    }
}
