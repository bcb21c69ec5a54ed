//! Constraints for separation of duties.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::{Constraint, ConstraintKind, ConstraintName, RoleName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::constraints::{self, Edit, Named};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// When a constraint is checked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ConstraintKind)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindView {
    /// When roles are assigned, and when a role comes to inherit another.
    Static,
    /// When roles are activated: at a log-in, and at each refresh.
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

/// Separation of duties: at most so many of some roles for one subject.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Constraint)]
pub(crate) struct ConstraintView {
    #[schema(value_type = String)]
    name: ConstraintName,
    kind: KindView,
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<RoleName>,
    /// How many of them may come together.
    #[schema(minimum = 1)]
    at_most: u32,
}

impl From<Named> for ConstraintView {
    fn from(Named { name, constraint }: Named) -> Self {
        Self {
            name,
            kind: match constraint.kind {
                ConstraintKind::Static => KindView::Static,
                ConstraintKind::Dynamic => KindView::Dynamic,
            },
            roles: constraint.roles,
            at_most: constraint.at_most,
        }
    }
}

/// A constraint to make.
#[derive(Deserialize, ToSchema)]
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
}

/// What of a constraint is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConstraintChanges {
    /// At least 1, and fewer than there are roles.
    #[serde(default)]
    #[schema(minimum = 1)]
    at_most: Option<u32>,
}

/// The roles as a set; one that is named twice is a mistake.
pub(crate) fn distinct(roles: &[RoleName]) -> Result<BTreeSet<RoleName>, ApiError> {
    let mut set = BTreeSet::new();
    for role in roles {
        if !set.insert(role.clone()) {
            let msg = format!("`{role}` stands in this list twice");
            return Err(ApiError::Invalid(FieldError::body(
                "roles",
                "duplicate",
                msg,
            )));
        }
    }
    Ok(set)
}

/// List constraints.
#[utoipa::path(get, path = "/api/constraints", tag = "constraints", params(ListQuery), responses(
    (status = 200, description = "A page of constraints", body = Page<ConstraintView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_constraints(
    _: Require<may::ReadRoles>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ConstraintView>>, ApiError> {
    let limit = query.limit.0;
    let found = constraints::list(&app, query.cursor.after(List::Constraints)?, limit + 1).await?;
    Ok(Json(Page::of(
        List::Constraints,
        found,
        limit,
        |one| one.name.to_string(),
        ConstraintView::from,
    )))
}

/// Make a constraint.
#[utoipa::path(post, path = "/api/constraints", tag = "constraints", request_body = NewConstraint, responses(
    (status = 201, description = "Made", body = ConstraintView, headers(("Location" = String, description = "The constraint's address"))),
    (status = 409, description = "It is there, or somebody breaks it already", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_constraint(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Body(wanted): Body<NewConstraint>,
) -> Result<Response, ApiError> {
    let roles = distinct(&wanted.roles)?;
    let constraint = Constraint::new(wanted.kind.into(), roles, wanted.at_most);
    let constraint = constraint.map_err(|error| constraints::invalid(&error))?;
    let caller = Caller::Token(&caller);
    let made = constraints::create(&app, caller, &wanted.name, &constraint).await?;
    Ok(created(
        &format!("/api/constraints/{}", wanted.name),
        Json(ConstraintView::from(made)),
    ))
}

/// Show a constraint.
#[utoipa::path(get, path = "/api/constraints/{constraint}", tag = "constraints", params(("constraint" = String, Path)), responses(
    (status = 200, description = "The constraint", body = ConstraintView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_constraint(
    _: Require<may::ReadRoles>,
    State(app): State<App>,
    Segment(name): Segment<ConstraintName>,
) -> Result<Json<ConstraintView>, ApiError> {
    Ok(Json(constraints::get(&app, &name).await?.into()))
}

/// Change how many of the roles may come together.
#[utoipa::path(patch, path = "/api/constraints/{constraint}", tag = "constraints", params(("constraint" = String, Path)),
    request_body = ConstraintChanges, responses(
    (status = 200, description = "The constraint as it is now", body = ConstraintView),
    (status = 409, description = "Somebody would break it", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_constraint(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(name): Segment<ConstraintName>,
    Body(changes): Body<ConstraintChanges>,
) -> Result<Json<ConstraintView>, ApiError> {
    let constraint = match changes.at_most {
        Some(at_most) => {
            let caller = Caller::Token(&caller);
            constraints::edit(&app, caller, &name, &Edit::AtMost(at_most)).await?
        }
        None => constraints::get(&app, &name).await?,
    };
    Ok(Json(constraint.into()))
}

/// Delete a constraint.
#[utoipa::path(delete, path = "/api/constraints/{constraint}", tag = "constraints", params(("constraint" = String, Path)), responses(
    (status = 204, description = "Deleted, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_constraint(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment(name): Segment<ConstraintName>,
) -> Result<StatusCode, ApiError> {
    constraints::delete(&app, Caller::Token(&caller), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a constraint be about one role more.
#[utoipa::path(put, path = "/api/constraints/{constraint}/roles/{role}", tag = "constraints",
    params(("constraint" = String, Path), ("role" = String, Path)), responses(
    (status = 204, description = "It is about that role"),
    (status = 409, description = "Somebody would break it", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn add_constraint_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((name, role)): Segment<(ConstraintName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    constraints::edit(&app, Caller::Token(&caller), &name, &Edit::AddRole(role)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a constraint be about a role no more.
#[utoipa::path(delete, path = "/api/constraints/{constraint}/roles/{role}", tag = "constraints",
    params(("constraint" = String, Path), ("role" = String, Path)), responses(
    (status = 204, description = "It is not about that role"),
    (status = 409, description = "Too few roles would be left", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn remove_constraint_role(
    caller: Require<may::WriteRoles>,
    State(app): State<App>,
    Segment((name, role)): Segment<(ConstraintName, RoleName)>,
) -> Result<StatusCode, ApiError> {
    constraints::edit(&app, Caller::Token(&caller), &name, &Edit::RemoveRole(role)).await?;
    Ok(StatusCode::NO_CONTENT)
}
