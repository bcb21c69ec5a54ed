//! The pages on which people without their password ask for a link, and choose a new one with it.

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
use crate::{
    app::App,
    error::ApiError,
    mail::{reset, reset_error::ResetError, reset_factor::Second},
};

const PATH: &str = "/reset";

/// The page to ask for a link, or that which a link (`token`) leads to. It spends nothing.
#[utoipa::path(get, path = "/reset", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the link does not work, or no mail is sent", body = String, content_type = "text/html")))]
pub(crate) async fn get_reset(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let language = browser.language(&app, None);
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    let done = [("sent", "reset-sent"), ("done", "password-reset")];
    if let Some((_, heading)) = done.iter().find(|(name, _)| query.get(name) == "1") {
        return message(&app, language, StatusCode::OK, heading, "");
    }
    let token = query.get("token");
    if token.is_empty() {
        let flow = query.get("flow");
        return ask_page(&app, language, flow, &Entered::default());
    }
    choose_page(&app, language, token, &Entered::default()).await
}

/// Ask for a link to the verified address of an account. The answer is the same for all names.
#[utoipa::path(post, path = "/reset", tag = "sign-in", responses(
    (status = 303, description = "To the page that says what happens next"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_reset(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let language = browser.language(&app, None);
    if app.settings().mail.is_none() {
        return message(&app, language, StatusCode::NOT_FOUND, "not-offered", "");
    }
    let username = form.get("username");
    let name = app.parts().look.languages.name(language);
    let visitor = browser.visitor(&app);
    match reset::request(&app, username, name, visitor.origin.address).await {
        Ok(()) => see_other(&format!("{PATH}?sent=1")),
        Err(ApiError::TooMany { retry_after }) => {
            let mut entered = Entered {
                username: username.to_owned(),
                ..Entered::default()
            };
            entered.wait(retry_after);
            ask_page(&app, language, form.get("flow"), &entered)
        }
        Err(error) => failed(&app, language, error),
    }
}

/// Choose a new password with a link (`token`), which is spent, and with a second factor (`code` or `credential`) if the
/// account has one. Every session ends, and nobody is signed in.
#[utoipa::path(post, path = "/reset/password", tag = "sign-in", responses(
    (status = 303, description = "To the page that says so"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_new_password(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let language = browser.language(&app, None);
    let token = form.get("token");
    let mut entered = Entered::default();
    if form.get("new") != form.get("again") {
        entered.fault("passwords-differ", StatusCode::UNPROCESSABLE_ENTITY);
        return choose_page(&app, language, token, &entered).await;
    }
    let visitor = browser.visitor(&app);
    let second = Second {
        code: form.get("code"),
        credential: form.get("credential"),
        origin: visitor.origin,
    };
    match reset::complete(&app, token, form.get("new"), &second).await {
        Ok(()) => return see_other(&format!("{PATH}?done=1")),
        Err(ResetError::SecondFactor) => {
            entered.fault("second-factor-required", StatusCode::UNPROCESSABLE_ENTITY);
        }
        Err(ResetError::WrongCode) => entered.fault("wrong-code", StatusCode::UNAUTHORIZED),
        Err(ResetError::WrongPasskey) => entered.fault("wrong-passkey", StatusCode::UNAUTHORIZED),
        Err(ResetError::Failed(ApiError::TooMany { retry_after })) => entered.wait(retry_after),
        Err(ResetError::Failed(ApiError::Invalid(fault))) => {
            entered.problem = Some(refusals::of_fault(&app, language, fault));
            entered.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        Err(ResetError::Failed(ApiError::Busy)) => {
            entered.fault("busy", StatusCode::SERVICE_UNAVAILABLE);
        }
        Err(refused) => return refuse(&app, language, refused),
    }
    choose_page(&app, language, token, &entered).await
}

fn refuse(app: &App, language: Language, error: ResetError) -> Response {
    match error {
        ResetError::Failed(error) => failed(app, language, error),
        _ => message(app, language, StatusCode::BAD_REQUEST, "link-ended", ""),
    }
}

fn ask_page(app: &App, language: Language, flow: &str, entered: &Entered) -> Response {
    if app.settings().mail.is_none() {
        return message(app, language, StatusCode::NOT_FOUND, "not-offered", "");
    }
    let page = Page {
        template: "reset.html",
        status: entered.status,
        language,
        values: context! {
            flow => flow,
            username => entered.username.as_str(),
            error => entered.error.unwrap_or_default(),
            seconds => entered.seconds,
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}

async fn choose_page(app: &App, language: Language, token: &str, entered: &Entered) -> Response {
    let (user, asked) = match reset::show(app, token).await {
        Ok(found) => found,
        Err(error) => return refuse(app, language, error),
    };
    let page = Page {
        template: "new_password.html",
        status: entered.status,
        language,
        values: context! {
            token => token,
            username => user.username.as_str(),
            asks_code => asked.asks_code,
            passkey => asked.passkey,
            error => entered.error.unwrap_or_default(),
            problem => entered.problem.as_deref().unwrap_or_default(),
            seconds => entered.seconds,
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}
