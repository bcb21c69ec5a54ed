//! The page of somebody who is signed in: their applications and sessions.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use minijinja::{Value, context};
use rolecall::Public;
use rolecall_core::Timestamp;

use super::{
    agents,
    answers::{failed, go, message, refuse, see_other},
    consent,
    languages::Language,
    owner::{ACCOUNT, details},
    render::Page,
    steps::Entered,
    submitted::{Browser, Submitted},
};
use crate::{
    app::App,
    consents::service::{AllowedClient, AllowedScopes},
    error::ApiError,
    login::{
        account::{self, Ends, Overview},
        browser::store::BrowserSession,
        flow::{request::AuthorizationRequest, service},
    },
    times::rfc3339,
};

/// The key of the text that follows the request for a link.
pub(super) const LINK_SENT: &str = "link-sent";

/// The page of the user who is signed in with this browser; leads to the sign-in if nobody is.
#[utoipa::path(get, path = "/account", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn get_account(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let language = browser.language(&app, None);
    let current = match signed_in(&app, &browser, ACCOUNT).await {
        Ok(current) => current,
        Err(response) => return *response,
    };
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    let is_sent = query.get("notice") == LINK_SENT;
    let entered = Entered {
        notice: is_sent.then_some(LINK_SENT),
        ..Entered::default()
    };
    show(&app, language, &current, &entered).await
}

pub(super) async fn show(
    app: &App,
    language: Language,
    current: &BrowserSession,
    entered: &Entered,
) -> Response {
    match account::overview(app, &current.subject_id).await {
        Ok(Some(overview)) => page(app, language, current, &overview, entered),
        Ok(None) => message(app, language, StatusCode::BAD_REQUEST, "ended", ""),
        Err(error) => failed(app, language, error),
    }
}

/// Returns the session of the browser, which must be enough for the pages of its owner.
///
/// # Errors
///
/// The answer that leads to the sign-in, and from there to the page at `path`.
pub(super) async fn signed_in(
    app: &App,
    browser: &Browser,
    path: &str,
) -> Result<BrowserSession, Box<Response>> {
    let language = browser.language(app, None);
    let visitor = browser.visitor(app);
    let current = account::current(app, visitor.session).await;
    if let Some(current) = current.map_err(|error| Box::new(failed(app, language, error)))? {
        return Ok(current);
    }
    let next = service::begin(app, AuthorizationRequest::own(path), &visitor).await;
    Err(Box::new(match next {
        Ok(next) => go(app, language, next),
        Err(error) => refuse(app, language, error),
    }))
}

/// End a session (`session`), a browser (`browser`) or a remembered device (`device`), or everything but this browser
/// (`others`).
#[utoipa::path(post, path = "/account/end", tag = "sign-in", responses(
    (status = 303, description = "To the page"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_end(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let named = ["session", "browser", "device", "others"].map(|name| form.get(name));
    let what = match named {
        ["", "", "", ""] => return see_other(ACCOUNT),
        ["", "", "", _] => Ends::Others,
        ["", "", id, _] => Ends::Device(id),
        ["", id, ..] => Ends::Browser(id),
        [id, ..] => Ends::Session(id),
    };
    end(&app, &browser, what).await
}

/// Take back what an application (`client`) was allowed; its sessions end.
#[utoipa::path(post, path = "/account/withdraw", tag = "sign-in", responses(
    (status = 303, description = "To the page"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_withdraw(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    end(&app, &browser, Ends::Consent(form.get("client"))).await
}

async fn end(app: &App, browser: &Browser, what: Ends<'_>) -> Response {
    let language = browser.language(app, None);
    let ended = async {
        // nobody is signed in any more: the page leads to the sign-in
        if let Some(current) = account::current(app, browser.visitor(app).session).await? {
            account::end(app, &current, what).await?;
        }
        Ok::<_, ApiError>(())
    };
    match ended.await {
        Ok(()) => see_other(ACCOUNT),
        Err(error) => failed(app, language, error),
    }
}

fn page(
    app: &App,
    language: Language,
    current: &BrowserSession,
    overview: &Overview,
    entered: &Entered,
) -> Response {
    let agent = |described: Option<&str>| {
        let languages = &app.parts().look.languages;
        agents::words(languages, language, described.unwrap_or_default())
    };
    let sessions = overview.sessions.iter().map(|(session, name)| {
        context! {
            id => session.id.as_str(),
            name => name,
            address => session.address.as_str(),
            agent => agent(session.agent.as_deref()),
            since => minute(session.created_at),
            last => minute(session.last_used_at),
        }
    });
    let browsers = overview.browsers.iter().map(|browser| {
        context! {
            id => browser.id.as_str(),
            is_current => browser.id == current.id,
            address => browser.address.as_str(),
            agent => agent(browser.agent.as_deref()),
            since => minute(browser.created_at),
            last => minute(browser.last_used_at),
        }
    });
    let allowed = overview.allowed.iter();
    let allowed = allowed.map(|client| shown(app, language, client, &overview.descriptions));
    let user = &overview.user;
    let sends_mail = app.settings().mail.is_some();
    // only a proven address gets the mails that reset a password; the page asks for the proof where it can be given
    let is_verified = if sends_mail {
        user.proven_email().is_some()
    } else {
        user.email_verified_at.is_some()
    };
    let page = Page {
        template: "account.html",
        status: entered.status,
        language,
        values: context! {
            sends_mail => sends_mail,
            verified => is_verified,
            notice => entered.notice.unwrap_or_default(),
            error => entered.error.unwrap_or_default(),
            problem => entered.problem.as_deref().unwrap_or_default(),
            seconds => entered.seconds,
            username => user.username.as_str(),
            email => user.email.as_deref().unwrap_or_default(),
            sessions => sessions.collect::<Vec<Value>>(),
            browsers => browsers.collect::<Vec<Value>>(),
            allowed => allowed.collect::<Vec<Value>>(),
            has_details => details::is_offered(app),
            may_leave => app.settings().self_delete,
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app).into_response()
}

/// Returns what the page shows of an application that the user allowed, in the words of the question for it.
fn shown(
    app: &App,
    language: Language,
    allowed: &AllowedClient,
    descriptions: &BTreeMap<String, String>,
) -> Value {
    let languages = &app.parts().look.languages;
    let named = allowed.scopes.iter().flat_map(AllowedScopes::named);
    let named: BTreeSet<String> = named.collect();
    let mut scopes: Vec<String> = Vec::new();
    for scope in &named {
        let words = consent::in_words(languages, language, scope, descriptions);
        // roles and groups are the same to people
        if !scopes.contains(&words) {
            scopes.push(words);
        }
    }
    context! {
        id => allowed.client_id.as_str(),
        name => allowed.client_name.as_str(),
        since => minute(allowed.created_at),
        last => minute(allowed.last_used_at),
        scopes => scopes.join(" · "),
    }
}

/// Returns a time to the minute, in UTC.
pub(super) fn minute(time: Timestamp) -> String {
    let text = rfc3339(time).replace('T', " ");
    text.get(..16).unwrap_or(&text).to_owned()
}
