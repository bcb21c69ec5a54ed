//! Errors below `/admin` that come from around the routes, such as an unknown address: a browser gets a page.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use rolecall::Guard;

use super::{
    super::{
        answers::message,
        submitted::{Bare, Browser},
    },
    routes::NOWHERE,
    visit::Visit,
};
use crate::app::App;

/// The parts of the server that the pages use.
#[derive(Clone)]
struct Around {
    app: App,
    guard: Guard,
    /// What the paths of requests have before `/admin`.
    prefix: Arc<str>,
}

/// Lets `routes`, with whatever is around them, answer browsers with pages below `/admin`, to which `prefix` is added.
pub(crate) fn answer_with_pages(routes: Router, app: &App, guard: &Guard, prefix: &str) -> Router {
    let around = Around {
        app: app.clone(),
        guard: guard.clone(),
        prefix: prefix.into(),
    };
    routes.layer(from_fn_with_state(around, answer))
}

async fn answer(State(around): State<Around>, request: Request, next: Next) -> Response {
    let asked = asked(&around.prefix, &request);
    let response = next.run(request).await;
    let Some((browser, address)) = asked.filter(|_| !is_page(&response)) else {
        return response;
    };
    let Some(heading) = heading_of(response.status()) else {
        return response;
    };
    let shown = page(&around, (browser, address), response.status(), heading);
    keep_headers(shown.await, response)
}

/// Returns the browser and the address if a request is for a page for administrators.
fn asked(prefix: &str, request: &Request) -> Option<(Browser, String)> {
    let whole = request.uri().path_and_query()?.as_str();
    let address = whole.strip_prefix(prefix)?;
    let path = address.split('?').next().unwrap_or_default();
    let is_below = path == "/admin" || path.starts_with("/admin/");
    (is_below && wants_page(request.headers())).then(|| {
        let browser = Browser::of(request.headers().clone());
        (browser, address.to_owned())
    })
}

/// Returns true for a browser that opens a page or sends a form: programs do not name HTML.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.to_ascii_lowercase().contains("text/html"))
}

/// Returns true if an answer is a page already, and not a bare sentence.
fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    is_html && response.extensions().get::<Bare>().is_none()
}

/// Returns the key of the heading for an error; `None` for what browsers understand by its headers, or is no error.
fn heading_of(status: StatusCode) -> Option<&'static str> {
    Some(match status {
        StatusCode::NOT_FOUND => "admin-unknown",
        StatusCode::PAYLOAD_TOO_LARGE => "admin-too-large",
        StatusCode::BAD_REQUEST
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => "admin-refused",
        status if status.is_server_error() => "unavailable",
        _ => return None,
    })
}

/// Returns the page: in the frame for administrators, and else without it. Whoever is not signed in is not led to the sign-in,
/// since there is nothing to come back to.
async fn page(
    around: &Around,
    (browser, address): (Browser, String),
    status: StatusCode,
    heading: &'static str,
) -> Response {
    let Around { app, guard, .. } = around;
    let language = browser.language(app, None);
    // the failure may be that of the database, which the frame needs
    if !status.is_server_error() {
        let visit = Visit::at_no_page(app, guard, &NOWHERE, browser, address).await;
        if let Ok(Some(visit)) = visit {
            return visit.tell(heading, status);
        }
    }
    message(app, language, status, heading, "")
}

/// Gives a page the headers of the answer that it replaces, such as `Allow` and the id of the request.
fn keep_headers(mut page: Response, replaced: Response) -> Response {
    let (parts, _) = replaced.into_parts();
    let own = page.headers().clone();
    for (name, value) in &parts.headers {
        let is_of_body = *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH;
        // a page is for no script of another origin, unlike the answer of an unknown address
        let is_cors = name.as_str().starts_with("access-control-");
        if !is_of_body && !is_cors && !own.contains_key(name) {
            page.headers_mut().append(name, value.clone());
        }
    }
    page.extensions_mut().extend(parts.extensions);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_browsers_want_pages() {
        for (accept, wants) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("TEXT/HTML", true),
            ("*/*", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_page(&headers), wants, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn what_is_no_error_stays_as_it_is() {
        for status in [200, 303, 401, 403, 429] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(heading_of(status), None, "{status}");
        }
    }
}
