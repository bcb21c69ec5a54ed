//! The holders of a role or permission and the reach of a role, over the API.

use axum::{Json, extract::State};
use rolecall::Require;
use rolecall_core::{Permission, PermissionPattern, RoleName, SubjectKind, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    assigning::Assignee,
    assignment_store::SubjectAssignment,
    review::{self, After, PermissionHolder, Reach},
    views::AssignmentView,
};
use crate::{
    app::App,
    authority::{
        caller::Caller,
        may::{self, Anywhere},
    },
    error::ApiError,
    web::{
        document::ProblemDocument,
        page::{Cursor, Limit, List, ListQuery, Page},
        params::{Params, Segment},
    },
};

/// A user or client who has a role, with the assignment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleHolder)]
pub(crate) struct HolderView {
    /// The id of a user or client.
    subject: String,
    /// `user` or `client`.
    #[schema(value_type = String)]
    subject_kind: SubjectKind,
    /// The user name, or the name of the client.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) assignment: AssignmentView,
}

impl From<SubjectAssignment> for HolderView {
    fn from(held: SubjectAssignment) -> Self {
        let assignee = match held.kind {
            SubjectKind::User => Assignee::User(&held.subject),
            SubjectKind::Client => Assignee::Client(&held.subject),
        };
        Self {
            assignment: AssignmentView::new(assignee, held.assignment),
            subject_kind: held.kind,
            name: held.name,
            subject: held.subject,
        }
    }
}

/// A user or client who holds a permission, with the assignment that gives it. One who holds it through several roles is
/// listed with each.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PermissionHolder)]
pub(crate) struct PermissionHolderView {
    /// The id of a user or client.
    subject: String,
    /// `user` or `client`.
    #[schema(value_type = String)]
    subject_kind: SubjectKind,
    /// The user name, or the name of the client.
    name: String,
    /// The roles from the assigned one down to the one that holds the permission itself; each inherits the next.
    #[schema(value_type = Vec<String>)]
    path: Vec<RoleName>,
    /// The permission or wildcard that the last of these roles holds.
    #[schema(value_type = String)]
    grant: PermissionPattern,
    #[serde(flatten)]
    assignment: AssignmentView,
}

impl From<PermissionHolder> for PermissionHolderView {
    fn from(holder: PermissionHolder) -> Self {
        let HolderView {
            subject,
            subject_kind,
            name,
            assignment,
        } = holder.held.into();
        Self {
            subject,
            subject_kind,
            name,
            path: holder.path,
            grant: holder.grant,
            assignment,
        }
    }
}

/// A page of holders to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HolderQuery {
    /// Also list those who have the role through a senior role.
    #[serde(default)]
    inherited: bool,
    /// The number of holders, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Cursor,
}

/// The permissions of a role, and the roles below and above it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleReach)]
pub(crate) struct ReachView {
    /// Every permission that the role holds or inherits, with wildcards expanded.
    #[schema(value_type = Vec<String>)]
    pub(crate) permissions: Vec<Permission>,
    /// Every role that it inherits, directly or indirectly.
    #[schema(value_type = Vec<String>)]
    pub(crate) juniors: Vec<RoleName>,
    /// Every role that inherits it, directly or indirectly.
    #[schema(value_type = Vec<String>)]
    pub(crate) seniors: Vec<RoleName>,
}

impl From<Reach> for ReachView {
    fn from(reach: Reach) -> Self {
        let Reach {
            permissions,
            juniors,
            seniors,
        } = reach;
        Self {
            permissions,
            juniors,
            seniors,
        }
    }
}

/// Returns the position of a holder in the list, for the cursor.
pub(crate) fn place(held: &SubjectAssignment) -> String {
    let SubjectAssignment {
        subject,
        assignment,
        ..
    } = held;
    let tenant = assignment.tenant.as_ref().map_or("", TenantName::as_str);
    format!("{}\n{subject}\n{tenant}", assignment.role)
}

/// Reads a position that [`place`] returned.
pub(crate) fn after(place: &str) -> After<'_> {
    let mut parts = place.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or_default();
    After {
        role: next(),
        subject: next(),
        tenant: next(),
    }
}

/// List the holders of a role.
///
/// Users and clients, in every tenant. It includes assignments that are not valid yet and those that expired.
#[utoipa::path(get, path = "/api/roles/{role}/holders", tag = "roles", params(("role" = String, Path), HolderQuery), responses(
    (status = 200, description = "A page of holders", body = Page<HolderView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_role_holders(
    caller: Require<Anywhere<may::ReadAssignments>>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
    Params(query): Params<HolderQuery>,
) -> Result<Json<Page<HolderView>>, ApiError> {
    let (limit, after) = (query.limit.0, after(query.cursor.after(List::Holders)?));
    let (caller, inherited) = (Caller::Token(&caller), query.inherited);
    let found = review::holders(&app, caller, &role, inherited, after, limit + 1).await?;
    let page = Page::of(List::Holders, found, limit, place, HolderView::from);
    Ok(Json(page))
}

/// List the holders of a permission.
///
/// Users and clients, in every tenant, with the role and the path by which each holds it. It includes assignments that
/// are not valid yet and those that expired, and leaves out those in a tenant that cannot give the permission.
#[utoipa::path(get, path = "/api/permissions/{permission}/holders", tag = "permissions", params(("permission" = String, Path), ListQuery), responses(
    (status = 200, description = "A page of holders", body = Page<PermissionHolderView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_permission_holders(
    caller: Require<Anywhere<may::ReadAssignments>>,
    State(app): State<App>,
    Segment(permission): Segment<Permission>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<PermissionHolderView>>, ApiError> {
    let list = List::PermissionHolders;
    let (limit, after) = (query.limit.0, after(query.cursor.after(list)?));
    let caller = Caller::Token(&caller);
    let found = review::permission_holders(&app, caller, &permission, after, limit + 1).await?;
    let place = |holder: &PermissionHolder| place(&holder.held);
    let page = Page::of(list, found, limit, place, PermissionHolderView::from);
    Ok(Json(page))
}

/// Show the permissions of a role, and the roles below and above it.
#[utoipa::path(get, path = "/api/roles/{role}/reach", tag = "roles", params(("role" = String, Path)), responses(
    (status = 200, description = "The reach of the role", body = ReachView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_role_reach(
    caller: Require<may::ReadRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
) -> Result<Json<ReachView>, ApiError> {
    let reach = review::reach(&app, Caller::Token(&caller), &role).await?;
    Ok(Json(reach.into()))
}
