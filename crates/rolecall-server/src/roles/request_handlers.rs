//! Requests for assignments that need a second person.

use super::{
    request_store::Request,
    requests,
    views::{AssignmentQuery, RequestView},
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, Page},
        params::{Params, Segment},
    },
};
use axum::{Json, extract::State, http::StatusCode};
use rolecall::PermissionName as _;
use rolecall::Require;
use utoipa::ToSchema;

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
    reads::require_in(
        &app,
        Caller::Token(&caller),
        tenant,
        may::ReadAssignments::NAME,
    )
    .await?;
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
    reads::require_in(
        &app,
        Caller::Token(&caller),
        tenant,
        may::ReadAssignments::NAME,
    )
    .await?;
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
