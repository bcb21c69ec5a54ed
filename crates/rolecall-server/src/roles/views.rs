//! Assignments and requests as members of API bodies and queries.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rolecall_core::{RoleAssignment, RoleName, SubjectKind, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    assigning::{Assignee, Outcome, Validity},
    request_store::AssignmentRequest,
};
use crate::{
    error::{ApiError, FieldError},
    times::{parse_rfc3339, rfc3339},
    web::page::{Cursor, Limit},
};

/// A role assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RoleAssignment)]
pub(crate) struct AssignmentView {
    /// The address of the assignment; DELETE it to remove the assignment.
    id: String,
    #[schema(value_type = String)]
    pub(crate) role: RoleName,
    /// null for a global assignment.
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
    pub(crate) fn new(assignee: Assignee<'_>, assignment: RoleAssignment) -> Self {
        Self {
            id: address(assignee, &assignment),
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

/// Returns the address of an assignment. Ids and names need no encoding.
pub(crate) fn address(assignee: Assignee<'_>, assignment: &RoleAssignment) -> String {
    let (kind, id) = match assignee {
        Assignee::User(id) => ("users", id),
        Assignee::Client(id) => ("clients", id),
    };
    let path = format!("/api/{kind}/{id}/roles/{}", assignment.role);
    match &assignment.tenant {
        Some(tenant) => format!("{path}?tenant={tenant}"),
        None => path,
    }
}

/// The time in which an assignment is valid, and the reason for it.
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
            let Some(text) = text else { return Ok(None) };
            parse_rfc3339(&text).map(Some).ok_or_else(|| {
                ApiError::Invalid(FieldError::body(
                    member,
                    "datetime",
                    format!("{member} is an RFC 3339 time"),
                ))
            })
        };
        Ok(Validity {
            valid_from: time("valid_from", self.valid_from)?,
            expires_at: time("expires_at", self.expires_at)?,
            reason: self.reason,
        })
    }
}

/// A page of assignments or requests.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AssignmentQuery {
    /// Only those in this tenant; absent for all, including global ones.
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

/// A requested role assignment, which another person has to confirm.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignmentRequest)]
pub(crate) struct RequestView {
    id: String,
    /// The id of the user or client that the role is requested for.
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

impl From<AssignmentRequest> for RequestView {
    fn from(request: AssignmentRequest) -> Self {
        let requested = request.assignment;
        Self {
            id: request.id,
            subject: request.subject,
            kind: request.kind,
            role: requested.role,
            tenant: requested.tenant,
            valid_from: requested.valid_from.map(rfc3339),
            expires_at: requested.expires_at.map(rfc3339),
            reason: requested.reason,
            requested_by: requested.assigned_by,
            requested_at: rfc3339(requested.assigned_at),
        }
    }
}

/// Answers 204 if the assignment is in force, and 202 with the request if a second person has to confirm it.
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
