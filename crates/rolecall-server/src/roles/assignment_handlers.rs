//! Who has which role.

use super::{
    assigning::Assignee,
    assignments,
    views::{AssignmentQuery, AssignmentValidity, AssignmentView, RequestView, answer},
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
use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::PermissionName as _;
use rolecall::{Principal, Require};
use rolecall_core::{RoleAssignment, RoleName, TenantName};
use serde::Deserialize;
use utoipa::IntoParams;

/// List a user's role assignments.
#[utoipa::path(get, path = "/api/users/{id}/roles", tag = "role assignments", params(("id" = String, Path), AssignmentQuery), responses(
    (status = 200, description = "A page of assignments", body = Page<AssignmentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_role_assignments(
    caller: Require<may::ReadAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<AssignmentQuery>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    page(&app, &caller, Assignee::User(&id), &query).await
}

async fn page(
    app: &App,
    caller: &Principal,
    whose: Assignee<'_>,
    query: &AssignmentQuery,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    let (limit, tenant) = (query.limit.0, query.tenant.as_ref());
    reads::require_in(
        app,
        Caller::Token(caller),
        tenant,
        may::ReadAssignments::NAME,
    )
    .await?;
    let after = query.cursor.after(List::Assignments)?;
    let after = after.split_once('\n').unwrap_or((after, ""));
    let found = assignments::list(app, whose, after, tenant, limit + 1).await?;
    let view = |one| AssignmentView::new(whose, one);
    let page = Page::of(List::Assignments, found, limit, place, view);
    Ok(Json(page))
}

/// Where an assignment stands in the list.
pub(crate) fn place(one: &RoleAssignment) -> String {
    let tenant = one.tenant.as_ref().map_or("", TenantName::as_str);
    format!("{}\n{tenant}", one.role)
}

/// Assign a role, or replace the validity of an assignment.
///
/// A role that needs a second person is asked for instead.
#[utoipa::path(put, path = "/api/users/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), request_body = AssignmentValidity, responses(
    (status = 202, description = "A second person has to confirm it", body = RequestView,
        headers(("Location" = String, description = "The request's address"))),
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn assign_role(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
    Body(validity): Body<AssignmentValidity>,
) -> Result<Response, ApiError> {
    let (whose, tenant) = (Assignee::User(&id), query.tenant.as_ref());
    let (caller, validity) = (Caller::Token(&caller), validity.parse()?);
    let outcome = assignments::assign(&app, caller, whose, &role, tenant, &validity).await?;
    Ok(answer(outcome))
}

/// Take a role away.
#[utoipa::path(delete, path = "/api/users/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), responses(
    (status = 204, description = "Not assigned any more"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn unassign_role(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
) -> Result<StatusCode, ApiError> {
    let (whose, tenant) = (Assignee::User(&id), query.tenant.as_ref());
    assignments::unassign(&app, Caller::Token(&caller), whose, &role, tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a client's role assignments.
#[utoipa::path(get, path = "/api/clients/{id}/roles", tag = "role assignments", params(("id" = String, Path), AssignmentQuery), responses(
    (status = 200, description = "A page of assignments", body = Page<AssignmentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_client_role_assignments(
    caller: Require<may::ReadAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<AssignmentQuery>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    page(&app, &caller, Assignee::Client(&id), &query).await
}

/// Assign a role to a client, or replace the validity of an assignment.
///
/// A role that needs a second person is asked for instead.
#[utoipa::path(put, path = "/api/clients/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), request_body = AssignmentValidity, responses(
    (status = 202, description = "A second person has to confirm it", body = RequestView,
        headers(("Location" = String, description = "The request's address"))),
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn assign_role_to_client(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
    Body(validity): Body<AssignmentValidity>,
) -> Result<Response, ApiError> {
    let (whose, tenant) = (Assignee::Client(&id), query.tenant.as_ref());
    let (caller, validity) = (Caller::Token(&caller), validity.parse()?);
    let outcome = assignments::assign(&app, caller, whose, &role, tenant, &validity).await?;
    Ok(answer(outcome))
}

/// Take a role away from a client.
#[utoipa::path(delete, path = "/api/clients/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), responses(
    (status = 204, description = "Not assigned any more"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn unassign_role_from_client(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
) -> Result<StatusCode, ApiError> {
    let (whose, tenant) = (Assignee::Client(&id), query.tenant.as_ref());
    assignments::unassign(&app, Caller::Token(&caller), whose, &role, tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which tenant an assignment is limited to.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantQuery {
    /// Absent for a global assignment.
    #[param(value_type = Option<String>)]
    tenant: Option<TenantName>,
}
