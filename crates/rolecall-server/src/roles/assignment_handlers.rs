//! Who has which role.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::{Principal, Require};
use rolecall_core::{RoleAssignment, RoleName, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    assignments::{self, Assignee, Validity},
    request_handlers::{RequestView, answer},
};
use crate::{
    accounts::{
        authority::{Caller, demand_to_read_in},
        views::{Page, rfc3339},
    },
    api::may,
    app::App,
    document::ProblemDocument,
    error::{ApiError, FieldError},
    extract::{Body, Cursor, Limit, List, Params, Segment},
};

/// A role assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RoleAssignment)]
pub(crate) struct AssignmentView {
    /// Its address, by which it is taken away again.
    id: String,
    #[schema(value_type = String)]
    pub(crate) role: RoleName,
    /// null for a global one.
    #[schema(required, value_type = Option<String>)]
    pub(crate) tenant: Option<TenantName>,
    #[schema(required, format = DateTime)]
    pub(crate) valid_from: Option<String>,
    #[schema(required, format = DateTime)]
    pub(crate) expires_at: Option<String>,
    #[schema(required)]
    pub(crate) reason: Option<String>,
    pub(crate) assigned_by: String,
    #[schema(format = DateTime)]
    pub(crate) assigned_at: String,
}

impl AssignmentView {
    pub(crate) fn new(whose: Assignee<'_>, assignment: RoleAssignment) -> Self {
        Self {
            id: address(whose, &assignment),
            role: assignment.role,
            tenant: assignment.tenant,
            valid_from: assignment.valid_from.map(rfc3339),
            expires_at: assignment.expires_at.map(rfc3339),
            reason: assignment.reason,
            assigned_by: assignment.assigned_by,
            assigned_at: rfc3339(assignment.assigned_at),
        }
    }
}

/// Where an assignment is found. Ids and names need no encoding.
pub(crate) fn address(whose: Assignee<'_>, assignment: &RoleAssignment) -> String {
    let (kind, id) = match whose {
        Assignee::User(id) => ("users", id),
        Assignee::Client(id) => ("clients", id),
    };
    let path = format!("/api/{kind}/{id}/roles/{}", assignment.role);
    match &assignment.tenant {
        Some(tenant) => format!("{path}?tenant={tenant}"),
        None => path,
    }
}

/// Until when an assignment counts, and why it was given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignmentValidity {
    #[serde(default)]
    #[schema(format = DateTime)]
    valid_from: Option<String>,
    #[serde(default)]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl AssignmentValidity {
    pub(crate) fn parse(self) -> Result<Validity, ApiError> {
        let time = |member: &'static str, text: Option<String>| {
            let parsed = text.map(|text| text.parse::<jiff::Timestamp>()).transpose();
            let wrong = |_| {
                ApiError::Invalid(FieldError::body(
                    member,
                    "datetime",
                    format!("{member} is an RFC 3339 time"),
                ))
            };
            Ok::<_, ApiError>(
                parsed
                    .map_err(wrong)?
                    .map(|time| Timestamp::from_micros(time.as_microsecond())),
            )
        };
        Ok(Validity {
            valid_from: time("valid_from", self.valid_from)?,
            expires_at: time("expires_at", self.expires_at)?,
            reason: self.reason,
        })
    }
}

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
    demand_to_read_in(app, caller, tenant, assignments::READ).await?;
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

/// Which page of assignments is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AssignmentQuery {
    /// Only those in this tenant; absent for all, the global ones too.
    #[param(value_type = Option<String>)]
    pub(super) tenant: Option<TenantName>,
    /// 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: Limit,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub(super) cursor: Cursor,
}
