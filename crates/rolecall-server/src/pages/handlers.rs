//! The pages of a sign-in, and `/authorize`, which begins one.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use minijinja::{Value, context};
use rolecall::Public;

use super::{
    choice,
    language::Language,
    render::Page,
    submitted::{Browser, Submitted},
};
use crate::{
    accounts::me_service,
    app::App,
    clients::redirect,
    error::ApiError,
    http::{
        NoCors,
        cookies::{Cookie, CookieJar},
    },
    login::{
        flow::{
            answer::{Answer, AnswerError, Target},
            choosing,
            request::{Prompt, ResponseMode},
            service::{self, FlowError, Next, Shown, Step, Visitor},
        },
        password::{LoginError, Typed},
    },
    oauth::authorize::{self, AuthorizeError},
    tokens::identity::IdentityScope,
    web::{document::ProblemDocument, params::Segment},
};

/// The time for which a browser keeps the cookie of its flows; longer than any flow.
const FLOW_COOKIE: Duration = Duration::from_hours(1);
/// The time for which a browser keeps its device token.
const DEVICE_COOKIE: Duration = Duration::from_hours(180 * 24);

/// The key of the text that follows a change of the password.
const PASSWORD_CHANGED: &str = "password-changed";

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
    let language = Language::of(browser.headers(), None);
    let request = match authorize::parse(app, encoded).await {
        Ok((request, _)) => request,
        Err(AuthorizeError::Answer(answer)) => return send(app, language, &answer),
        Err(AuthorizeError::Page(why)) => {
            return message(app, language, StatusCode::BAD_REQUEST, "bad-request", why);
        }
        Err(AuthorizeError::Failed(error)) => return failed(app, language, error),
    };
    let language = Language::of(browser.headers(), request.ui_locales.as_deref());
    let silent = request.prompts(Prompt::None).then(|| Target::of(&request));
    match (
        service::begin(app, request, &browser.visitor(app)).await,
        silent,
    ) {
        (Ok(next), _) => go(app, language, next),
        (Err(error), Some(target)) => send(app, language, &fail_silently(app, target, error)),
        (Err(error), None) => refuse(app, language, error),
    }
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
    let is_changed = query.get("notice") == PASSWORD_CHANGED;
    let entered = Entered {
        notice: is_changed.then_some(PASSWORD_CHANGED),
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
    let next = service::decide(&app, flow, &browser.visitor(&app), allows).await;
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
    let language = Language::of(browser.headers(), None);
    match service::show(&app, &flow, &browser.visitor(&app)).await {
        Ok(shown) => change_page(&app, &browser, &shown, &Entered::default()),
        Err(error) => refuse(&app, language, error),
    }
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
    let language = Language::of(browser.headers(), None);
    // nobody changes a password here without having begun a sign-in
    let shown = match service::show(&app, flow, &visitor).await {
        Ok(shown) => shown,
        Err(error) => return refuse(&app, language, error),
    };
    let mut entered = Entered {
        username: form.get("username").to_owned(),
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
        Err(LoginError::Failed(ApiError::Invalid(fault))) => {
            entered.problem = Some(fault.msg);
            entered.status = StatusCode::UNPROCESSABLE_ENTITY;
            change_page(&app, &browser, &shown, &entered)
        }
        Err(error) => {
            match error {
                LoginError::Wrong => entered.fault("wrong-password", StatusCode::UNAUTHORIZED),
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
    let typed = Typed {
        username: form.get("username"),
        password: form.get("current"),
        origin: visitor.origin,
    };
    me_service::change_forced(app, &typed, form.get("new")).await
}

/// A file of the pages.
#[utoipa::path(get, path = "/pages/{file}", tag = "sign-in", params(("file" = String, Path)), responses(
    (status = 200, description = "The file", body = String, content_type = "text/css"),
    (status = "4XX", description = "The file does not exist", body = ProblemDocument)))]
pub(crate) async fn get_file(
    _: Public,
    State(app): State<App>,
    Segment(file): Segment<String>,
) -> Result<Response, ApiError> {
    let answer = app.parts().look.file(&file);
    answer.ok_or_else(|| ApiError::unknown("file", &file))
}

/// What a page repeats of what was entered, and what is wrong with it.
#[derive(Default)]
struct Entered {
    username: String,
    stays: bool,
    /// The key of a text.
    error: Option<&'static str>,
    notice: Option<&'static str>,
    /// A text of a rule.
    problem: Option<String>,
    seconds: u64,
    status: StatusCode,
}

impl Entered {
    fn fault(&mut self, error: &'static str, status: StatusCode) {
        self.error = Some(error);
        self.status = status;
    }

    fn wait(&mut self, retry_after: Duration) {
        self.seconds = retry_after.as_secs().max(1);
        self.fault("too-many", StatusCode::TOO_MANY_REQUESTS);
    }
}

/// Returns the flow that a query names.
fn flow_in(query: Option<&str>) -> String {
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    query.get("flow").to_owned()
}

/// Goes to the next step, or shows the page again with what is wrong.
async fn answer(
    app: &App,
    browser: &Browser,
    flow: &str,
    next: Result<Next, FlowError>,
    mut entered: Entered,
) -> Response {
    let language = Language::of(browser.headers(), None);
    match next {
        Ok(next) => go(app, language, next),
        Err(FlowError::Wrong) => {
            entered.fault("wrong-password", StatusCode::UNAUTHORIZED);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::WrongChoice) => {
            entered.fault("wrong-choice", StatusCode::UNPROCESSABLE_ENTITY);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::TooMany(retry_after)) => {
            entered.wait(retry_after);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::Failed(ApiError::Busy)) => {
            entered.fault("busy", StatusCode::SERVICE_UNAVAILABLE);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::PasswordChangeRequired) => {
            entered.fault("password-change-required", StatusCode::FORBIDDEN);
            match service::show(app, flow, &browser.visitor(app)).await {
                Ok(shown) => change_page(app, browser, &shown, &entered),
                Err(error) => refuse(app, language, error),
            }
        }
        Err(error) => refuse(app, language, error),
    }
}

/// Goes to the page of the flow, or back to the client.
pub(super) fn go(app: &App, language: Language, next: Next) -> Response {
    let jar = CookieJar::of(&app.settings().public_url);
    match next {
        Next::Page { flow, secret } => {
            let mut response = see_other(&format!("/login?flow={flow}"));
            keep(
                &mut response,
                jar.set(Cookie::Flow, &secret, Some(FLOW_COOKIE)),
            );
            response
        }
        Next::Answer {
            answer,
            cookie,
            device,
        } => {
            let mut response = send(app, language, &answer);
            if let Some(cookie) = cookie {
                let set = jar.set(Cookie::Session, &cookie.secret, cookie.lifetime);
                keep(&mut response, set);
            }
            if let Some(device) = device {
                keep(
                    &mut response,
                    jar.set(Cookie::Device, &device, Some(DEVICE_COOKIE)),
                );
            }
            response
        }
    }
}

pub(super) fn keep(response: &mut Response, cookie: Option<HeaderValue>) {
    let headers = response.headers_mut();
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Never 307: a browser would send the form on, with the password in it (RFC 9700 section 4.12).
pub(super) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.extensions_mut().insert(NoCors);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sends an answer to the client.
fn send(app: &App, language: Language, answer: &Answer) -> Response {
    if answer.target.mode == ResponseMode::Query {
        return see_other(&answer.location());
    }
    let uri = &answer.target.redirect_uri;
    let page = Page {
        template: "form_post.html",
        status: StatusCode::OK,
        language,
        values: context! { action => uri.as_str(), parameters => answer.parameters.clone() },
        form_actions: vec![redirect::form_action(uri)],
    };
    page.answer(app)
}

/// Shows the step of a flow that is due.
async fn show(app: &App, browser: &Browser, flow: &str, entered: &Entered) -> Response {
    let language = Language::of(browser.headers(), None);
    match service::show(app, flow, &browser.visitor(app)).await {
        Ok(shown) => step_page(app, browser, &shown, entered),
        Err(error) => refuse(app, language, error),
    }
}

fn step_page(app: &App, browser: &Browser, shown: &Shown, entered: &Entered) -> Response {
    match &shown.step {
        Step::SignIn { hint, signed_in } => {
            let hint = hint.as_deref().unwrap_or_default();
            let username = if entered.username.is_empty() {
                hint
            } else {
                &entered.username
            };
            let values = context! {
                client => shown.client.as_ref().map_or("", |client| client.name.as_str()),
                flow => shown.flow.id.as_str(),
                username => username,
                signed_in => signed_in.as_deref().unwrap_or_default(),
                may_stay => app.settings().browser.stay.is_some(),
                stays => entered.stays,
                error => entered.error.unwrap_or_default(),
                notice => entered.notice.unwrap_or_default(),
                seconds => entered.seconds,
            };
            flow_page(app, browser, shown, "sign_in.html", entered.status, values)
        }
        Step::Choose { username, open } => {
            let error = (entered.error.unwrap_or_default(), entered.seconds);
            let values = choice::values(shown, username, open, error);
            flow_page(app, browser, shown, "choose.html", entered.status, values)
        }
        Step::Consent { username } => {
            let uri = &shown.flow.request.redirect_uri;
            let values = context! {
                client => shown.client.as_ref().map_or("", |client| client.name.as_str()),
                host => redirect::shown_host(uri),
                is_shared => redirect::is_shared(uri),
                flow => shown.flow.id.as_str(),
                username => username,
                scopes => scopes(shown),
            };
            flow_page(app, browser, shown, "consent.html", entered.status, values)
        }
    }
}

fn change_page(app: &App, browser: &Browser, shown: &Shown, entered: &Entered) -> Response {
    let values = context! {
        flow => shown.flow.id.as_str(),
        username => entered.username.as_str(),
        error => entered.error.unwrap_or_default(),
        problem => entered.problem.as_deref().unwrap_or_default(),
        seconds => entered.seconds,
    };
    flow_page(app, browser, shown, "change.html", entered.status, values)
}

/// A page of a flow. Its forms lead on to the client: Chromium binds the whole chain of redirects by `form-action`.
fn flow_page(
    app: &App,
    browser: &Browser,
    shown: &Shown,
    template: &'static str,
    status: StatusCode,
    values: Value,
) -> Response {
    let request = &shown.flow.request;
    let page = Page {
        template,
        status,
        language: Language::of(browser.headers(), request.ui_locales.as_deref()),
        values,
        form_actions: if request.is_own() {
            Vec::new()
        } else {
            vec![redirect::form_action(&request.redirect_uri)]
        },
    };
    page.answer(app)
}

/// Returns what a client asks for, in words.
fn scopes(shown: &Shown) -> Vec<Value> {
    let request = &shown.flow.request;
    let key = |scope: &IdentityScope| match scope {
        IdentityScope::Openid => "scope-openid",
        IdentityScope::Profile => "scope-profile",
        IdentityScope::Email => "scope-email",
        IdentityScope::Phone => "scope-phone",
        IdentityScope::Address => "scope-address",
        IdentityScope::Roles | IdentityScope::Groups => "scope-roles",
        IdentityScope::OfflineAccess => "scope-offline",
    };
    let mut keys: Vec<&str> = request.identity.iter().map(key).collect();
    keys.dedup();
    if request.scope.is_none() {
        keys.push("scope-all");
    }
    let keys = keys.into_iter().map(|key| context! { key => key });
    let named = request.scope.as_deref().unwrap_or_default().split(' ');
    let named = named.filter(|name| !name.is_empty());
    let named = named.map(|name| {
        let text = shown.descriptions.get(name).map_or(name, String::as_str);
        context! { key => "", name => name, text => text }
    });
    keys.chain(named).collect()
}

/// Answers an error of a flow with a page.
pub(super) fn refuse(app: &App, language: Language, error: FlowError) -> Response {
    match error {
        FlowError::Failed(error) => failed(app, language, error),
        FlowError::TooMany(retry_after) => {
            let seconds = retry_after.as_secs().max(1);
            let page = Page {
                template: "message.html",
                status: StatusCode::TOO_MANY_REQUESTS,
                language,
                values: context! { heading => "unavailable", text => "too-many", seconds => seconds, detail => "" },
                form_actions: Vec::new(),
            };
            page.answer(app)
        }
        _ => message(app, language, StatusCode::BAD_REQUEST, "ended", ""),
    }
}

/// Answers a failure of ours with a page, and logs its cause.
pub(super) fn failed(app: &App, language: Language, error: ApiError) -> Response {
    if !matches!(
        error,
        ApiError::Internal(_) | ApiError::Unready(_) | ApiError::Busy
    ) {
        return error.into_response();
    }
    let status = error.status();
    error.log();
    message(app, language, status, "unavailable", "")
}

/// A page with a heading and a text, whose keys are alike.
pub(super) fn message(
    app: &App,
    language: Language,
    status: StatusCode,
    heading: &'static str,
    detail: &str,
) -> Response {
    let page = Page {
        template: "message.html",
        status,
        language,
        values: context! {
            heading => heading,
            text => format!("{heading}-text"),
            seconds => 0,
            detail => detail,
        },
        form_actions: Vec::new(),
    };
    page.answer(app)
}
