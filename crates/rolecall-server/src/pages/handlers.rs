//! The pages of a sign-in, and `/authorize`, which begins one.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use rolecall::Public;

use super::{
    answers::{failed, go, go_to, keep, message, refuse, see_other, send},
    choice, refusals,
    steps::{By, Entered, answer, change_page, refuse_step, show, show_change},
    submitted::{Browser, Submitted},
};
use crate::{
    accounts::{
        me_service::{self, SECOND_FACTOR_REQUIRED},
        naming,
    },
    app::App,
    error::ApiError,
    login::{
        flow::{
            answer::{Answer, AnswerError, Target},
            choosing, consenting,
            request::Prompt,
            service, showing,
            step::{FlowError, Next, Visitor},
            wrong,
        },
        password::{LoginError, Typed},
    },
    oauth::authorize::{self, AuthorizeError},
    web::{document::ProblemDocument, params::Segment},
};

/// The key of the text that follows a change of the password.
pub(super) const PASSWORD_CHANGED: &str = "password-changed";

/// The key of the text that follows the making of an account.
pub(super) const ACCOUNT_MADE: &str = "account-made";

/// Begin a sign-in (RFC 6749 section 4.1.1, `OpenID` Connect).
///
/// For browsers. Answers with a redirect: to a page, or back to the client with a `code` or an `error`.
#[utoipa::path(get, path = "/authorize", tag = "sign-in", responses(
    (status = 303, description = "To a page, or back to the client"),
    (status = 200, description = "A form that the browser posts to the client (`response_mode=form_post`)", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the client or its redirect URI is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn authorize(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    begin(&app, &browser, query.as_deref().unwrap_or_default()).await
}

/// The same with the parameters in a form.
#[utoipa::path(post, path = "/authorize", tag = "sign-in", responses(
    (status = 303, description = "To a page, or back to the client"),
    (status = "4XX", description = "A page: the client or its redirect URI is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn authorize_by_form(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    body: Bytes,
) -> Response {
    // what is no text names no client
    let body = std::str::from_utf8(&body).unwrap_or_default();
    begin(&app, &browser, body).await
}

async fn begin(app: &App, browser: &Browser, encoded: &str) -> Response {
    let language = browser.language(app, None);
    let request = match authorize::parse(app, encoded).await {
        Ok(request) => request,
        Err(AuthorizeError::Answer(answer)) => return send(app, language, &answer),
        Err(AuthorizeError::Page(why)) => {
            return message(app, language, StatusCode::BAD_REQUEST, "bad-request", why);
        }
        Err(AuthorizeError::Failed(error)) => return failed(app, language, error),
    };
    let language = browser.language(app, request.ui_locales.as_deref());
    let kept = browser.keep_language(app, request.ui_locales.as_deref());
    let creates = request.prompts(Prompt::Create);
    let silent = request.prompts(Prompt::None).then(|| Target::of(&request));
    let begun = service::begin(app, request, &browser.visitor(app)).await;
    let mut response = match (begun, silent) {
        (Ok(Next::Page { flow, secret }), _) if creates => {
            go_to(app, &format!("/signup?flow={flow}"), &secret)
        }
        (Ok(next), _) => go(app, language, next),
        (Err(error), Some(target)) => send(app, language, &fail_silently(app, target, error)),
        (Err(error), None) => refuse(app, language, error),
    };
    keep(&mut response, kept);
    response
}

/// Returns the answer to a client that asked for no page.
fn fail_silently(app: &App, target: Target, error: FlowError) -> Answer {
    let answered = match error {
        FlowError::Failed(error) if error.status() != StatusCode::SERVICE_UNAVAILABLE => {
            error.log();
            AnswerError::ServerError
        }
        _ => AnswerError::TemporarilyUnavailable,
    };
    let why = "the server cannot sign anybody in now; try again";
    Answer::error(target, answered, why, &app.settings().issuer)
}

/// The page of the step that is due.
#[utoipa::path(get, path = "/login", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the sign-in has ended", body = String, content_type = "text/html")))]
pub(crate) async fn get_login(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Submitted::parse(query.as_deref().unwrap_or_default().as_bytes());
    let notice = query.get("notice");
    let notices = [PASSWORD_CHANGED, ACCOUNT_MADE];
    let entered = Entered {
        notice: notices.into_iter().find(|known| *known == notice),
        by: By::named(query.get("by")),
        ..Entered::default()
    };
    show(&app, &browser, query.get("flow"), &entered).await
}

/// The same page by the name of its last step.
#[utoipa::path(get, path = "/consent", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the sign-in has ended", body = String, content_type = "text/html")))]
pub(crate) async fn get_consent(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    show(
        &app,
        &browser,
        &flow_in(query.as_deref()),
        &Entered::default(),
    )
    .await
}

/// Sign in with a name and a password.
#[utoipa::path(post, path = "/login", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_login(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let typed = (form.get("username"), form.get("password"));
    let stays = form.get("stay") == "on";
    let next = service::sign_in(&app, flow, &browser.visitor(&app), typed, stays).await;
    let entered = Entered {
        username: form.get("username").to_owned(),
        stays,
        ..Entered::default()
    };
    answer(&app, &browser, flow, next, entered).await
}

/// Go on as the user who is signed in with this browser.
#[utoipa::path(post, path = "/login/continue", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_continue(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let next = service::continue_signed_in(&app, flow, &browser.visitor(&app)).await;
    answer(&app, &browser, flow, next, Entered::default()).await
}

/// Begin again with another account.
#[utoipa::path(post, path = "/login/other", tag = "sign-in", responses(
    (status = 303, description = "To the sign-in page"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_other(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let next = service::start_over(&app, flow, &browser.visitor(&app)).await;
    answer(&app, &browser, flow, next, Entered::default()).await
}

/// Choose a tenant (`tenant`) or roles (`role`).
#[utoipa::path(post, path = "/login/choice", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_choice(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let chosen = choice::chosen(&form);
    let next = choosing::choose(&app, flow, &browser.visitor(&app), &chosen).await;
    answer(&app, &browser, flow, next, Entered::default()).await
}

/// Allow the client what it asks for, or refuse it.
#[utoipa::path(post, path = "/consent", tag = "sign-in", responses(
    (status = 303, description = "Back to the client"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_consent(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let allows = match form.get("decision") {
        "allow" => Some(true),
        "deny" => Some(false),
        _ => None,
    };
    let next = consenting::decide(&app, flow, &browser.visitor(&app), allows).await;
    answer(&app, &browser, flow, next, Entered::default()).await
}

/// The page for a new password.
#[utoipa::path(get, path = "/login/password", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn get_password(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let flow = flow_in(query.as_deref());
    show_change(&app, &browser, &flow, &Entered::default()).await
}

/// Replace a password with the present one or a reset code.
#[utoipa::path(post, path = "/login/password", tag = "sign-in", responses(
    (status = 303, description = "To the sign-in page"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_password(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let (flow, visitor) = (form.get("flow"), browser.visitor(&app));
    let language = browser.language(&app, None);
    // nobody changes a password here without having begun a sign-in
    let shown = match showing::show(&app, flow, &visitor).await {
        Ok(shown) => shown,
        Err(error) => return refuse(&app, language, error),
    };
    if !shown.step.is_sign_in() {
        return see_other(&format!("/login?flow={}", shown.flow.id));
    }
    let mut entered = Entered {
        username: form.get("username").to_owned(),
        asks_code: !form.get("code").is_empty(),
        ..Entered::default()
    };
    if form.get("new") != form.get("again") {
        entered.fault("passwords-differ", StatusCode::UNPROCESSABLE_ENTITY);
        return change_page(&app, &browser, &shown, &entered);
    }
    match replace_password(&app, &visitor, &form).await {
        Ok(()) => {
            let id = &shown.flow.id;
            see_other(&format!("/login?flow={id}&notice={PASSWORD_CHANGED}"))
        }
        Err(LoginError::Failed(ApiError::Invalid(fault)))
            if fault.kind == SECOND_FACTOR_REQUIRED =>
        {
            entered.fault("second-factor-required", StatusCode::FORBIDDEN);
            entered.asks_code = true;
            change_page(&app, &browser, &shown, &entered)
        }
        Err(LoginError::Failed(error @ (ApiError::Invalid(_) | ApiError::Rule { .. }))) => {
            entered.problem = Some(refusals::sentence(&app, language, &error));
            entered.status = error.status();
            change_page(&app, &browser, &shown, &entered)
        }
        Err(error) => {
            match error {
                LoginError::Wrong => {
                    if let Err(ended) = wrong::count(&app, &shown.flow).await {
                        return refuse_step(&app, &browser, flow, ended).await;
                    }
                    entered.fault("wrong-password", StatusCode::UNAUTHORIZED);
                }
                LoginError::TooMany { retry_after }
                | LoginError::Failed(ApiError::TooMany { retry_after }) => {
                    entered.wait(retry_after);
                }
                LoginError::Busy => entered.fault("busy", StatusCode::SERVICE_UNAVAILABLE),
                LoginError::Failed(error) => return failed(&app, language, error),
            }
            change_page(&app, &browser, &shown, &entered)
        }
    }
}

async fn replace_password(
    app: &App,
    visitor: &Visitor<'_>,
    form: &Submitted,
) -> Result<(), LoginError> {
    let username = form.get("username");
    let meant = naming::name_meant(app, username).await?;
    let typed = Typed {
        username: meant.as_deref().unwrap_or(username),
        password: form.get("current"),
        origin: visitor.origin,
    };
    me_service::change_forced(app, &typed, form.get("new"), form.get("code")).await
}

/// A file of the pages.
#[utoipa::path(get, path = "/pages/{file}", tag = "sign-in", params(("file" = String, Path)), responses(
    (status = 200, description = "The file", body = String, content_type = "text/css"),
    (status = "4XX", description = "The file does not exist", body = ProblemDocument)))]
pub(crate) async fn get_file(
    _: Public,
    State(app): State<App>,
    Segment(file): Segment<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    let answer = app.parts().look.file(&file, query.get("v"));
    answer.ok_or_else(|| ApiError::unknown("file", &file))
}

/// Returns the flow that a query names.
fn flow_in(query: Option<&str>) -> String {
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    query.get("flow").to_owned()
}
