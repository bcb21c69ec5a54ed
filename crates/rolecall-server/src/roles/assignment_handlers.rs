//! The role assignments of users and clients, over the API.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::{Principal, Require};
use rolecall_core::{RoleAssignment, RoleName, TenantName};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    assigning::Assignee,
    assignments,
    views::{AssignmentQuery, AssignmentValidity, AssignmentView, RequestView, answer},
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

/// List a user's role assignments.
#[utoipa::path(get, path = "/api/users/{id}/roles", tag = "role assignments", params(("id" = String, Path), AssignmentQuery), responses(
    (status = 200, description = "A page of assignments", body = Page<AssignmentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_role_assignments(
    caller: Require<Anywhere<may::ReadAssignments>>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<AssignmentQuery>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    list_page(&app, &caller, Assignee::User(&id), &query).await
}

async fn list_page(
    app: &App,
    caller: &Principal,
    assignee: Assignee<'_>,
    query: &AssignmentQuery,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    let (limit, tenant) = (query.limit.0, query.tenant.as_ref());
    let after = query.cursor.after(List::Assignments)?;
    let after = after.split_once('\n').unwrap_or((after, ""));
    let caller = Caller::Token(caller);
    let found = assignments::list(app, caller, assignee, after, tenant, limit + 1).await?;
    let view = |one| AssignmentView::new(assignee, one);
    Ok(Json(Page::of(List::Assignments, found, limit, place, view)))
}

async fn assign(
    app: &App,
    caller: &Principal,
    assignee: Assignee<'_>,
    role: &RoleName,
    query: &TenantQuery,
    validity: AssignmentValidity,
) -> Result<Response, ApiError> {
    let (caller, tenant) = (Caller::Token(caller), query.tenant.as_ref());
    let validity = validity.parse()?;
    let outcome = assignments::assign(app, caller, assignee, role, tenant, &validity).await?;
    Ok(answer(outcome))
}

async fn unassign(
    app: &App,
    caller: &Principal,
    assignee: Assignee<'_>,
    role: &RoleName,
    query: &TenantQuery,
) -> Result<StatusCode, ApiError> {
    let (caller, tenant) = (Caller::Token(caller), query.tenant.as_ref());
    assignments::unassign(app, caller, assignee, role, tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the position of an assignment in the list, for the cursor.
pub(crate) fn place(one: &RoleAssignment) -> String {
    let tenant = one.tenant.as_ref().map_or("", TenantName::as_str);
    format!("{}\n{tenant}", one.role)
}

/// Assign a role to a user, or replace the validity of the assignment.
///
/// A role that needs approval is requested instead: another person has to confirm the request.
#[utoipa::path(put, path = "/api/users/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), request_body = AssignmentValidity, responses(
    (status = 202, description = "A second person has to confirm it", body = RequestView,
        headers(("Location" = String, description = "The address of the request"))),
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn assign_role(
    caller: Require<Anywhere<may::WriteAssignments>>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
    Body(validity): Body<AssignmentValidity>,
) -> Result<Response, ApiError> {
    let assignee = Assignee::User(&id);
    assign(&app, &caller, assignee, &role, &query, validity).await
}

/// Remove a role assignment of a user.
#[utoipa::path(delete, path = "/api/users/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), responses(
    (status = 204, description = "No longer assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn unassign_role(
    caller: Require<Anywhere<may::WriteAssignments>>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
) -> Result<StatusCode, ApiError> {
    unassign(&app, &caller, Assignee::User(&id), &role, &query).await
}

/// List a client's role assignments.
#[utoipa::path(get, path = "/api/clients/{id}/roles", tag = "role assignments", params(("id" = String, Path), AssignmentQuery), responses(
    (status = 200, description = "A page of assignments", body = Page<AssignmentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_client_role_assignments(
    caller: Require<Anywhere<may::ReadAssignments>>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<AssignmentQuery>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    list_page(&app, &caller, Assignee::Client(&id), &query).await
}

/// Assign a role to a client, or replace the validity of the assignment.
///
/// A role that needs approval is requested instead: another person has to confirm the request.
#[utoipa::path(put, path = "/api/clients/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), request_body = AssignmentValidity, responses(
    (status = 202, description = "A second person has to confirm it", body = RequestView,
        headers(("Location" = String, description = "The address of the request"))),
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn assign_role_to_client(
    caller: Require<Anywhere<may::WriteAssignments>>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
    Body(validity): Body<AssignmentValidity>,
) -> Result<Response, ApiError> {
    let assignee = Assignee::Client(&id);
    assign(&app, &caller, assignee, &role, &query, validity).await
}

/// Remove a role assignment of a client.
#[utoipa::path(delete, path = "/api/clients/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), responses(
    (status = 204, description = "No longer assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn unassign_role_from_client(
    caller: Require<Anywhere<may::WriteAssignments>>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
) -> Result<StatusCode, ApiError> {
    unassign(&app, &caller, Assignee::Client(&id), &role, &query).await
}

/// The tenant that an assignment is limited to.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantQuery {
    /// Absent for a global assignment.
    #[param(value_type = Option<String>)]
    tenant: Option<TenantName>,
}
