//! Decisions over the API.

use axum::{Json, extract::State};
use rolecall::Require;
use rolecall_core::{Revision, TenantName, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{
    receipt::Need,
    service::{self, Answer, Asked},
    step::Step,
};
use crate::{
    app::App,
    authority::may,
    error::{ApiError, FieldError},
    times::rfc3339,
    web::{body::Body, document::ProblemDocument, params::Segment},
};

/// What is to be decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionRequest)]
pub(crate) struct WantedDecision {
    /// The id of a user or client.
    subject: String,
    /// A permission, or `role:NAME`.
    #[serde(deserialize_with = "need")]
    #[schema(value_type = String)]
    permission: Need,
    /// null or absent: by global assignments alone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantName>,
    /// null or absent: now.
    #[serde(default)]
    #[schema(format = DateTime)]
    at: Option<String>,
}

fn need<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Need, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// A decision and how it comes about.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
pub(crate) struct DecisionView {
    allowed: bool,
    because: Vec<Step>,
    subject: String,
    permission: String,
    #[schema(required)]
    tenant: Option<String>,
    /// The moment that it is about.
    #[schema(format = DateTime)]
    at: String,
    /// The revision of the policy that it was decided by.
    policy_revision: Revision,
}

/// What a refusal was about, and how it comes out by what is known now.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedRefusal)]
pub(crate) struct RefusalView {
    /// Whether the subject holds now what was asked for.
    allowed: bool,
    because: Vec<Step>,
    subject: String,
    /// What was asked for: a permission, `role:NAME`, or `any` and `all` of several.
    #[schema(value_type = Object)]
    rule: serde_json::Value,
    #[schema(required)]
    tenant: Option<String>,
    /// When it was refused.
    #[schema(format = DateTime)]
    at: String,
    /// The revision that the token was made from.
    revision: Revision,
    /// The revision of the policy that it is explained by.
    policy_revision: Revision,
}

fn time(text: &str) -> Result<Timestamp, ApiError> {
    let parsed = text.parse::<jiff::Timestamp>().map_err(|_| {
        ApiError::Invalid(FieldError::body("at", "datetime", "at is an RFC 3339 time"))
    })?;
    Ok(Timestamp::from_micros(parsed.as_microsecond()))
}

/// Decide, and say why.
///
/// By the database as it is now: what is given counts at once here, while tokens get it with the next refresh.
#[utoipa::path(post, path = "/api/decisions", tag = "decisions", request_body = WantedDecision, responses(
    (status = 200, description = "The decision", body = DecisionView),
    (status = 404, description = "There is no such subject", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn decide(
    _: Require<may::ReadDecisions>,
    State(app): State<App>,
    Body(wanted): Body<WantedDecision>,
) -> Result<Json<DecisionView>, ApiError> {
    let asked = Asked {
        subject: &wanted.subject,
        need: &wanted.permission,
        tenant: wanted.tenant.as_ref(),
        at: wanted.at.as_deref().map(time).transpose()?,
    };
    let answer = service::decide(&app, &asked).await?;
    Ok(Json(DecisionView::new(&wanted, answer)))
}

impl DecisionView {
    fn new(wanted: &WantedDecision, answer: Answer) -> Self {
        Self {
            allowed: answer.allowed,
            because: answer.because,
            subject: wanted.subject.clone(),
            permission: wanted.permission.to_string(),
            tenant: wanted.tenant.as_ref().map(ToString::to_string),
            at: rfc3339(answer.at),
            policy_revision: answer.policy_revision,
        }
    }
}

/// Explain a refusal.
///
/// `receipt` stands in the body of a 403. Assignments are judged by the moment of the refusal, by what is
/// known of them now.
#[utoipa::path(get, path = "/api/decisions/{receipt}", tag = "decisions", params(("receipt" = String, Path)), responses(
    (status = 200, description = "Why it was refused", body = RefusalView),
    (status = 404, description = "No receipt of this server, or its subject is gone", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn explain_refusal(
    _: Require<may::ReadDecisions>,
    State(app): State<App>,
    Segment(receipt): Segment<String>,
) -> Result<Json<RefusalView>, ApiError> {
    let explained = service::explain_receipt(&app, &receipt).await?;
    Ok(Json(RefusalView::from(explained)))
}

impl From<service::Explained> for RefusalView {
    fn from(explained: service::Explained) -> Self {
        let service::Explained { note, answer, .. } = explained;
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
