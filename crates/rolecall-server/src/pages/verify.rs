//! The page that a link leads to which proves an address.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    answers::{failed, message, see_other},
    languages::Language,
    render::Page,
    submitted::{Browser, Submitted},
};
use crate::{
    app::App,
    mail::addresses::{self, ConfirmError},
};

/// The page of a link (`token`) that proves an address. It spends nothing.
#[utoipa::path(get, path = "/verify", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the link does not work", body = String, content_type = "text/html")))]
pub(crate) async fn get_verify(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let language = browser.language(&app, None);
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    if query.get("done") == "1" {
        return message(&app, language, StatusCode::OK, "address-verified", "");
    }
    let token = query.get("token");
    let opened = match addresses::find(&app, token, browser.visitor(&app).session).await {
        Ok(opened) => opened,
        Err(error) => return refuse(&app, language, error),
    };
    let page = Page {
        template: "verify.html",
        status: StatusCode::OK,
        language,
        values: context! {
            token => token,
            username => opened.username,
            address => opened.address,
            signed_in => opened.is_signed_in,
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(&app)
}

/// Verify an address with a link (`token`), which is spent, in a browser in which its user is signed in.
#[utoipa::path(post, path = "/verify", tag = "sign-in", responses(
    (status = 303, description = "To the page that says so"),
    (status = "4XX", description = "A page: the link does not work", body = String, content_type = "text/html")))]
pub(crate) async fn post_verify(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let language = browser.language(&app, None);
    let token = form.get("token");
    match addresses::confirm(&app, token, browser.visitor(&app).session).await {
        Ok(()) => see_other("/verify?done=1"),
        Err(error) => refuse(&app, language, error),
    }
}

fn refuse(app: &App, language: Language, error: ConfirmError) -> Response {
    let (status, heading) = match error {
        ConfirmError::Ended => (StatusCode::BAD_REQUEST, "link-ended"),
        ConfirmError::NotSignedIn => (StatusCode::FORBIDDEN, "sign-in-first"),
        ConfirmError::Taken => (StatusCode::CONFLICT, "address-taken"),
        ConfirmError::Failed(error) => return failed(app, language, error),
    };
    message(app, language, status, heading, "")
}
