//! CORS: calls by web pages of other origins (Fetch Standard, CORS protocol).
//!
//! `tower_http`'s layer is not used because it answers *every* `OPTIONS` request with 200; here, one that is no
//! preflight is answered with 405.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-match, rolecall-device");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "www-authenticate, location, retry-after, etag, x-request-id, rolecall-device",
);

/// The origins whose pages may call this server. Cookies are never allowed, since callers authenticate with tokens.
#[derive(Clone, Debug, Default)]
pub struct CorsOrigins {
    /// Exact origins, such as `https://app.example.com`.
    pub exact: Vec<String>,
    /// All origins on this machine, with any port; for development.
    pub loopback: bool,
}

impl CorsOrigins {
    /// Whether no origin is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && !self.loopback
    }

    /// Whether a page of `origin` may call.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.exact.iter().any(|allowed| allowed == origin) || (self.loopback && is_loopback(origin))
    }
}

fn is_loopback(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    uri.scheme_str()
        .is_some_and(|scheme| scheme == "http" || scheme == "https")
        && !authority.contains('@')
        && matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// The origins that may call, and the paths of pages, which none of them may.
#[derive(Debug)]
pub(super) struct CorsRules {
    pub(super) origins: CorsOrigins,
    pub(super) pages: Vec<String>,
}

/// Marks the answer of a page, in its extensions: people look at it, and no script of another origin reads it, wherever
/// that origin may call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoCors;

/// Answers preflights of allowed origins, and adds CORS headers to the answers of all other requests.
pub(super) async fn cors(
    State(options): State<Arc<CorsRules>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let allowed = origin
        .filter(|origin| {
            origin
                .to_str()
                .is_ok_and(|text| options.origins.allows(text))
        })
        .filter(|_| {
            let path = request.uri().path();
            let is_at =
                |page: &String| page == path || (page.ends_with('/') && path.starts_with(page));
            !options.pages.iter().any(is_at)
        });
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if preflight => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            response
        }
        _ => next.run(request).await,
    };
    let is_page = response.extensions().get::<NoCors>().is_some();
    let allowed = allowed.filter(|_| !is_page);
    add_headers(response.headers_mut(), allowed, preflight);
    response
}

fn add_headers(headers: &mut HeaderMap, allowed: Option<HeaderValue>, preflight: bool) {
    // without `Vary`, a cache could give the answer for one origin to another
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if !preflight {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_a_whole() {
        let origins = CorsOrigins {
            exact: vec!["https://app.example.com".to_owned()],
            loopback: false,
        };
        assert!(origins.allows("https://app.example.com"));
        for other in [
            "https://app.example.com.evil.test",
            "https://evil.test/https://app.example.com",
            "https://xapp.example.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://APP.example.com",
            "http://localhost:3000",
            "null",
            "*",
            "",
        ] {
            assert!(!origins.allows(other), "{other}");
        }
    }

    #[test]
    fn only_origins_on_this_machine_are_loopback() {
        let origins = CorsOrigins {
            exact: Vec::new(),
            loopback: true,
        };
        for origin in [
            "http://localhost",
            "http://localhost:3000",
            "https://127.0.0.1:8443",
            "http://[::1]:5173",
        ] {
            assert!(origins.allows(origin), "{origin}");
        }
        for other in [
            "http://localhost.evil.test",
            "http://evil.test",
            "http://127.0.0.1.evil.test",
            "http://localhost@evil.test",
            "http://user@localhost",
            "file://localhost",
            "null",
            "",
        ] {
            assert!(!origins.allows(other), "{other}");
        }
    }
}
