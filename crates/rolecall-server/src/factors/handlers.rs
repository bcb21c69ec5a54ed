//! The second factors of the caller's own account.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use rolecall::Authenticated;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    owner::Owner,
    service,
    views::{EnrolmentView, FactorsView, RecoveryCodesView},
};
use crate::{
    accounts::me_handlers::{require_not_narrowed, require_user},
    app::App,
    error::ApiError,
    http::ClientAddress,
    web::{body::Body, document::ProblemDocument, page::created, params::Segment},
};

/// An authenticator application to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotpInput {
    /// Such as the name of the phone; `Authenticator` without one.
    #[serde(default)]
    name: String,
}

/// The first code of an application.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstCode {
    code: String,
}

/// Another name for a factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactorChanges {
    name: String,
}

/// List the own second factors.
#[utoipa::path(get, path = "/api/me/factors", tag = "account", responses(
    (status = 200, description = "The factors", body = FactorsView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_my_factors(
    caller: Authenticated,
    State(app): State<App>,
) -> Result<Json<FactorsView>, ApiError> {
    require_user(&caller)?;
    require_not_narrowed(&caller)?;
    Ok(Json(service::list(&app, caller.subject()).await?.into()))
}

/// Begin to add an authenticator application (TOTP).
///
/// Needs a sign-in of the last minutes, with a second factor if the account has one. The secret is shown once; the
/// application counts after its first code has confirmed it.
#[utoipa::path(post, path = "/api/me/factors/totp", tag = "account", request_body = TotpInput, responses(
    (status = 201, description = "The secret", body = EnrolmentView, headers(("Location" = String, description = "The factor's address"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn add_my_totp(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Body(wanted): Body<TotpInput>,
) -> Result<Response, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    let begun = service::add_totp(&app, &owner, &wanted.name).await?;
    let view = EnrolmentView {
        secret: begun.secret.base32(),
        uri: begun.secret.uri(&app.own_name(), caller.username()),
        id: begun.id,
    };
    let location = format!("/api/me/factors/{}", view.id);
    Ok(secret(created(&location, Json(view))))
}

/// Add an authenticator application with its first code, which is used up by that.
///
/// The first factor of an account comes with recovery codes, which are shown once.
#[utoipa::path(post, path = "/api/me/factors/{id}/confirm", tag = "account", params(("id" = String, Path)), request_body = FirstCode, responses(
    (status = 200, description = "Added", body = RecoveryCodesView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn confirm_my_totp(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Segment(id): Segment<String>,
    Body(first): Body<FirstCode>,
) -> Result<Response, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    let confirmed = service::confirm_totp(&app, &owner, &id, &first.code).await?;
    let recovery_codes = confirmed.codes.unwrap_or_default();
    Ok(secret(
        Json(RecoveryCodesView { recovery_codes }).into_response(),
    ))
}

/// Rename one of the own second factors.
#[utoipa::path(patch, path = "/api/me/factors/{id}", tag = "account", params(("id" = String, Path)), request_body = FactorChanges, responses(
    (status = 204, description = "Renamed"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn rename_my_factor(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Segment(id): Segment<String>,
    Body(changes): Body<FactorChanges>,
) -> Result<StatusCode, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    service::rename(&app, &owner, &id, &changes.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove one of the own second factors.
///
/// Needs a sign-in of the last minutes with a second factor. The sessions that rest on the factor end.
#[utoipa::path(delete, path = "/api/me/factors/{id}", tag = "account", params(("id" = String, Path)), responses(
    (status = 204, description = "Removed, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn remove_my_factor(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    service::remove(&app, &owner, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make new recovery codes, which replace all before and are shown once.
#[utoipa::path(post, path = "/api/me/recovery-codes", tag = "account", responses(
    (status = 200, description = "The codes", body = RecoveryCodesView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn make_my_recovery_codes(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
) -> Result<Response, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    let recovery_codes = service::make_codes(&app, &owner).await?;
    Ok(secret(
        Json(RecoveryCodesView { recovery_codes }).into_response(),
    ))
}

/// An answer that no cache keeps.
pub(super) fn secret(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}
