//! Who has which role.

use axum::{Json, extract::State, http::StatusCode};
use rolecall::Require;
use rolecall_core::{RoleName, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    assignment_store::Assignment,
    assignments::{self, Assignee, Validity},
    handlers::ListQuery,
};
use crate::{
    accounts::{
        authority::Caller,
        views::{Page, rfc3339},
    },
    api::may,
    app::App,
    document::ProblemDocument,
    error::{ApiError, FieldError},
    extract::{Body, List, Params, Segment},
};

const MAX_REASON: usize = 500;

/// A role assignment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleAssignment)]
pub(crate) struct AssignmentView {
    #[schema(value_type = String)]
    role: RoleName,
    /// null for a global one.
    #[schema(required)]
    tenant: Option<String>,
    #[schema(required, format = DateTime)]
    valid_from: Option<String>,
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    #[schema(required)]
    reason: Option<String>,
    assigned_by: String,
    #[schema(format = DateTime)]
    assigned_at: String,
}

impl From<Assignment> for AssignmentView {
    fn from(assignment: Assignment) -> Self {
        Self {
            role: assignment.role,
            tenant: Some(assignment.tenant).filter(|tenant| !tenant.is_empty()),
            valid_from: assignment.valid_from.map(rfc3339),
            expires_at: assignment.expires_at.map(rfc3339),
            reason: assignment.reason,
            assigned_by: assignment.assigned_by,
            assigned_at: rfc3339(assignment.assigned_at),
        }
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
        if self.reason.as_ref().is_some_and(|text| {
            text.chars().count() > MAX_REASON || text.chars().any(char::is_control)
        }) {
            let msg = format!(
                "reason is at most {MAX_REASON} characters, none of them a control character"
            );
            return Err(ApiError::Invalid(FieldError::body(
                "reason",
                "value_error",
                msg,
            )));
        }
        Ok(Validity {
            valid_from: time("valid_from", self.valid_from)?,
            expires_at: time("expires_at", self.expires_at)?,
            reason: self.reason,
        })
    }
}

/// List a user's role assignments.
#[utoipa::path(get, path = "/api/users/{id}/roles", tag = "role assignments", params(("id" = String, Path), ListQuery), responses(
    (status = 200, description = "A page of assignments", body = Page<AssignmentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_role_assignments(
    _: Require<may::ReadAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    page(&app, Assignee::User(&id), &query).await
}

async fn page(
    app: &App,
    whose: Assignee<'_>,
    query: &ListQuery,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    let limit = query.limit.0;
    let after = query.cursor.after(List::Assignments)?;
    let after = after.split_once('\n').unwrap_or((after, ""));
    let assignments = assignments::list(app, whose, after, "*", limit + 1).await?;
    let key = |one: &Assignment| format!("{}\n{}", one.role, one.tenant);
    Ok(Json(Page::of(
        List::Assignments,
        assignments,
        limit,
        key,
        AssignmentView::from,
    )))
}

/// Assign a role, or replace the validity of an assignment.
#[utoipa::path(put, path = "/api/users/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), request_body = AssignmentValidity, responses(
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn assign_role(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
    Body(validity): Body<AssignmentValidity>,
) -> Result<StatusCode, ApiError> {
    let tenant = query.tenant()?;
    assignments::assign(
        &app,
        Caller::Token(&caller),
        Assignee::User(&id),
        &role,
        tenant,
        &validity.parse()?,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
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
    let tenant = query.tenant()?;
    let whose = Assignee::User(&id);
    assignments::unassign(&app, Caller::Token(&caller), whose, &role, tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a client's role assignments.
#[utoipa::path(get, path = "/api/clients/{id}/roles", tag = "role assignments", params(("id" = String, Path), ListQuery), responses(
    (status = 200, description = "A page of assignments", body = Page<AssignmentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_client_role_assignments(
    _: Require<may::ReadAssignments>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    page(&app, Assignee::Client(&id), &query).await
}

/// Assign a role to a client, or replace the validity of an assignment.
#[utoipa::path(put, path = "/api/clients/{id}/roles/{role}", tag = "role assignments",
    params(("id" = String, Path), ("role" = String, Path), TenantQuery), request_body = AssignmentValidity, responses(
    (status = 204, description = "Assigned"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn assign_role_to_client(
    caller: Require<may::WriteAssignments>,
    State(app): State<App>,
    Segment((id, role)): Segment<(String, RoleName)>,
    Params(query): Params<TenantQuery>,
    Body(validity): Body<AssignmentValidity>,
) -> Result<StatusCode, ApiError> {
    let (whose, tenant) = (Assignee::Client(&id), query.tenant()?);
    let (caller, validity) = (Caller::Token(&caller), validity.parse()?);
    assignments::assign(&app, caller, whose, &role, tenant, &validity).await?;
    Ok(StatusCode::NO_CONTENT)
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
    let (whose, tenant) = (Assignee::Client(&id), query.tenant()?);
    assignments::unassign(&app, Caller::Token(&caller), whose, &role, tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which tenant an assignment is limited to.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantQuery {
    /// Absent for a global assignment. Tenants are not supported yet: a value is refused.
    #[param(value_type = Option<String>)]
    tenant: Option<TenantName>,
}

impl TenantQuery {
    /// Only global assignments, until tokens can be for a tenant.
    fn tenant(&self) -> Result<&'static str, ApiError> {
        match self.tenant {
            None => Ok(""),
            Some(_) => Err(ApiError::Invalid(FieldError::query(
                "tenant",
                "not_supported",
                "role assignments for a tenant are not supported yet",
            ))),
        }
    }
}
