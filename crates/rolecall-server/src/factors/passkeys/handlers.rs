//! Passkeys of the caller's own account.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use rolecall::Authenticated;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::enrolment;
use crate::{
    accounts::me_handlers::require_not_narrowed,
    app::App,
    error::ApiError,
    factors::{handlers::secret, owner::Owner, views::RecoveryCodesView},
    http::ClientAddress,
    web::{body::Body, document::ProblemDocument, page::created, params},
};

/// A passkey to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyInput {
    /// Such as the name of the device; `Passkey` without one.
    #[serde(default)]
    name: String,
}

/// The enrolment of a passkey.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeyEnrolment {
    id: String,
    /// The options for `navigator.credentials.create`, as `PublicKeyCredential.parseCreationOptionsFromJSON` reads them.
    #[schema(value_type = Object)]
    options: Value,
}

/// The answer of a browser to the options of an enrolment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MadePasskey {
    /// The id of the enrolment.
    #[serde(deserialize_with = "params::id")]
    id: String,
    /// The JSON of `PublicKeyCredential.toJSON`.
    #[schema(value_type = Object)]
    credential: Map<String, Value>,
}

/// Begin to add a passkey.
///
/// Needs a sign-in of the last minutes, with a second factor if the account has one. Give the options to
/// `navigator.credentials.create` on a page of the host of `public_url`.
#[utoipa::path(post, path = "/api/me/factors/passkey", tag = "account", request_body = PasskeyInput, responses(
    (status = 201, description = "The options", body = PasskeyEnrolment, headers(("Location" = String, description = "The factor's address"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn add_my_passkey(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Body(wanted): Body<PasskeyInput>,
) -> Result<Response, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    let begun = enrolment::begin(&app, &owner, &wanted.name).await?;
    let location = format!("/api/me/factors/{}", begun.id);
    let view = PasskeyEnrolment {
        id: begun.id,
        options: begun.options,
    };
    Ok(secret(created(&location, Json(view))))
}

/// Add a passkey with the answer of the browser. An enrolment has one try.
///
/// The first factor of an account comes with recovery codes, which are shown once.
#[utoipa::path(post, path = "/api/me/factors/passkey/confirm", tag = "account", request_body = MadePasskey, responses(
    (status = 200, description = "Added", body = RecoveryCodesView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn confirm_my_passkey(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Body(made): Body<MadePasskey>,
) -> Result<Response, ApiError> {
    require_not_narrowed(&caller)?;
    let owner = Owner::by_token(&caller, address.as_str());
    let answer = Value::Object(made.credential).to_string();
    let confirmed = enrolment::confirm(&app, &owner, &made.id, &answer).await?;
    let recovery_codes = confirmed.codes.unwrap_or_default();
    let view = Json(RecoveryCodesView { recovery_codes });
    Ok(secret(view.into_response()))
}
