//! Permissions.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::Permission;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{handlers::check_description, permissions, store::PermissionRow};
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

/// A permission to make.
#[derive(Deserialize, ToSchema)]
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
    _: Require<may::ReadRoles>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<PermissionView>>, ApiError> {
    let limit = query.limit.0;
    let permissions =
        permissions::list(&app, query.cursor.after(List::Permissions)?, limit + 1).await?;
    Ok(Json(Page::of(
        List::Permissions,
        permissions,
        limit,
        |row| row.name.to_string(),
        PermissionView::from,
    )))
}

/// Make a permission.
#[utoipa::path(post, path = "/api/permissions", tag = "permissions", request_body = NewPermission, responses(
    (status = 201, description = "Made", body = PermissionView, headers(("Location" = String, description = "The permission's address"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Body(wanted): Body<NewPermission>,
) -> Result<Response, ApiError> {
    check_description(&wanted.description)?;
    let permission = permissions::create(
        &app,
        Caller::Token(&caller),
        &wanted.name,
        &wanted.description,
    )
    .await?;
    Ok(created(
        &format!("/api/permissions/{}", wanted.name),
        Json(PermissionView::from(permission)),
    ))
}

/// Delete a permission.
#[utoipa::path(delete, path = "/api/permissions/{permission}", tag = "permissions", params(("permission" = String, Path)), responses(
    (status = 204, description = "Deleted, or not there"),
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
