//! Roles, what they hold, and whom they inherit.

use super::{
    permissions::refuse_reserved,
    service::{self, RoleDetails},
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    times::rfc3339,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::{PermissionPattern, RoleName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const MAX_DESCRIPTION: usize = 500;

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub(crate) struct RoleView {
    #[schema(value_type = String)]
    name: RoleName,
    description: String,
    /// What it holds itself: permissions, and wildcards such as `items:*`.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<PermissionPattern>,
    /// The roles that it inherits directly.
    #[schema(value_type = Vec<String>)]
    juniors: Vec<RoleName>,
    /// Whether a second person must confirm that somebody is given it, or a role that inherits it.
    approval: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<RoleDetails> for RoleView {
    fn from(details: RoleDetails) -> Self {
        Self {
            name: details.role.name,
            description: details.role.description,
            permissions: details.permissions,
            juniors: details.juniors,
            approval: details.approval,
            created_at: rfc3339(details.role.created_at),
            updated_at: rfc3339(details.role.updated_at),
        }
    }
}

/// A role to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    name: RoleName,
    #[serde(default)]
    description: String,
    /// Whether a second person must confirm that somebody is given it, or a role that inherits it.
    #[serde(default)]
    approval: bool,
}

/// What of a role is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChanges {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    approval: Option<bool>,
}

/// A description is shown to people: no control characters, and not a novel.
pub(crate) fn check_description(text: &str) -> Result<(), ApiError> {
    if text.chars().count() > MAX_DESCRIPTION || text.chars().any(char::is_control) {
        let msg = format!(
            "description is at most {MAX_DESCRIPTION} characters, none of them a control character"
        );
        return Err(ApiError::Invalid(FieldError::body(
            "description",
            "value_error",
            msg,
        )));
    }
    Ok(())
}

/// List roles.
#[utoipa::path(get, path = "/api/roles", tag = "roles", params(ListQuery), responses(
    (status = 200, description = "A page of roles", body = Page<RoleView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_roles(
    _: Require<may::ReadRoles>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<RoleView>>, ApiError> {
    let limit = query.limit.0;
    let roles = service::list(&app, query.cursor.after(List::Roles)?, limit + 1).await?;
    Ok(Json(Page::of(
        List::Roles,
        roles,
        limit,
        |role| role.role.name.to_string(),
        RoleView::from,
    )))
}

/// Make a role.
#[utoipa::path(post, path = "/api/roles", tag = "roles", request_body = NewRole, responses(
    (status = 201, description = "Made", body = RoleView, headers(("Location" = String, description = "The role's address"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Body(wanted): Body<NewRole>,
) -> Result<Response, ApiError> {
    refuse_reserved(wanted.name.as_str())?;
    check_description(&wanted.description)?;
    let role = service::create(
        &app,
        Caller::Token(&caller),
        &wanted.name,
        &wanted.description,
        wanted.approval,
    )
    .await?;
    Ok(created(
        &format!("/api/roles/{}", wanted.name),
        Json(RoleView::from(role)),
    ))
}

/// Show a role.
#[utoipa::path(get, path = "/api/roles/{role}", tag = "roles", params(("role" = String, Path)), responses(
    (status = 200, description = "The role", body = RoleView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_role(
    _: Require<may::ReadRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
) -> Result<Json<RoleView>, ApiError> {
    Ok(Json(service::get(&app, &role).await?.into()))
}

/// Change a role.
#[utoipa::path(patch, path = "/api/roles/{role}", tag = "roles", params(("role" = String, Path)), request_body = RoleChanges, responses(
    (status = 200, description = "The role as changed", body = RoleView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
    Body(changes): Body<RoleChanges>,
) -> Result<Json<RoleView>, ApiError> {
    let description = changes.description.as_deref();
    description.map(check_description).transpose()?;
    let caller = Caller::Token(&caller);
    let updated = service::update(&app, caller, &role, description, changes.approval).await?;
    Ok(Json(updated.into()))
}

/// Delete a role.
///
/// Its assignments go too, and tokens that carry it end at once.
#[utoipa::path(delete, path = "/api/roles/{role}", tag = "roles", params(("role" = String, Path)), responses(
    (status = 204, description = "Deleted, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
) -> Result<StatusCode, ApiError> {
    service::delete(&app, Caller::Token(&caller), &role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a role hold a permission.
#[utoipa::path(put, path = "/api/roles/{role}/permissions/{permission}", tag = "roles",
    params(("role" = String, Path), ("permission" = String, Path, description = "`items:read`, or `items:*`")), responses(
    (status = 204, description = "The role holds it"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn grant_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, permission)): Segment<(RoleName, PermissionPattern)>,
) -> Result<StatusCode, ApiError> {
    service::grant(&app, Caller::Token(&caller), &role, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a permission from a role.
#[utoipa::path(delete, path = "/api/roles/{role}/permissions/{permission}", tag = "roles",
    params(("role" = String, Path), ("permission" = String, Path)), responses(
    (status = 204, description = "The role does not hold it itself"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn revoke_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, permission)): Segment<(RoleName, PermissionPattern)>,
) -> Result<StatusCode, ApiError> {
    service::revoke(&app, Caller::Token(&caller), &role, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a role inherit another.
#[utoipa::path(put, path = "/api/roles/{role}/juniors/{junior}", tag = "roles",
    params(("role" = String, Path), ("junior" = String, Path)), responses(
    (status = 204, description = "The role inherits the junior"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn add_junior(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, junior)): Segment<(RoleName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    service::inherit(&app, Caller::Token(&caller), &role, &junior).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End that a role inherits another.
#[utoipa::path(delete, path = "/api/roles/{role}/juniors/{junior}", tag = "roles",
    params(("role" = String, Path), ("junior" = String, Path)), responses(
    (status = 204, description = "The role does not inherit it directly"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn remove_junior(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, junior)): Segment<(RoleName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    service::disinherit(&app, Caller::Token(&caller), &role, &junior).await?;
    Ok(StatusCode::NO_CONTENT)
}
