//! Permissions, over the API.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::Permission;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{permissions, store::PermissionRow};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    times::rfc3339,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Permission)]
pub(crate) struct PermissionView {
    #[schema(value_type = String)]
    name: Permission,
    description: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<PermissionRow> for PermissionView {
    fn from(row: PermissionRow) -> Self {
        Self {
            name: row.name,
            description: row.description,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// A new permission.
#[derive(Deserialize, ToSchema)]
#[schema(as = PermissionInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPermission {
    /// `object:operation`
    #[schema(
        value_type = String,
        pattern = "^[a-z0-9][a-z0-9._-]{0,63}:[a-z0-9][a-z0-9._-]{0,63}$"
    )]
    name: Permission,
    #[serde(default)]
    description: String,
}

/// List permissions.
#[utoipa::path(get, path = "/api/permissions", tag = "permissions", params(ListQuery), responses(
    (status = 200, description = "A page of permissions", body = Page<PermissionView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_permissions(
    caller: Require<may::ReadRoles>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<PermissionView>>, ApiError> {
    let (limit, after) = (query.limit.0, query.cursor.after(List::Permissions)?);
    let permissions = permissions::list(&app, Caller::Token(&caller), after, limit + 1).await?;
    Ok(Json(Page::of(
        List::Permissions,
        permissions,
        limit,
        |row| row.name.to_string(),
        PermissionView::from,
    )))
}

/// Create a permission.
#[utoipa::path(post, path = "/api/permissions", tag = "permissions", request_body = NewPermission, responses(
    (status = 201, description = "Created", body = PermissionView, headers(("Location" = String, description = "The address of the permission"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Body(new): Body<NewPermission>,
) -> Result<Response, ApiError> {
    let caller = Caller::Token(&caller);
    let permission = permissions::create(&app, caller, &new.name, &new.description).await?;
    Ok(created(
        &format!("/api/permissions/{}", new.name),
        Json(PermissionView::from(permission)),
    ))
}

/// Delete a permission.
#[utoipa::path(delete, path = "/api/permissions/{permission}", tag = "permissions", params(("permission" = String, Path)), responses(
    (status = 204, description = "Deleted, or it did not exist"),
    (status = 409, description = "A role holds it", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(permission): Segment<Permission>,
) -> Result<StatusCode, ApiError> {
    permissions::delete(&app, Caller::Token(&caller), &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}
