//! Constraints for separation of duties, over the API.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::{ConstraintKind, ConstraintName, ConstraintScope, RoleName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::constraints::{self, ConstraintEdit, NamedConstraint};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// The moment at which a constraint is checked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ConstraintKind)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindView {
    /// When a role is assigned, and when a role comes to inherit another one.
    Static,
    /// When roles are activated: at each login and each refresh.
    Dynamic,
}

impl From<KindView> for ConstraintKind {
    fn from(kind: KindView) -> Self {
        match kind {
            KindView::Static => Self::Static,
            KindView::Dynamic => Self::Dynamic,
        }
    }
}

/// The roles that a dynamic constraint counts together.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ConstraintScope)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ScopeView {
    /// The roles that are active in one session.
    Session,
    /// The roles that are active in any living token of a subject.
    Subject,
}

impl From<ScopeView> for ConstraintScope {
    fn from(per: ScopeView) -> Self {
        match per {
            ScopeView::Session => Self::Session,
            ScopeView::Subject => Self::Subject,
        }
    }
}

/// Separation of duties: the most roles of a list that one subject may have, or have active, together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Constraint)]
pub(crate) struct ConstraintView {
    #[schema(value_type = String)]
    name: ConstraintName,
    kind: KindView,
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<RoleName>,
    /// The most of these roles that one subject may have together.
    #[schema(minimum = 1)]
    at_most: u32,
    /// `subject` if a dynamic constraint counts all living tokens of a subject; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    per: Option<ScopeView>,
}

impl From<NamedConstraint> for ConstraintView {
    fn from(NamedConstraint { name, constraint }: NamedConstraint) -> Self {
        Self {
            name,
            kind: match constraint.kind {
                ConstraintKind::Static => KindView::Static,
                ConstraintKind::Dynamic => KindView::Dynamic,
            },
            roles: constraint.roles,
            at_most: constraint.at_most,
            per: (constraint.per == ConstraintScope::Subject).then_some(ScopeView::Subject),
        }
    }
}

/// A new constraint.
#[derive(Deserialize, ToSchema)]
#[schema(as = ConstraintInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConstraint {
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    name: ConstraintName,
    kind: KindView,
    /// Two or more.
    #[schema(value_type = Vec<String>, min_items = 2)]
    roles: Vec<RoleName>,
    /// At least 1, and fewer than there are roles.
    #[schema(minimum = 1)]
    at_most: u32,
    /// The roles that a dynamic constraint counts together: `session` by default.
    #[serde(default)]
    per: Option<ScopeView>,
}

/// A change of a constraint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConstraintChanges {
    /// At least 1, and fewer than there are roles.
    #[serde(default)]
    #[schema(minimum = 1)]
    at_most: Option<u32>,
    /// The roles that a dynamic constraint counts together.
    #[serde(default)]
    per: Option<ScopeView>,
}

/// List constraints.
#[utoipa::path(get, path = "/api/constraints", tag = "constraints", params(ListQuery), responses(
    (status = 200, description = "A page of constraints", body = Page<ConstraintView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_constraints(
    caller: Require<may::ReadRoles>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ConstraintView>>, ApiError> {
    let (limit, after) = (query.limit.0, query.cursor.after(List::Constraints)?);
    let found = constraints::list(&app, Caller::Token(&caller), after, limit + 1).await?;
    Ok(Json(Page::of(
        List::Constraints,
        found,
        limit,
        |one| one.name.to_string(),
        ConstraintView::from,
    )))
}

/// Create a constraint.
#[utoipa::path(post, path = "/api/constraints", tag = "constraints", request_body = NewConstraint, responses(
    (status = 201, description = "Created", body = ConstraintView, headers(("Location" = String, description = "The address of the constraint"))),
    (status = 409, description = "The constraint exists, or a subject breaks it already", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_constraint(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Body(new): Body<NewConstraint>,
) -> Result<Response, ApiError> {
    let wanted = constraints::NewConstraint {
        kind: new.kind.into(),
        roles: &new.roles,
        at_most: new.at_most,
        per: new.per.map(ConstraintScope::from),
    };
    let caller = Caller::Token(&caller);
    let constraint = constraints::create(&app, caller, &new.name, wanted).await?;
    Ok(created(
        &format!("/api/constraints/{}", new.name),
        Json(ConstraintView::from(constraint)),
    ))
}

/// Show a constraint.
#[utoipa::path(get, path = "/api/constraints/{constraint}", tag = "constraints", params(("constraint" = String, Path)), responses(
    (status = 200, description = "The constraint", body = ConstraintView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_constraint(
    caller: Require<may::ReadRoles>,
    State(app): State<App>,
    Segment(name): Segment<ConstraintName>,
) -> Result<Json<ConstraintView>, ApiError> {
    let constraint = constraints::get(&app, Caller::Token(&caller), &name).await?;
    Ok(Json(constraint.into()))
}

/// Change the number of roles that a constraint allows together, and what it counts.
#[utoipa::path(patch, path = "/api/constraints/{constraint}", tag = "constraints", params(("constraint" = String, Path)),
    request_body = ConstraintChanges, responses(
    (status = 200, description = "The changed constraint", body = ConstraintView),
    (status = 409, description = "A subject would break the constraint", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_constraint(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(name): Segment<ConstraintName>,
    Body(changes): Body<ConstraintChanges>,
) -> Result<Json<ConstraintView>, ApiError> {
    let caller = Caller::Token(&caller);
    let per = changes.per.map(ConstraintScope::from);
    let constraint = constraints::update(&app, caller, &name, changes.at_most, per).await?;
    Ok(Json(constraint.into()))
}

/// Delete a constraint.
#[utoipa::path(delete, path = "/api/constraints/{constraint}", tag = "constraints", params(("constraint" = String, Path)), responses(
    (status = 204, description = "Deleted, or it did not exist"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_constraint(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(name): Segment<ConstraintName>,
) -> Result<StatusCode, ApiError> {
    constraints::delete(&app, Caller::Token(&caller), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a role to a constraint.
#[utoipa::path(put, path = "/api/constraints/{constraint}/roles/{role}", tag = "constraints",
    params(("constraint" = String, Path), ("role" = String, Path)), responses(
    (status = 204, description = "The constraint lists the role"),
    (status = 409, description = "A subject would break the constraint", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn add_constraint_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((name, role)): Segment<(ConstraintName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    constraints::edit(
        &app,
        Caller::Token(&caller),
        &name,
        &ConstraintEdit::AddRole(role),
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a role from a constraint.
#[utoipa::path(delete, path = "/api/constraints/{constraint}/roles/{role}", tag = "constraints",
    params(("constraint" = String, Path), ("role" = String, Path)), responses(
    (status = 204, description = "The constraint does not list the role"),
    (status = 409, description = "Too few roles would be left", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn remove_constraint_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((name, role)): Segment<(ConstraintName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    constraints::edit(
        &app,
        Caller::Token(&caller),
        &name,
        &ConstraintEdit::RemoveRole(role),
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
