//! Who has a role, and what it gives, over the API.

use crate::authority::caller::Caller;
use axum::{Json, extract::State};
use rolecall::PermissionName as _;
use rolecall::Require;
use rolecall_core::{Permission, RoleName, SubjectKind, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    assigning::Assignee,
    assignment_store::Held,
    review::{self, After, Reach},
    views::AssignmentView,
};
use crate::{
    app::App,
    authority::{may, reads},
    error::ApiError,
    web::{
        document::ProblemDocument,
        page::{Cursor, Limit, List, Page},
        params::{Params, Segment},
    },
};

/// Somebody who has a role, and how.
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

impl From<Held> for HolderView {
    fn from(held: Held) -> Self {
        let whose = match held.kind {
            SubjectKind::User => Assignee::User(&held.subject),
            SubjectKind::Client => Assignee::Client(&held.subject),
        };
        Self {
            assignment: AssignmentView::new(whose, held.assignment),
            subject_kind: held.kind,
            name: held.name,
            subject: held.subject,
        }
    }
}

/// Which holders to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HolderQuery {
    /// Those too who have it by way of a role that inherits it.
    #[serde(default)]
    inherited: bool,
    /// How many, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Limit,
    /// Where the page before ended.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Cursor,
}

/// How far a role reaches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleReach)]
pub(crate) struct ReachView {
    /// All that it gives: what it holds and inherits, wildcards worked out.
    #[schema(value_type = Vec<String>)]
    pub(crate) permissions: Vec<Permission>,
    /// Every role that it inherits, directly or not.
    #[schema(value_type = Vec<String>)]
    pub(crate) juniors: Vec<RoleName>,
    /// Every role that inherits it, directly or not.
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

/// Where a holder stands in the list.
pub(crate) fn place(held: &Held) -> String {
    let Held {
        subject,
        assignment,
        ..
    } = held;
    let tenant = assignment.tenant.as_ref().map_or("", TenantName::as_str);
    format!("{}\n{subject}\n{tenant}", assignment.role)
}

/// The same, read again.
pub(crate) fn after(place: &str) -> After<'_> {
    let mut parts = place.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or_default();
    After {
        role: next(),
        subject: next(),
        tenant: next(),
    }
}

/// List who has a role.
///
/// Users and clients, in every tenant, with what limits it; also those whose time has not come or is over.
#[utoipa::path(get, path = "/api/roles/{role}/holders", tag = "roles", params(("role" = String, Path), HolderQuery), responses(
    (status = 200, description = "A page of holders", body = Page<HolderView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_role_holders(
    caller: Require<may::ReadAssignments>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
    Params(query): Params<HolderQuery>,
) -> Result<Json<Page<HolderView>>, ApiError> {
    reads::require_in(
        &app,
        Caller::Token(&caller),
        None,
        may::ReadAssignments::NAME,
    )
    .await?;
    let (limit, after) = (query.limit.0, after(query.cursor.after(List::Holders)?));
    let found = review::holders(&app, &role, query.inherited, after, limit + 1).await?;
    let page = Page::of(List::Holders, found, limit, place, HolderView::from);
    Ok(Json(page))
}

/// Show how far a role reaches.
#[utoipa::path(get, path = "/api/roles/{role}/reach", tag = "roles", params(("role" = String, Path)), responses(
    (status = 200, description = "What it gives, inherits, and is inherited by", body = ReachView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_role_reach(
    _: Require<may::ReadRoles>,
    State(app): State<App>,
    Segment(role): Segment<RoleName>,
) -> Result<Json<ReachView>, ApiError> {
    Ok(Json(review::reach(&app, &role).await?.into()))
}
