//! The second factors of other users. Nobody adds one for somebody else.

use axum::{Json, extract::State, http::StatusCode};
use rolecall::Require;

use super::{service, views::FactorsView};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    http::ClientAddress,
    web::{document::ProblemDocument, params::Segment},
};

/// List the second factors of a user.
#[utoipa::path(get, path = "/api/users/{id}/factors", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "The factors", body = FactorsView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_user_factors(
    caller: Require<may::ReadUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<Json<FactorsView>, ApiError> {
    let factors = service::list_of(&app, Caller::Token(&caller), &id).await?;
    Ok(Json(factors.into()))
}

/// Remove a second factor that a user has lost.
///
/// The sessions that rest on it end. With the last factor, the recovery codes go too.
#[utoipa::path(delete, path = "/api/users/{id}/factors/{factor}", tag = "users",
    params(("id" = String, Path), ("factor" = String, Path)), responses(
    (status = 204, description = "Removed, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn remove_user_factor(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    address: ClientAddress,
    Segment((id, factor)): Segment<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let user = (id.as_str(), address.as_str());
    service::remove_of(&app, Caller::Token(&caller), user, &factor).await?;
    Ok(StatusCode::NO_CONTENT)
}
