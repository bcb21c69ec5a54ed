//! The page that signs out, and the endpoint by which applications do so.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    answers::{failed, keep, message, see_other},
    render::Page,
    submitted::Browser,
};
use crate::{
    app::App,
    clients::redirect,
    http::cookies::{Cookie, CookieJar},
    login::logout::{self, CONFIRMED, LogOutRequest, Step},
};

/// Sign out (`OpenID` Connect RP-Initiated Logout 1.0).
///
/// For browsers. With `id_token_hint` of the session of this browser it ends at once; otherwise a page asks. Leads to
/// `post_logout_redirect_uri` if that is registered for the client.
#[utoipa::path(get, path = "/logout", tag = "sign-in", responses(
    (status = 200, description = "A page: a question, or that nobody is signed in any more", body = String, content_type = "text/html"),
    (status = 303, description = "Back to the client"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn get_logout(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    match LogOutRequest::parse(query.as_deref().unwrap_or_default()) {
        // the page answers with a form: what a link says counts as nothing
        Ok(request) => log_out(&app, &browser, &without_answer(request)).await,
        Err(why) => wrong(&app, &browser, why),
    }
}

/// The same with the parameters in a form.
#[utoipa::path(post, path = "/logout", tag = "sign-in", responses(
    (status = 200, description = "A page: a question, or that nobody is signed in any more", body = String, content_type = "text/html"),
    (status = 303, description = "Back to the client, or to the same address without a form"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_logout(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    body: Bytes,
) -> Response {
    // what is no text names nothing
    let body = std::str::from_utf8(&body).unwrap_or_default();
    let request = match LogOutRequest::parse(body) {
        Ok(request) => request,
        Err(why) => return wrong(&app, &browser, why),
    };
    if request.confirmed.is_none() && browser.visitor(&app).session.is_none() {
        // browsers send no cookie with a form of another site, and send it when they follow this
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(request.parameters())
            .finish();
        return see_other(&format!("/logout?{query}"));
    }
    log_out(&app, &browser, &request).await
}

fn without_answer(request: LogOutRequest) -> LogOutRequest {
    LogOutRequest {
        confirmed: None,
        ..request
    }
}

fn wrong(app: &App, browser: &Browser, why: &str) -> Response {
    let language = browser.language(app, None);
    message(app, language, StatusCode::BAD_REQUEST, "bad-request", why)
}

async fn log_out(app: &App, browser: &Browser, request: &LogOutRequest) -> Response {
    let language = browser.language(app, request.ui_locales.as_deref());
    let visitor = browser.visitor(app);
    let step = logout::log_out(app, request, visitor.session, visitor.flow).await;
    let (target, ended) = match step {
        Ok(Step::Done { target, ended }) => (target, ended),
        Ok(Step::Ask {
            username,
            confirmation,
            target,
        }) => {
            let parameters = request.parameters().into_iter();
            let parameters = parameters.map(|(name, value)| (name, value.to_owned()));
            let mut parameters: Vec<(&str, String)> = parameters.collect();
            parameters.push((CONFIRMED, confirmation));
            let page = Page {
                template: "logout.html",
                status: StatusCode::OK,
                language,
                values: context! { username => username, parameters => parameters },
                client: None,
                form_actions: target
                    .iter()
                    .map(|uri| redirect::form_action(uri))
                    .collect(),
            };
            return page.answer(app);
        }
        Err(error) => return failed(app, language, error),
    };
    let mut response = match target {
        Some(target) => see_other(&target),
        None => message(app, language, StatusCode::OK, "signed-out", ""),
    };
    let jar = CookieJar::of(&app.settings().public_url);
    keep(&mut response, jar.clear(Cookie::Session));
    if ended {
        // a link of another site must not end what somebody has just begun
        keep(&mut response, jar.clear(Cookie::Flow));
    }
    response
}
