//! Forms that the pages submit.

use std::convert::Infallible;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_LANGUAGE, CONTENT_TYPE},
    request::Parts,
};
use rolecall::routing::GuardedMethods;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::{languages::Language, render};
use crate::{
    app::App,
    http::{
        Agent, ClientAddress, NoCors,
        cookies::{Cookie, CookieJar},
    },
    login::{flow::step::Visitor, known::Origin},
};

/// The longest form: a choice among hundreds of roles.
const MAX_BYTES: usize = 60 * 1024;

/// The fields of a form. A field that was sent twice counts as missing.
#[derive(Clone)]
pub(crate) struct Submitted(Vec<(String, String)>);

impl Submitted {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Returns the only value of a field; empty if it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(found, _)| found == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) if !value.contains('\0') => value,
            _ => "",
        }
    }

    /// Returns all values of a field that may be sent more than once.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.0.iter().filter(|(found, _)| found == name);
        values.map(|(_, value)| value.as_str()).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        // INVARIANT: nobody reads a form whose sender was not checked
        if request.extensions().get::<Checked>().is_none() {
            tracing::error!(
                "a route reads forms of the pages, and nothing before it refuses those of other sites"
            );
            return Err(foreign());
        }
        if let Some(read) = request.extensions().get::<Self>() {
            return Ok(read.clone());
        }
        if !is_form(request.headers()) {
            let text = "This page takes the form that it shows, and nothing else.";
            return Err(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let body = Bytes::from_request(request, state).await;
        match body {
            Ok(body) if body.len() <= MAX_BYTES => Ok(Self::parse(&body)),
            _ => {
                let text = "The form is too long.";
                Err(plain(StatusCode::PAYLOAD_TOO_LARGE, text))
            }
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/x-www-form-urlencoded")
    })
}

/// Reads the form of a request before the extractors of its handler, which find it among the extensions.
pub(crate) async fn read_form_early(request: Request, next: Next) -> Response {
    if !is_form(request.headers()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    match Submitted::from_request(whole, &()).await {
        Ok(form) => {
            parts.extensions.insert(form);
            next.run(Request::from_parts(parts, Body::empty())).await
        }
        Err(refused) => refused,
    }
}

/// Marks an answer that is one sentence, which a page with more to it may replace.
#[derive(Clone, Copy)]
pub(super) struct Bare;

/// What a browser sends with each request: its cookies, and where it is.
pub(crate) struct Browser {
    headers: HeaderMap,
    address: ClientAddress,
}

impl<S: Send + Sync> FromRequestParts<S> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self {
            headers: parts.headers.clone(),
            address: ClientAddress::from_request_parts(parts, state).await?,
        })
    }
}

impl Browser {
    /// Returns the browser that has sent these headers, from wherever it is.
    pub(super) fn of(headers: HeaderMap) -> Self {
        Self {
            headers,
            address: ClientAddress::default(),
        }
    }

    /// Returns the language of a page: what the client asks for, then the one kept for the other pages, then what the
    /// browser prefers.
    pub(super) fn language(&self, app: &App, ui_locales: Option<&str>) -> Language {
        let languages = &app.parts().look.languages;
        let accepted = accepted_languages(&self.headers).unwrap_or_default();
        languages.choose(ui_locales, self.kept_language(app), accepted)
    }

    fn kept_language(&self, app: &App) -> Option<&str> {
        let jar = CookieJar::of(&app.settings().public_url);
        jar.get(&self.headers, Cookie::Language)
    }

    /// Returns the cookie that keeps a language that the client asked for, since later pages do not know the request;
    /// `None` if the browser has it already.
    pub(super) fn keep_language(&self, app: &App, ui_locales: Option<&str>) -> Option<HeaderValue> {
        let languages = &app.parts().look.languages;
        let name = languages.name(languages.asked(ui_locales)?);
        if self.kept_language(app) == Some(name) {
            return None;
        }
        let jar = CookieJar::of(&app.settings().public_url);
        jar.set(Cookie::Language, name, None)
    }

    /// Returns the tenant that was chosen on the pages for administrators.
    pub(super) fn admin_tenant(&self, app: &App) -> Option<&str> {
        let jar = CookieJar::of(&app.settings().public_url);
        jar.get(&self.headers, Cookie::AdminTenant)
    }

    /// Returns the mark of the form that was filled in before a sign-in.
    pub(super) fn kept_form(&self, app: &App) -> Option<&str> {
        let jar = CookieJar::of(&app.settings().public_url);
        jar.get(&self.headers, Cookie::KeptForm)
    }

    /// Returns the address of the browser.
    pub(super) fn address(&self) -> &str {
        self.address.as_str()
    }

    pub(super) fn visitor<'a>(&'a self, app: &'a App) -> Visitor<'a> {
        let jar = CookieJar::of(&app.settings().public_url);
        let get = |cookie| jar.get(&self.headers, cookie);
        Visitor {
            language: app.parts().look.languages.name(self.language(app, None)),
            flow: get(Cookie::Flow),
            session: get(Cookie::Session),
            remembered: get(Cookie::Remembered),
            origin: Origin {
                address: self.address.as_str(),
                device: get(Cookie::Device),
                agent: Agent::of(&self.headers),
            },
        }
    }
}

fn accepted_languages(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT_LANGUAGE)?.to_str().ok()
}

/// Returns the language of the pages that a program prefers; `None` if it names none.
pub(crate) fn preferred_language<'a>(app: &'a App, headers: &HeaderMap) -> Option<&'a str> {
    let languages = &app.parts().look.languages;
    let accepted = accepted_languages(headers)?;
    Some(languages.name(languages.choose(None, None, accepted)))
}

/// Marks a request that our own pages may have sent.
#[derive(Clone, Copy)]
struct Checked;

/// The layers of a route that takes forms of our own pages: they refuse what another site has sent (cross-site request
/// forgery). They belong to the route, not to a path, since applications mount the pages below prefixes of their own.
#[derive(Clone, Debug)]
pub(crate) struct OwnForms(CsrfLayer<fn(ProtectionError) -> Response>);

impl OwnForms {
    /// Creates the layers for the pages of a public URL.
    pub(crate) fn of(public_url: &str) -> Self {
        let layer = CsrfLayer::new();
        // without a trusted origin, the host of the request decides
        let layer = layer.add_trusted_origin(origin_of(public_url));
        let layer = layer.unwrap_or_default();
        Self(layer.with_rejection_response(|_| foreign()))
    }

    /// Puts the layers around the handlers of a route.
    pub(crate) fn guard(&self, methods: GuardedMethods<App>) -> GuardedMethods<App> {
        methods.layer(Extension(Checked)).layer(self.0.clone())
    }
}

/// Returns scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(from..).and_then(|rest| rest.find('/'));
    path.and_then(|at| url.get(..from + at)).unwrap_or(url)
}

fn foreign() -> Response {
    let text = "This form was sent by another site. Go back to the application and begin again.";
    plain(StatusCode::FORBIDDEN, text)
}

/// A page with one sentence, for what no form of ours sends.
fn plain(status: StatusCode, text: &'static str) -> Response {
    let html = (CONTENT_TYPE, "text/html; charset=utf-8");
    let mut response = (status, [html], text).into_response();
    let policy = render::policy(&[], false);
    render::protect(response.headers_mut(), &policy, "no-referrer");
    response.extensions_mut().insert(NoCors);
    response.extensions_mut().insert(Bare);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_was_sent_twice_or_has_a_nul_is_missing() {
        let form = Submitted::parse(b"flow=x&username=a+b%2B&twice=1&twice=2&nul=%00");
        let values = ["flow", "username", "twice", "nul", "other"].map(|name| form.get(name));
        assert_eq!(values, ["x", "a b+", "", "", ""]);
        assert_eq!(form.all("twice"), ["1", "2"]);
        assert!(form.all("other").is_empty());
    }

    #[tokio::test]
    async fn y370_a_form_is_read_only_behind_the_check_of_its_sender() {
        let form = |is_checked: bool| {
            let mut request = Request::post("/login")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body("flow=x".into())
                .unwrap();
            if is_checked {
                request.extensions_mut().insert(Checked);
            }
            request
        };
        let read = Submitted::from_request(form(true), &()).await.ok().unwrap();
        assert_eq!(read.get("flow"), "x");
        let refused = Submitted::from_request(form(false), &())
            .await
            .err()
            .unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn the_origin_of_an_address_by_table() {
        for (url, origin) in [
            ("https://login.example.com", "https://login.example.com"),
            (
                "https://login.example.com/auth",
                "https://login.example.com",
            ),
            ("http://[::1]:8000/", "http://[::1]:8000"),
        ] {
            assert_eq!(origin_of(url), origin);
            assert!(CsrfLayer::new().add_trusted_origin(origin_of(url)).is_ok());
        }
    }
}
