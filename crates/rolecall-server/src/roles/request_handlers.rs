//! Requests for assignments that a second person must approve, over the API.

use axum::{Json, extract::State, http::StatusCode};
use rolecall::Require;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    request_store::AssignmentRequest,
    requests,
    views::{AssignmentQuery, RequestView},
};
use crate::{
    app::App,
    authority::{
        caller::Caller,
        may::{self, Anywhere},
    },
    error::ApiError,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, Page},
        params::{Params, Segment},
    },
};

/// The body of a confirmation, which has no members.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {}

/// List the requests that a second person has to confirm.
#[utoipa::path(get, path = "/api/assignment-requests", tag = "role assignments", params(AssignmentQuery), responses(
    (status = 200, description = "A page of requests, oldest first", body = Page<RequestView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_assignment_requests(
    caller: Require<Anywhere<may::ReadAssignments>>,
    State(app): State<App>,
    Params(query): Params<AssignmentQuery>,
) -> Result<Json<Page<RequestView>>, ApiError> {
    let (limit, tenant) = (query.limit.0, query.tenant.as_ref());
    let (caller, after) = (Caller::Token(&caller), query.cursor.after(List::Requests)?);
    let found = requests::list(&app, caller, after, tenant, limit + 1).await?;
    let place = |request: &AssignmentRequest| request.id.clone();
    let page = Page::of(List::Requests, found, limit, place, RequestView::from);
    Ok(Json(page))
}

/// Show a request.
#[utoipa::path(get, path = "/api/assignment-requests/{id}", tag = "role assignments", params(("id" = String, Path)), responses(
    (status = 200, description = "The request", body = RequestView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_assignment_request(
    caller: Require<Anywhere<may::ReadAssignments>>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<Json<RequestView>, ApiError> {
    let request = requests::get(&app, Caller::Token(&caller), &id).await?;
    Ok(Json(request.into()))
}

/// Confirm a request of another person.
///
/// The caller must be allowed to assign the role, and must not be the requester. A request that was replaced in the
/// meantime has another id and is not confirmed.
#[utoipa::path(post, path = "/api/assignment-requests/{id}/confirm", tag = "role assignments",
    params(("id" = String, Path)), request_body = Confirmation, responses(
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn confirm_assignment_request(
    caller: Require<Anywhere<may::WriteAssignments>>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(Confirmation {}): Body<Confirmation>,
) -> Result<StatusCode, ApiError> {
    requests::confirm(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraw or reject a request.
#[utoipa::path(delete, path = "/api/assignment-requests/{id}", tag = "role assignments", params(("id" = String, Path)), responses(
    (status = 204, description = "Ended, or it did not exist"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn end_assignment_request(
    caller: Require<Anywhere<may::WriteAssignments>>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    requests::end(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
