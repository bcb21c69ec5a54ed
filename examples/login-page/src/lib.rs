//! Login pages of an application, without a script: a form, a session in a cookie, a change of the password, and log-out.

mod html;

use std::{sync::Arc, time::Duration};

use axum::{
    Form,
    extract::State,
    http::{HeaderMap, Method, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};
use rolecall::{
    Authenticated, CookieError, Guard, GuardedRouter, Public, SessionCookie,
    routing::{get, post},
};
use rolecall_server::{
    AccountError, Embedded, EmbeddedBuilder, LogIn, LogInErrorKind, StartError, Tokens,
    http::ClientAddress,
};
use serde::Deserialize;

/// The time after which a user logs in again. A user who loses access is refused within a second all the same.
const SESSION: Duration = Duration::from_secs(8 * 3600);

/// Returns the cookie of the session, which only pages of `origin` can use for changes.
///
/// # Errors
///
/// If the origin is not one such as `https://app.example`.
pub fn session_cookie(origin: &str) -> Result<SessionCookie, CookieError> {
    SessionCookie::new("__Host-session", origin)
}

/// Returns the login. Its own routes are under `/auth`, since the application has pages at `/password` and elsewhere.
///
/// # Errors
///
/// If the origin is not one such as `https://app.example`.
pub fn login(database_url: &str, origin: &str) -> Result<EmbeddedBuilder, CookieError> {
    Ok(Embedded::builder(database_url)
        .public_url(&format!("{origin}/auth"))
        .cookie(session_cookie(origin)?)
        .access_ttl(SESSION)
        .first_admin("admin"))
}

/// What the pages need.
#[derive(Clone)]
pub struct Site {
    login: Arc<Embedded>,
    cookie: SessionCookie,
}

impl Site {
    /// Stores the token in the cookie, and shows the first page.
    fn start_session(&self, tokens: &Tokens) -> Response {
        match self.login.guard().set_cookie(&tokens.access_token) {
            Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The form of the login page.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

/// The form of the page for a new password.
#[derive(Deserialize)]
struct Change {
    username: String,
    current_password: String,
    new_password: String,
}

async fn show_home(caller: Authenticated) -> Response {
    html::home(caller.username())
}

async fn show_login(_: Public) -> Response {
    html::login("", None)
}

async fn log_in(
    _: Public,
    State(site): State<Site>,
    address: ClientAddress,
    headers: HeaderMap,
    Form(typed): Form<Credentials>,
) -> Response {
    // otherwise a page of another site could log a user in as somebody else
    if let Err(denial) = site.cookie.check_sender(&headers) {
        return html::denied(&denial);
    }
    let attempt = LogIn::new(&typed.username, &typed.password, &address).without_refresh();
    match site.login.log_in(&attempt).await {
        Ok(tokens) => site.start_session(&tokens),
        Err(error) if error.kind() == LogInErrorKind::PasswordChangeRequired => {
            html::password(&typed.username, Some(&error))
        }
        Err(error) => html::login(&typed.username, Some(&error)),
    }
}

async fn show_password(_: Public) -> Response {
    html::password("", None)
}

async fn change_password(
    _: Public,
    State(site): State<Site>,
    address: ClientAddress,
    headers: HeaderMap,
    Form(typed): Form<Change>,
) -> Response {
    if let Err(denial) = site.cookie.check_sender(&headers) {
        return html::denied(&denial);
    }
    let current = LogIn::new(&typed.username, &typed.current_password, &address);
    let changed = site
        .login
        .change_password(&current, &typed.new_password)
        .await;
    if let Err(error) = changed {
        return html::password(&typed.username, Some(&error));
    }
    // all sessions have ended
    let attempt = LogIn::new(&typed.username, &typed.new_password, &address).without_refresh();
    match site.login.log_in(&attempt).await {
        Ok(tokens) => site.start_session(&tokens),
        Err(error) => html::login(&typed.username, Some(&error)),
    }
}

/// `Public`, so that the cookie of a session that has ended is deleted too.
async fn log_out(
    _: Public,
    State(site): State<Site>,
    headers: HeaderMap,
) -> Result<Response, AccountError> {
    if let Err(denial) = site.cookie.check_sender(&headers) {
        return Ok(html::denied(&denial));
    }
    let guard = site.login.guard();
    if let Ok(caller) = guard.authenticate_request(&Method::POST, &headers) {
        site.login.log_out(&caller).await?;
    }
    Ok(match guard.clear_cookie() {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response(),
        Err(error) => error.into_response(),
    })
}

/// The pages. Callers without a session are sent to the login page.
pub fn pages(guard: Guard) -> GuardedRouter<Site> {
    GuardedRouter::new(guard)
        .route("/", get(show_home))
        .route("/login", get(show_login).post(log_in))
        .route("/password", get(show_password).post(change_password))
        .route("/logout", post(log_out))
        .on_denied(html::denied)
}

/// The whole application: the pages, and rolecall's routes under `/auth`.
///
/// # Errors
///
/// If the public URL of `login` does not end with `/auth`.
pub fn app(login: &Arc<Embedded>, cookie: SessionCookie) -> Result<axum::Router, StartError> {
    let login = Arc::clone(login);
    let site = Site {
        login: Arc::clone(&login),
        cookie,
    };
    let pages = pages(login.guard()).with_state(site);
    let all: GuardedRouter = login.with_application(pages).nest("/auth").routes()?;
    Ok(all.into_axum())
}
