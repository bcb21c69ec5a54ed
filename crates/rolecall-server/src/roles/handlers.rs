//! Roles, their permissions and their place in the hierarchy, over the API.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::{Acr, PermissionPattern, RoleName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{definition, details::RoleDetails, service};
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

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub(crate) struct RoleView {
    #[schema(value_type = String)]
    name: RoleName,
    description: String,
    /// The permissions that the role holds itself, and wildcards such as `items:*`.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<PermissionPattern>,
    /// The roles that it inherits directly.
    #[schema(value_type = Vec<String>)]
    juniors: Vec<RoleName>,
    /// True if a second person must approve each assignment of the role, and of every role that inherits it.
    approval: bool,
    /// True if applications may check for the role by its name. To assign such a role to others, a caller must have it.
    by_name: bool,
    /// The assurance that a session needs to have the role: `aal1` for every session, `aal2` for two factors, `phr` for a
    /// passkey.
    #[schema(value_type = String)]
    acr: Acr,
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
            by_name: details.by_name,
            acr: details.acr,
            created_at: rfc3339(details.role.created_at),
            updated_at: rfc3339(details.role.updated_at),
        }
    }
}

/// A new role.
#[derive(Deserialize, ToSchema)]
#[schema(as = RoleInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    name: RoleName,
    #[serde(default)]
    description: String,
    /// True if a second person must approve each assignment of the role, and of every role that inherits it.
    #[serde(default)]
    approval: bool,
    /// False if no application checks for the role by its name, so that it gives its permissions alone.
    #[serde(default = "works_by_name")]
    #[schema(default = true)]
    by_name: bool,
    /// The assurance that a session needs to have the role: `aal1`, `aal2` or `phr`.
    #[serde(default)]
    #[schema(value_type = String, default = "aal1")]
    acr: Acr,
}

fn works_by_name() -> bool {
    true
}

/// A change of a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChanges {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    approval: Option<bool>,
    #[serde(default)]
    by_name: Option<bool>,
    /// `aal1`, `aal2` or `phr`. Tokens through the role end if this is raised.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    acr: Option<Acr>,
}

/// List roles.
#[utoipa::path(get, path = "/api/roles", tag = "roles", params(ListQuery), responses(
    (status = 200, description = "A page of roles", body = Page<RoleView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_roles(
    caller: Require<may::ReadRoles>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<RoleView>>, ApiError> {
    let (limit, after) = (query.limit.0, query.cursor.after(List::Roles)?);
    let roles = service::list(&app, Caller::Token(&caller), after, limit + 1).await?;
    Ok(Json(Page::of(
        List::Roles,
        roles,
        limit,
        |role| role.role.name.to_string(),
        RoleView::from,
    )))
}

/// Create a role.
#[utoipa::path(post, path = "/api/roles", tag = "roles", request_body = NewRole, responses(
    (status = 201, description = "Created", body = RoleView, headers(("Location" = String, description = "The address of the role"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Body(new): Body<NewRole>,
) -> Result<Response, ApiError> {
    let wanted = definition::NewRole {
        name: &new.name,
        description: &new.description,
        approval: new.approval,
        by_name: new.by_name,
        acr: new.acr,
    };
    let role = definition::create(&app, Caller::Token(&caller), wanted).await?;
    Ok(created(
        &format!("/api/roles/{}", new.name),
        Json(RoleView::from(role)),
    ))
}

/// Show a role.
#[utoipa::path(get, path = "/api/roles/{role}", tag = "roles", params(("role" = String, Path)), responses(
    (status = 200, description = "The role", body = RoleView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_role(
    caller: Require<may::ReadRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
) -> Result<Json<RoleView>, ApiError> {
    let role = service::get(&app, Caller::Token(&caller), &role).await?;
    Ok(Json(role.into()))
}

/// Change a role.
#[utoipa::path(patch, path = "/api/roles/{role}", tag = "roles", params(("role" = String, Path)), request_body = RoleChanges, responses(
    (status = 200, description = "The changed role", body = RoleView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
    Body(changes): Body<RoleChanges>,
) -> Result<Json<RoleView>, ApiError> {
    let changes = definition::RoleChanges {
        description: changes.description.as_deref(),
        approval: changes.approval,
        by_name: changes.by_name,
        acr: changes.acr,
    };
    let updated = definition::update(&app, Caller::Token(&caller), &role, changes).await?;
    Ok(Json(updated.into()))
}

/// Delete a role.
///
/// Its assignments are deleted too, and tokens that carry the role end at once.
#[utoipa::path(delete, path = "/api/roles/{role}", tag = "roles", params(("role" = String, Path)), responses(
    (status = 204, description = "Deleted, or it did not exist"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
) -> Result<StatusCode, ApiError> {
    service::delete(&app, Caller::Token(&caller), &role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Grant a permission to a role.
#[utoipa::path(put, path = "/api/roles/{role}/permissions/{permission}", tag = "roles",
    params(("role" = String, Path), ("permission" = String, Path, description = "`items:read`, or `items:*`")), responses(
    (status = 204, description = "The role holds the permission"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn grant_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, permission)): Segment<(RoleName, PermissionPattern)>,
) -> Result<StatusCode, ApiError> {
    service::grant(&app, Caller::Token(&caller), &role, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revoke a permission from a role.
#[utoipa::path(delete, path = "/api/roles/{role}/permissions/{permission}", tag = "roles",
    params(("role" = String, Path), ("permission" = String, Path)), responses(
    (status = 204, description = "The role does not hold the permission itself"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn revoke_permission(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, permission)): Segment<(RoleName, PermissionPattern)>,
) -> Result<StatusCode, ApiError> {
    service::revoke(&app, Caller::Token(&caller), &role, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a role inherit another role.
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

/// Stop a role from inheriting another role.
#[utoipa::path(delete, path = "/api/roles/{role}/juniors/{junior}", tag = "roles",
    params(("role" = String, Path), ("junior" = String, Path)), responses(
    (status = 204, description = "The role does not inherit the junior directly"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn remove_junior(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((role, junior)): Segment<(RoleName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    service::disinherit(&app, Caller::Token(&caller), &role, &junior).await?;
    Ok(StatusCode::NO_CONTENT)
}
