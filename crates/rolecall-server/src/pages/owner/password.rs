//! The page on which users change their password.

use axum::{extract::State, response::Response};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    super::{
        answers::{failed, go, refuse},
        handlers::PASSWORD_CHANGED,
        submitted::{Browser, Submitted},
    },
    ACCOUNT, Fault, page, signed_in,
};
use crate::{
    accounts::me_service,
    app::App,
    login::{
        browser::store::BrowserSession,
        flow::{request::AuthorizationRequest, service, step::Next},
        password::Typed,
    },
};

/// The page for a new password of the user who is signed in.
#[utoipa::path(get, path = "/account/password", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in")))]
pub(crate) async fn get_own_password(
    _: Public,
    State(app): State<App>,
    browser: Browser,
) -> Response {
    match signed_in(&app, &browser).await {
        Ok(current) => show(&app, &browser, &current, &Fault::default()),
        Err(response) => response,
    }
}

/// Change the own password (`current`, `new`, `again`); the user is signed out everywhere.
#[utoipa::path(post, path = "/account/password", tag = "sign-in", responses(
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_own_password(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let current = match signed_in(&app, &browser).await {
        Ok(current) => current,
        Err(response) => return response,
    };
    if form.get("new") != form.get("again") {
        let fault = Fault::of("passwords-differ", StatusCode::UNPROCESSABLE_ENTITY);
        return show(&app, &browser, &current, &fault);
    }
    let typed = Typed {
        username: &current.username,
        password: form.get("current"),
        origin: browser.visitor(&app).origin,
    };
    match me_service::change_forced(&app, &typed, form.get("new"), form.get("code")).await {
        Ok(()) => sign_in_again(&app, &browser).await,
        Err(error) => {
            let language = browser.language(&app, None);
            match Fault::of_log_in(&app, language, error) {
                Ok(fault) => show(&app, &browser, &current, &fault),
                Err(error) => failed(&app, language, error),
            }
        }
    }
}

/// Leads to the sign-in, since this browser session has ended with all others.
async fn sign_in_again(app: &App, browser: &Browser) -> Response {
    let language = browser.language(app, None);
    let visitor = browser.visitor(app);
    match service::begin(app, AuthorizationRequest::own(ACCOUNT), &visitor).await {
        Ok(Next::Page { flow, secret }) => {
            // the flow is the last part of the address
            let flow = format!("{flow}&notice={PASSWORD_CHANGED}");
            go(app, language, Next::Page { flow, secret })
        }
        Ok(next) => go(app, language, next),
        Err(error) => refuse(app, language, error),
    }
}

fn show(app: &App, browser: &Browser, current: &BrowserSession, fault: &Fault) -> Response {
    let values = context! {
        username => current.username.as_str(),
        // whoever has a second factor has just shown it
        asks_code => current.amr.split(' ').any(|method| method == "mfa"),
        error => fault.error,
        problem => fault.problem.as_str(),
        seconds => fault.seconds,
    };
    let language = browser.language(app, None);
    page(app, language, "own_password.html", fault.status, values)
}
