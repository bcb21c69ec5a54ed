//! The data of the caller, over the API.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::header::CONTENT_TYPE;
use rolecall::Authenticated;

use super::{export, views::OwnDataView};
use crate::{
    accounts::me_handlers::require_not_narrowed, app::App, error::ApiError,
    web::document::ProblemDocument,
};

/// Get everything that is stored about the own account, without secrets.
#[utoipa::path(get, path = "/api/me/export", tag = "account", responses(
    (status = 200, description = "Account, profile, role assignments, sessions, consents and events", body = OwnDataView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn export_me(
    caller: Authenticated,
    State(app): State<App>,
) -> Result<Response, ApiError> {
    require_not_narrowed(&caller)?;
    let body = export::write(&app, caller.subject(), caller.session()).await?;
    let body = body.ok_or_else(|| ApiError::unknown("user", &caller.subject()))?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
