//! The answers of the pages that are no step: redirects with their cookies, and messages.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use minijinja::{Value, context};

use super::{languages::Language, render::Page};
use crate::{
    app::App,
    clients::redirect,
    error::ApiError,
    http::{
        NoCors,
        cookies::{Cookie, CookieJar},
    },
    login::flow::{
        answer::Answer,
        conclude::SessionCookie,
        ended::Beginning,
        request::ResponseMode,
        step::{FlowError, Next},
    },
};

/// The time for which a browser keeps the cookie of its flows; longer than any flow.
const FLOW_COOKIE: Duration = Duration::from_hours(1);
/// The time for which a browser keeps its device token.
const DEVICE_COOKIE: Duration = Duration::from_hours(180 * 24);

/// Goes to the page of the flow, or back to the client.
pub(super) fn go(app: &App, language: Language, next: Next) -> Response {
    let jar = CookieJar::of(&app.settings().public_url);
    match next {
        Next::Page { flow, secret } => go_to(app, &format!("/login?flow={flow}"), &secret),
        Next::Answer {
            answer,
            cookie,
            device,
            remembered,
        } => {
            let mut response = send(app, language, &answer);
            keep_session(app, &mut response, cookie);
            if let Some(remembered) = remembered {
                let SessionCookie { secret, lifetime } = remembered;
                let set = jar.set(Cookie::Remembered, &secret, lifetime);
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

/// Goes to a page of a flow, whose secret the browser keeps.
pub(super) fn go_to(app: &App, page: &str, secret: &str) -> Response {
    let mut response = see_other(page);
    let jar = CookieJar::of(&app.settings().public_url);
    let cookie = jar.set(Cookie::Flow, secret, Some(FLOW_COOKIE));
    keep(&mut response, cookie);
    response
}

/// Gives the browser the secret of its session.
pub(super) fn keep_session(app: &App, response: &mut Response, cookie: Option<SessionCookie>) {
    if let Some(cookie) = cookie {
        let jar = CookieJar::of(&app.settings().public_url);
        let set = jar.set(Cookie::Session, &cookie.secret, cookie.lifetime);
        keep(response, set);
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
pub(super) fn send(app: &App, language: Language, answer: &Answer) -> Response {
    if answer.target.mode == ResponseMode::Query {
        return see_other(&answer.location());
    }
    let uri = &answer.target.redirect_uri;
    let page = Page {
        template: "form_post.html",
        status: StatusCode::OK,
        language,
        values: context! { action => uri.as_str(), parameters => answer.parameters.clone() },
        client: None,
        form_actions: vec![redirect::form_action(uri)],
    };
    page.answer(app)
}

/// Answers an error of a flow with a page.
pub(super) fn refuse(app: &App, language: Language, error: FlowError) -> Response {
    match error {
        FlowError::Failed(error) => failed(app, language, error),
        FlowError::TooMany(retry_after) => too_many(app, language, retry_after),
        _ => message(app, language, StatusCode::BAD_REQUEST, "ended", ""),
    }
}

/// Answers that a sign-in has ended, with a link to where it begins again.
pub(super) fn ended(app: &App, language: Language, beginning: &Beginning) -> Response {
    let values = context! {
        heading => "ended",
        text => "ended-text",
        seconds => 0,
        detail => "",
        client => beginning.client.as_str(),
        again => beginning.uri.as_str(),
    };
    notice(app, language, StatusCode::BAD_REQUEST, values)
}

/// Answers any error with a page, and logs the cause of a failure of ours.
pub(super) fn failed(app: &App, language: Language, error: ApiError) -> Response {
    let status = error.status();
    error.log();
    match error {
        ApiError::Denied(_) => message(app, language, StatusCode::BAD_REQUEST, "ended", ""),
        ApiError::TooMany { retry_after } => too_many(app, language, retry_after),
        _ if status.is_server_error() => message(app, language, status, "unavailable", ""),
        refused => {
            let detail = refused.to_string();
            message(app, language, status, "bad-request", &detail)
        }
    }
}

fn too_many(app: &App, language: Language, retry_after: Duration) -> Response {
    let seconds = retry_after.as_secs().max(1);
    let values = context! {
        heading => "unavailable",
        text => "too-many",
        seconds => seconds,
        detail => "",
        client => "",
        again => "",
    };
    notice(app, language, StatusCode::TOO_MANY_REQUESTS, values)
}

/// A page with a heading and a text, whose keys are alike.
pub(super) fn message(
    app: &App,
    language: Language,
    status: StatusCode,
    heading: &'static str,
    detail: &str,
) -> Response {
    let values = context! {
        heading => heading,
        text => format!("{heading}-text"),
        seconds => 0,
        detail => detail,
        client => "",
        again => "",
    };
    notice(app, language, status, values)
}

fn notice(app: &App, language: Language, status: StatusCode, values: Value) -> Response {
    let page = Page {
        template: "message.html",
        status,
        language,
        values,
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}

#[cfg(test)]
mod tests {
    use rolecall::Denial;

    use super::*;

    #[tokio::test]
    async fn y380_every_error_is_a_page() {
        let server = crate::Embedded::builder("sqlite::memory:")
            .open()
            .await
            .unwrap();
        let waits = ApiError::TooMany {
            retry_after: Duration::from_secs(7),
        };
        for (error, status, wait) in [
            (ApiError::Busy, 503, Some("1")),
            (ApiError::Stopping, 503, Some("1")),
            (waits, 429, Some("7")),
            (ApiError::Denied(Denial::EndedToken), 400, None),
            (ApiError::Lacks(None), 403, None),
            (ApiError::Forbidden("no"), 403, None),
            (ApiError::unknown("user", &"x"), 404, None),
            (ApiError::rule("some_rule", "<b>", Vec::new()), 409, None),
        ] {
            let text = error.to_string();
            let page = failed(server.app(), Language::default(), error);
            assert_eq!(page.status().as_u16(), status, "{text}");
            let header = |name| {
                page.headers()
                    .get(name)
                    .map(|value| value.to_str().unwrap())
            };
            assert_eq!(
                header(header::CONTENT_TYPE),
                Some("text/html; charset=utf-8")
            );
            assert_eq!(header(header::RETRY_AFTER), wait, "{text}");
            assert_eq!(header(header::WWW_AUTHENTICATE), None);
        }
    }
}
