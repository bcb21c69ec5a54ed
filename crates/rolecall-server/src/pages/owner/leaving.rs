//! The page on which users delete their account.

use axum::{extract::State, response::Response};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    super::{
        answers::{failed, message},
        factors::sign_in_again,
        submitted::{Browser, Submitted},
    },
    Fault, page, signed_in,
};
use crate::{
    accounts::leaving,
    app::App,
    error::ApiError,
    factors::owner::Owner,
    login::{
        browser::store::BrowserSession,
        password::{LoginError, Typed},
    },
};

/// The page.
const PATH: &str = "/account/delete";

/// The page that asks whether to delete the own account.
#[utoipa::path(get, path = "/account/delete", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = 404, description = "A page: only administrators delete accounts", body = String, content_type = "text/html")))]
pub(crate) async fn get_delete(_: Public, State(app): State<App>, browser: Browser) -> Response {
    if !app.settings().self_delete {
        return not_offered(&app, &browser);
    }
    match signed_in(&app, &browser).await {
        Ok(current) => show(&app, &browser, &current, &Fault::default()),
        Err(response) => response,
    }
}

/// Delete the own account (`password`); one with a second factor leads through a sign-in with it first.
#[utoipa::path(post, path = "/account/delete", tag = "sign-in", responses(
    (status = 200, description = "A page: the account is deleted", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_delete(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    if !app.settings().self_delete {
        return not_offered(&app, &browser);
    }
    let current = match signed_in(&app, &browser).await {
        Ok(current) => current,
        Err(response) => return response,
    };
    let language = browser.language(&app, None);
    let typed = Typed {
        username: &current.username,
        password: form.get("password"),
        origin: browser.visitor(&app).origin,
    };
    let owner = Owner::in_browser(&current, typed.origin.address);
    match leaving::leave(&app, &owner, &typed).await {
        Ok(()) => message(&app, language, StatusCode::OK, "left", ""),
        Err(LoginError::Failed(ApiError::StepUp { acr, max_age })) => {
            sign_in_again(&app, &browser, &current, PATH, (acr, max_age)).await
        }
        Err(error) => match Fault::of_log_in(&app, language, error) {
            Ok(fault) => show(&app, &browser, &current, &fault),
            Err(error) => failed(&app, language, error),
        },
    }
}

fn not_offered(app: &App, browser: &Browser) -> Response {
    let language = browser.language(app, None);
    message(app, language, StatusCode::NOT_FOUND, "not-offered", "")
}

fn show(app: &App, browser: &Browser, current: &BrowserSession, fault: &Fault) -> Response {
    let values = context! {
        username => current.username.as_str(),
        error => fault.error,
        problem => fault.problem.as_str(),
        seconds => fault.seconds,
    };
    let language = browser.language(app, None);
    page(app, language, "leave.html", fault.status, values)
}
