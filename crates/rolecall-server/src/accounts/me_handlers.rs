//! The caller's own account.

use axum::{Json, extract::State, http::StatusCode};
use rolecall::{Authenticated, Principal};
use rolecall_core::SubjectKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    me_service::{self, OwnChanges},
    service,
    views::MeView,
};
use crate::{
    app::App,
    error::ApiError,
    factors::owner::Owner,
    http::{Agent, ClientAddress, DeviceToken},
    login::known::Origin,
    patch::Patch,
    profile::input::ProfileInput,
    web::{body::Body, document::ProblemDocument},
};

/// Changes to the caller's own account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MyChanges {
    /// null takes the address away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Patch<String>,
    /// Profile fields to change; null removes a value, and others stay.
    #[serde(default)]
    #[schema(value_type = Object)]
    profile: ProfileInput,
}

/// The current password and a new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: String,
    new_password: String,
}

/// Clients have no account.
pub(crate) fn require_user(caller: &Principal) -> Result<(), ApiError> {
    if caller.kind() == SubjectKind::User {
        Ok(())
    } else {
        Err(ApiError::Lacks(None))
    }
}

/// Refuses a narrowed token: its owner handed it on for less than the whole account.
pub(crate) fn require_not_narrowed(caller: &Principal) -> Result<(), ApiError> {
    require_user(caller)?;
    if caller.narrowed() {
        Err(ApiError::Lacks(None))
    } else {
        Ok(())
    }
}

async fn show(app: &App, caller: &Principal) -> Result<Json<MeView>, ApiError> {
    let user = service::get_own(app, caller).await?;
    Ok(Json(MeView::new(user, caller)))
}

/// Show the own account, with the roles and permissions of the token.
#[utoipa::path(get, path = "/api/me", tag = "account", responses(
    (status = 200, description = "The account", body = MeView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_me(
    caller: Authenticated,
    State(app): State<App>,
) -> Result<Json<MeView>, ApiError> {
    require_user(&caller)?;
    show(&app, &caller).await
}

/// Change the own account.
///
/// The address needs a fresh sign-in.
#[utoipa::path(patch, path = "/api/me", tag = "account", request_body = MyChanges, responses(
    (status = 200, description = "The account as changed", body = MeView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_me(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    Body(changes): Body<MyChanges>,
) -> Result<Json<MeView>, ApiError> {
    require_not_narrowed(&caller)?;
    let changes = OwnChanges {
        email: changes.email,
        profile: changes.profile,
    };
    let owner = Owner::by_token(&caller, address.as_str());
    me_service::update(&app, &owner, changes).await?;
    show(&app, &caller).await
}

/// Change the own password.
///
/// The other sessions end, and tokens made before stop working.
#[utoipa::path(put, path = "/api/me/password", tag = "account", request_body = PasswordChange, responses(
    (status = 204, description = "Changed"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument),
    (status = 503, description = "Too busy", body = ProblemDocument)))]
pub(crate) async fn change_my_password(
    caller: Authenticated,
    State(app): State<App>,
    address: ClientAddress,
    device: DeviceToken,
    agent: Agent,
    Body(wanted): Body<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    require_not_narrowed(&caller)?;
    let (current, new) = (&wanted.current_password, &wanted.new_password);
    let origin = Origin {
        address: address.as_str(),
        device: device.as_deref(),
        agent,
    };
    me_service::change_password(&app, &caller, current, new, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
