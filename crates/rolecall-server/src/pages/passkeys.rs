//! The forms for passkeys. What the browser answers is in the field `credential`, into which the script writes it.

use axum::{extract::State, response::Response};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    account::signed_in,
    answers::see_other,
    factors::{PATH, codes_page, own_page, refused, refused_to_add, show},
    second::enrolled,
    steps::{Entered, answer},
    submitted::{Browser, Submitted},
};
use crate::{
    app::App,
    error::ApiError,
    factors::{owner::Owner, passkeys::enrolment, wished::Wished},
    login::flow::{enrolling, passkey},
};

/// Sign in with a passkey, alone or beside a password.
#[utoipa::path(post, path = "/login/passkey", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_passkey(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let (flow, visitor) = (form.get("flow"), browser.visitor(&app));
    let stays = form.get("stay") == "on";
    let wishes = (stays, form.get("remember") == "on");
    let next = passkey::prove(&app, flow, &visitor, form.get("credential"), wishes).await;
    let entered = Entered {
        stays,
        ..Entered::default()
    };
    answer(&app, &browser, flow, next, entered).await
}

/// Add a passkey where a sign-in asks for a second factor that the account has not.
#[utoipa::path(post, path = "/login/enrol/passkey", tag = "sign-in", responses(
    (status = 200, description = "The recovery codes", body = String, content_type = "text/html"),
    (status = 303, description = "To the next step"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_enrol_passkey(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let (flow, visitor) = (form.get("flow"), browser.visitor(&app));
    let next = enrolling::add_passkey(&app, flow, &visitor, form.get("credential")).await;
    enrolled(&app, &browser, flow, next).await
}

/// Begin to add a passkey, with a `name`.
#[utoipa::path(post, path = "/account/factors/passkey", tag = "sign-in", responses(
    (status = 200, description = "A page that asks the browser for a passkey", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_add_passkey(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let owner = Owner::in_browser(&session, browser.address());
    match enrolment::begin(&app, &owner, form.get("name")).await {
        Ok(begun) => {
            let values = context! {
                factor => begun.id,
                passkey => begun.options.to_string(),
            };
            own_page(&app, &browser, "passkey.html", StatusCode::OK, values)
        }
        Err(error) => {
            let wished = Wished::new(true, form.get("name"));
            refused_to_add(&app, &browser, &session, error, wished).await
        }
    }
}

/// Add the passkey that the browser has made.
#[utoipa::path(post, path = "/account/factors/passkey/confirm", tag = "sign-in", responses(
    (status = 200, description = "The recovery codes", body = String, content_type = "text/html"),
    (status = 303, description = "To the page"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_confirm_passkey(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let owner = Owner::in_browser(&session, browser.address());
    let (id, made) = (form.get("factor"), form.get("credential"));
    let error = match enrolment::confirm(&app, &owner, id, made).await {
        Ok(confirmed) => {
            return match confirmed.codes {
                Some(codes) => codes_page(&app, &browser, &codes),
                None => see_other(PATH),
            };
        }
        Err(error) => error,
    };
    let fault = match error {
        ApiError::Invalid(_) => "wrong-passkey",
        ApiError::Unknown { .. } => "enrolment-ended",
        error => return refused(&app, &browser, &session, error).await,
    };
    let mut entered = Entered::default();
    entered.fault(fault, StatusCode::UNPROCESSABLE_ENTITY);
    show(&app, &browser, &session, &entered).await
}
