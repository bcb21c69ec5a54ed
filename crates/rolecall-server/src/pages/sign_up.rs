//! The page on which strangers begin to make an account.

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
    refusals,
    render::Page,
    steps::Entered,
    submitted::{Browser, Submitted},
};
use crate::{app::App, error::ApiError, invitations::sign_up};

/// The page to ask for a link with which an account can be made.
#[utoipa::path(get, path = "/signup", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: nobody can sign up", body = String, content_type = "text/html")))]
pub(crate) async fn get_sign_up(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let language = browser.language(&app, None);
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    if query.get("sent") == "1" {
        return message(&app, language, StatusCode::OK, "sign-up-sent", "");
    }
    page(&app, language, query.get("flow"), &Entered::default())
}

/// Ask for a link to an address (`email`). The answer is the same whether there is an account or not.
#[utoipa::path(post, path = "/signup", tag = "sign-in", responses(
    (status = 303, description = "To the page that says what happens next"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_sign_up(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let language = browser.language(&app, None);
    let email = form.get("email");
    let name = app.parts().look.languages.name(language);
    let begun = (form.get("flow"), &browser.visitor(&app));
    let mut entered = Entered {
        username: email.to_owned(),
        ..Entered::default()
    };
    match sign_up::request(&app, email, name, begun).await {
        Ok(()) => return see_other("/signup?sent=1"),
        Err(ApiError::TooMany { retry_after }) => entered.wait(retry_after),
        Err(ApiError::Invalid(fault)) => {
            entered.problem = Some(refusals::of_fault(&app, language, fault));
            entered.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        // the page says it
        Err(ApiError::Forbidden(_)) => {}
        Err(error) => return failed(&app, language, error),
    }
    page(&app, language, form.get("flow"), &entered)
}

fn page(app: &App, language: Language, flow: &str, entered: &Entered) -> Response {
    if !sign_up::is_offered(app) {
        return message(app, language, StatusCode::NOT_FOUND, "sign-up-closed", "");
    }
    let page = Page {
        template: "sign_up.html",
        status: entered.status,
        language,
        values: context! {
            flow => flow,
            address => entered.username.as_str(),
            error => entered.error.unwrap_or_default(),
            problem => entered.problem.as_deref().unwrap_or_default(),
            seconds => entered.seconds,
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}
