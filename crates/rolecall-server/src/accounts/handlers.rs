//! Registration and the administration of users.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::{Public, Require};
use rolecall_core::RoleName;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    mailed_reset, me_service,
    registration::{self, NewAccount},
    reset, reset_confirmation,
    service::{self, Changes},
    views::{CreatedUserView, ResetCodeView, UserView},
};
use crate::{
    app::App,
    authority::{caller::Caller, may, subject::Status},
    error::ApiError,
    http::{Agent, ClientAddress, DeviceToken},
    login::{known::Origin, password::Typed},
    oauth::error::{OAuthError, OAuthErrorDocument},
    patch::Patch,
    profile::input::ProfileInput,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{Cursor, Limit, List, Page, created},
        params::{Params, Segment},
    },
};

/// A registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    username: String,
    password: String,
    email: Option<String>,
    /// Profile fields of the application.
    #[serde(default)]
    #[schema(value_type = Object)]
    profile: ProfileInput,
}

/// Somebody's user name, password and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordReplacement {
    username: String,
    /// The password, or a reset code.
    current_password: String,
    new_password: String,
    /// A code of the second factor, if the account has one.
    #[serde(default)]
    code: String,
}

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = UserInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    username: String,
    /// Without one the answer holds a reset code.
    password: Option<String>,
    email: Option<String>,
    /// You know that the address is the user's, who can then sign in with it.
    #[serde(default)]
    email_verified: bool,
    /// Roles to assign, globally.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    /// Profile fields of the application.
    #[serde(default)]
    #[schema(value_type = Object)]
    profile: ProfileInput,
}

/// Changes to a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChanges {
    #[serde(default)]
    username: Option<String>,
    /// null takes the address away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Patch<String>,
    /// You know that the address is the user's, who can then sign in with it. Another address is not verified.
    #[serde(default)]
    email_verified: Option<bool>,
    /// `active`, `disabled` or `password_change_required`.
    #[serde(default, deserialize_with = "crate::web::params::parsed")]
    #[schema(value_type = Option<String>)]
    status: Option<Status>,
    /// Profile fields to change; null removes a value, and others stay.
    #[serde(default)]
    #[schema(value_type = Object)]
    profile: ProfileInput,
}

/// Which users to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserQuery {
    /// 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Cursor,
    /// Finds one user exactly.
    username: Option<String>,
    /// Searches in user names and e-mail addresses.
    #[serde(default)]
    q: String,
}

/// Register.
///
/// Makes an account with the roles of the configuration; it gives no token.
#[utoipa::path(post, path = "/register", tag = "account", request_body = Registration, responses(
    (status = 201, description = "Registered", body = UserView, headers(("Location" = String, description = "The user's address"))),
    (status = 403, description = "Registration is closed", body = ProblemDocument),
    (status = 409, description = "The user name is taken", body = ProblemDocument),
    (status = 422, description = "A member is wrong", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument),
    (status = 503, description = "Too busy", body = ProblemDocument)))]
pub(crate) async fn register_user(
    _: Public,
    State(app): State<App>,
    address: ClientAddress,
    Body(wanted): Body<Registration>,
) -> Result<Response, ApiError> {
    let email = wanted.email.as_deref();
    let user = registration::register(
        &app,
        &wanted.username,
        &wanted.password,
        email,
        wanted.profile.clone(),
        address.as_str(),
    )
    .await?;
    let location = format!("/api/users/{}", user.id);
    Ok(created(&location, Json(UserView::from(user))))
}

/// Replace a password without a token.
///
/// The way out of a forced change and of a reset code; ends all sessions.
#[utoipa::path(post, path = "/password", tag = "account", request_body = PasswordReplacement, responses(
    (status = 204, description = "Replaced"),
    (status = 401, description = "Wrong user name or password", body = OAuthErrorDocument),
    (status = 409, description = "The maker of a reset code cannot use it", body = ProblemDocument),
    (status = 422, description = "The new password is refused", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument),
    (status = 503, description = "Too busy", body = OAuthErrorDocument)))]
pub(crate) async fn replace_password(
    _: Public,
    State(app): State<App>,
    address: ClientAddress,
    device: DeviceToken,
    agent: Agent,
    body: Result<Body<PasswordReplacement>, ApiError>,
) -> Result<StatusCode, OAuthError> {
    let Body(wanted) = body?;
    let typed = Typed {
        username: &wanted.username,
        password: &wanted.current_password,
        origin: Origin {
            address: address.as_str(),
            device: device.as_deref(),
            agent,
        },
    };
    me_service::change_forced(&app, &typed, &wanted.new_password, &wanted.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List users.
#[utoipa::path(get, path = "/api/users", tag = "users", params(UserQuery), responses(
    (status = 200, description = "A page of users", body = Page<UserView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_users(
    caller: Require<may::ReadUsers>,
    State(app): State<App>,
    Params(query): Params<UserQuery>,
) -> Result<Json<Page<UserView>>, ApiError> {
    let limit = query.limit.0;
    let users = service::list(
        &app,
        Caller::Token(&caller),
        query.cursor.after(List::Users)?,
        query.username.as_deref(),
        &query.q,
        limit + 1,
    )
    .await?;
    Ok(Json(Page::of(
        List::Users,
        users,
        limit,
        |user| user.id.clone(),
        UserView::from,
    )))
}

/// Make a user.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = NewUser, responses(
    (status = 201, description = "Made", body = CreatedUserView, headers(("Location" = String, description = "The user's address"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_user(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    address: ClientAddress,
    Body(wanted): Body<NewUser>,
) -> Result<Response, ApiError> {
    let wanted = NewAccount {
        username: &wanted.username,
        password: wanted.password.as_deref(),
        email: wanted.email.as_deref(),
        email_verified: wanted.email_verified,
        roles: wanted.roles,
        profile: wanted.profile,
        address: Some(address.as_str()),
    };
    let (user, reset) = registration::create(&app, Caller::Token(&caller), &wanted).await?;
    let location = format!("/api/users/{}", user.id);
    Ok(created(&location, Json(CreatedUserView::new(user, reset))))
}

/// Show a user.
#[utoipa::path(get, path = "/api/users/{id}", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "The user", body = UserView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_user(
    caller: Require<may::ReadUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<Json<UserView>, ApiError> {
    Ok(Json(
        service::get(&app, Caller::Token(&caller), &id)
            .await?
            .into(),
    ))
}

/// Change a user.
#[utoipa::path(patch, path = "/api/users/{id}", tag = "users", params(("id" = String, Path)), request_body = UserChanges, responses(
    (status = 200, description = "The user as changed", body = UserView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_user(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(wanted): Body<UserChanges>,
) -> Result<Json<UserView>, ApiError> {
    let changes = Changes {
        username: wanted.username,
        email: wanted.email,
        email_verified: wanted.email_verified,
        status: wanted.status,
        profile: wanted.profile,
    };
    Ok(Json(
        service::update(&app, Caller::Token(&caller), &id, &changes)
            .await?
            .into(),
    ))
}

/// Delete a user.
///
/// Role assignments and sessions go too, and tokens end at once.
#[utoipa::path(delete, path = "/api/users/{id}", tag = "users", params(("id" = String, Path)), responses(
    (status = 204, description = "Deleted, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_user(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    service::delete(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reset a password.
///
/// The old password and all sessions end at once. If mails are sent and the user has a verified address, a link goes
/// there; otherwise the answer has a code, which works once, for a day.
#[utoipa::path(post, path = "/api/users/{id}/reset", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "A one-time code, or a link was sent", body = ResetCodeView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn reset_user(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    address: ClientAddress,
    Segment(id): Segment<String>,
) -> Result<Json<ResetCodeView>, ApiError> {
    if let Some(until) = mailed_reset::start(&app, Caller::Token(&caller), &id).await? {
        return Ok(Json(ResetCodeView::mailed(until)));
    }
    let address = Some(address.as_str());
    let code = reset::start(&app, Caller::Token(&caller), &id, address).await?;
    Ok(Json(code.into()))
}

/// Confirm a reset that another administrator has started.
///
/// Ask the owner of the account first whether they want it. The user shows who started it and when; the body names it, so
/// that no other one is confirmed.
#[utoipa::path(post, path = "/api/users/{id}/reset/confirm", tag = "users", params(("id" = String, Path)), request_body = ResetConfirmation, responses(
    (status = 204, description = "The code works"),
    (status = 409, description = "Another reset has replaced it, or you may not confirm it", body = ProblemDocument),
    (status = 422, description = "The body names no reset", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn confirm_reset(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(wanted): Body<ResetConfirmation>,
) -> Result<StatusCode, ApiError> {
    reset_confirmation::confirm(&app, Caller::Token(&caller), &id, &wanted.reset_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The reset to confirm.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetConfirmation {
    /// The id of the reset, from `reset` of the user.
    reset_id: String,
}

/// Log a user out everywhere.
#[utoipa::path(delete, path = "/api/users/{id}/sessions", tag = "users", params(("id" = String, Path)), responses(
    (status = 204, description = "All sessions have ended"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn end_user_sessions(
    caller: Require<may::RevokeSessions>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    service::end_sessions(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
