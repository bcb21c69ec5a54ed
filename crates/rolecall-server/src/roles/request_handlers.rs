//! Requests for assignments that need a second person.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use rolecall::Require;
use rolecall_core::{RoleName, SubjectKind, TenantName};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    assignment_handlers::AssignmentQuery,
    assignments::{self, Outcome},
    request_store::Request,
    requests,
};
use crate::{
    accounts::{
        authority::{Caller, demand_to_read_in},
        views::{Page, rfc3339},
    },
    api::may,
    app::App,
    document::ProblemDocument,
    error::ApiError,
    extract::{Body, List, Params, Segment},
};

/// A role assignment that somebody asked for, and that another person has to confirm.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignmentRequest)]
pub(crate) struct RequestView {
    id: String,
    /// The id of the user or client who is to have the role.
    subject: String,
    /// `user` or `client`.
    #[schema(value_type = String)]
    kind: SubjectKind,
    #[schema(value_type = String)]
    role: RoleName,
    /// null for a global assignment.
    #[schema(required, value_type = Option<String>)]
    tenant: Option<TenantName>,
    #[schema(required, format = DateTime)]
    valid_from: Option<String>,
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    #[schema(required)]
    reason: Option<String>,
    requested_by: String,
    #[schema(format = DateTime)]
    requested_at: String,
}

impl From<Request> for RequestView {
    fn from(request: Request) -> Self {
        let asked = request.asked;
        Self {
            id: request.id,
            subject: request.subject,
            kind: request.kind,
            role: asked.role,
            tenant: asked.tenant,
            valid_from: asked.valid_from.map(rfc3339),
            expires_at: asked.expires_at.map(rfc3339),
            reason: asked.reason,
            requested_by: asked.assigned_by,
            requested_at: rfc3339(asked.assigned_at),
        }
    }
}

/// 204 for what is in force, 202 with the request for what a second person has to confirm.
pub(super) fn answer(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Assigned => StatusCode::NO_CONTENT.into_response(),
        Outcome::Requested(request) => {
            let location = format!("/api/assignment-requests/{}", request.id);
            let body = Json(RequestView::from(*request));
            (StatusCode::ACCEPTED, [(header::LOCATION, location)], body).into_response()
        }
    }
}

/// The body of a confirmation, which has no members.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {}

/// List what a second person has to confirm.
#[utoipa::path(get, path = "/api/assignment-requests", tag = "role assignments", params(AssignmentQuery), responses(
    (status = 200, description = "A page of requests, the oldest first", body = Page<RequestView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_assignment_requests(
    caller: Require<may::ReadAssignments>,
    State(app): State<App>,
    Params(query): Params<AssignmentQuery>,
) -> Result<Json<Page<RequestView>>, ApiError> {
    let (limit, tenant) = (query.limit.0, query.tenant.as_ref());
    demand_to_read_in(&app, &caller, tenant, assignments::READ).await?;
    let after = query.cursor.after(List::Requests)?;
    let found = requests::list(&app, after, tenant, None, limit + 1).await?;
    let place = |request: &Request| request.id.clone();
    let page = Page::of(List::Requests, found, limit, place, RequestView::from);
    Ok(Json(page))
}

/// Show what a second person has to confirm.
#[utoipa::path(get, path = "/api/assignment-requests/{id}", tag = "role assignments", params(("id" = String, Path)), responses(
    (status = 200, description = "The request", body = RequestView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_assignment_request(
    caller: Require<may::ReadAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<Json<RequestView>, ApiError> {
    let request = requests::get(&app, &id).await?;
    let tenant = request.asked.tenant.as_ref();
    demand_to_read_in(&app, &caller, tenant, assignments::READ).await?;
    Ok(Json(request.into()))
}

/// Give what somebody else asked for.
///
/// Another person than the one who asked, who could give the role too. A request that was replaced meanwhile has
/// another id and is not confirmed.
#[utoipa::path(post, path = "/api/assignment-requests/{id}/confirm", tag = "role assignments",
    params(("id" = String, Path)), request_body = Confirmation, responses(
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn confirm_assignment_request(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(Confirmation {}): Body<Confirmation>,
) -> Result<StatusCode, ApiError> {
    requests::confirm(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take back what was asked for, or turn it down.
#[utoipa::path(delete, path = "/api/assignment-requests/{id}", tag = "role assignments", params(("id" = String, Path)), responses(
    (status = 204, description = "Ended, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn end_assignment_request(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    requests::end(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
