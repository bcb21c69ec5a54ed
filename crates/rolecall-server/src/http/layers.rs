//! The layers around all routes: request id, log line, security headers, limits.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use rolecall::Problem;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use super::client_address::ClientAddress;
use super::cors::{CorsOrigins, CorsRules, cors};
use super::unread::{Unread, expects_leave};
use crate::ids::random_token;

/// The largest body of a request in bytes, unless an option says otherwise.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The most characters of a path in the log.
const MAX_LOGGED_PATH: usize = 200;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The options of the layers.
#[derive(Clone, Debug)]
pub struct LayerOptions {
    /// The origins whose pages may call this server.
    pub cors: CorsOrigins,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest body of a request in bytes.
    pub max_body_bytes: usize,
    /// Paths with rules of their own.
    pub paths: Vec<PathRule>,
    /// Paths of pages, whose preflights no origin may send.
    pub pages: Vec<String>,
    /// The routes are those of an application. Its error answers stay as they are, a page without a policy of its own may
    /// load anything, and a file with a validator may be cached. [`paths`](Self::paths) also match below a prefix.
    pub application: bool,
}

impl Default for LayerOptions {
    fn default() -> Self {
        Self {
            cors: CorsOrigins::default(),
            trusted_proxies: Vec::new(),
            max_body_bytes: MAX_BODY_BYTES,
            paths: Vec::new(),
            pages: Vec::new(),
            application: false,
        }
    }
}

impl LayerOptions {
    fn rule_of(&self, path: &str) -> Option<&PathRule> {
        let matches =
            |rule: &&PathRule| path == rule.path || (self.application && path.ends_with(rule.path));
        self.paths.iter().find(matches)
    }
}

/// The rules of one path where they differ from those of all others.
#[derive(Clone, Copy, Debug)]
pub struct PathRule {
    /// The path, which is compared as a whole, except for the prefix that an application may have put before it.
    pub path: &'static str,
    /// The largest body of a request in bytes, if that is more than [`LayerOptions::max_body_bytes`].
    pub max_body_bytes: usize,
    /// Headers that every answer has; a missing one is added without a value.
    pub headers: &'static [HeaderName],
    /// Answers some requests in place of the route.
    pub answer: Option<fn(&Request) -> Option<Response>>,
}

/// The id of a request: in its extensions, in the log, and as `x-request-id` in the answer.
/// It is always generated here; an id that a client sends is ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestId(pub String);

/// The id of the subject of a request, for the log line: a handler or layer puts it into the extensions of the
/// answer. Never a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoggedSubject(pub String);

/// Adds all layers to `app`.
///
/// From the outside in: request id, log line and security headers; CORS; panics become status 500; error answers
/// without a body of their own become problems, unless they are an application's; the body limit.
pub fn wrap(app: Router, options: LayerOptions) -> Router {
    let options = Arc::new(options);
    // each layer costs every request a few allocations, so neighbours share one
    let mut app = app
        .layer(from_fn_with_state(Arc::clone(&options), limit_and_describe))
        .layer(CatchPanicLayer::custom(panicked));
    if !options.cors.is_empty() {
        let rules = CorsRules {
            origins: options.cors.clone(),
            pages: options.pages.clone(),
        };
        app = app.layer(from_fn_with_state(Arc::new(rules), cors));
    }
    app.layer(from_fn_with_state(options, identify_and_protect))
}

/// Adds the id and the client's address to the request and security headers to the answer, and writes the log line.
async fn identify_and_protect(
    State(options): State<Arc<LayerOptions>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = random_token(96).unwrap_or_default();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = peer.map_or_else(ClientAddress::unknown, |ConnectInfo(peer)| {
        ClientAddress::find(peer.ip(), request.headers(), &options.trusted_proxies)
    });
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(client.clone());
    let method = request.method().clone();
    let path = logged_path(&request);
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span.clone()).await;
    if options.application {
        protect_application(response.headers_mut());
    } else {
        protect(response.headers_mut());
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    let subject = response.extensions().get::<LoggedSubject>();
    let _entered = span.entered();
    tracing::info!(
        method = method.as_str(),
        path,
        status = response.status().as_u16(),
        microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        client = client.as_str(),
        subject = subject.map(|LoggedSubject(id)| id.as_str()),
        "request"
    );
    response
}

/// Returns the pattern of the route, or for an unknown route the path without its query.
fn logged_path(request: &Request) -> String {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or(request.uri().path(), MatchedPath::as_str);
    path.chars().take(MAX_LOGGED_PATH).collect()
}

/// The policy of an answer that is no page: nothing may be loaded.
const LOAD_NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The policy of an application's page that has none: no other site may frame it.
const NO_FRAMES: &str = "frame-ancestors 'none'";

/// Adds headers that keep browsers from doing more with an answer than showing it; headers that a handler set stay.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, LOAD_NOTHING),
        (CACHE_CONTROL, "no-store"),
    ] {
        set_default(headers, name, value);
    }
}

/// Does the same for the answers of an application, whose pages load scripts and styles, send forms and are cached.
fn protect_application(headers: &mut HeaderMap) {
    let is_page = is_page(headers);
    // under `no-referrer`, a browser sends `Origin: null` with a form, which checks of the origin refuse
    let referrer = if is_page {
        "same-origin"
    } else {
        "no-referrer"
    };
    let policy = if is_page { NO_FRAMES } else { LOAD_NOTHING };
    set_default(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_default(headers, REFERRER_POLICY, referrer);
    // the newer header says more precisely who may frame the page
    if !names_frame_ancestors(headers) {
        set_default(headers, X_FRAME_OPTIONS, "DENY");
    }
    set_default(headers, CONTENT_SECURITY_POLICY, policy);
    if !headers.contains_key(ETAG) && !headers.contains_key(LAST_MODIFIED) {
        set_default(headers, CACHE_CONTROL, "no-store");
    }
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    let value = HeaderValue::from_static(value);
    headers.entry(name).or_insert(value);
}

/// Returns true for what a browser shows as a document with scripts: HTML, and XML such as SVG.
fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii();
    matches!(essence, b"text/html" | b"text/xml" | b"application/xml") || essence.ends_with(b"+xml")
}

fn names_frame_ancestors(headers: &HeaderMap) -> bool {
    let policies = headers.get_all(CONTENT_SECURITY_POLICY);
    let mut policies = policies.iter().filter_map(|policy| policy.to_str().ok());
    policies.any(|policy| policy.contains("frame-ancestors"))
}

/// Answers a panic with status 500. The panic hook has logged the message, which may hold secrets.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request panicked");
    describe(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// Replaces error answers that are empty or plain text by problems. They come from axum and hyper, and their texts
/// name Rust types. Headers such as `Allow` stay.
pub(crate) fn describe_errors(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(response.headers()) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut described = describe(status).into_response();
    for (name, value) in &parts.headers {
        if *name != CONTENT_TYPE && *name != CONTENT_LENGTH {
            described.headers_mut().append(name, value.clone());
        }
    }
    described.extensions_mut().extend(parts.extensions);
    described
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn describe(status: StatusCode) -> Problem {
    let (code, detail) = match status {
        StatusCode::BAD_REQUEST => ("bad_request", "the request cannot be read"),
        StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this address does not support this method",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body of the request is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "unsupported_media_type",
            "the media type of the body is not supported here",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => ("invalid_request", "the request is invalid"),
        status if status.is_client_error() => ("bad_request", "the request is invalid"),
        _ => ("internal", "something went wrong on the server"),
    };
    Problem::new(status, code, detail)
}

/// Applies the body limit and the rules of the path, and describes error answers.
async fn limit_and_describe(
    State(options): State<Arc<LayerOptions>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let rule = options.rule_of(path);
    if let Some(response) = rule.and_then(|rule| rule.answer?(&request)) {
        return response;
    }
    let max = rule.map_or(0, |rule| rule.max_body_bytes);
    let mut response = limit(max.max(options.max_body_bytes), request, next).await;
    if !options.application {
        response = describe_errors(response);
    }
    for name in rule.into_iter().flat_map(|rule| rule.headers) {
        let headers = response.headers_mut();
        headers.entry(name).or_insert(HeaderValue::from_static(""));
    }
    response
}

/// Refuses a body with a `Content-Length` above `max` before reading it, and stops reading any other at `max`.
async fn limit(max: usize, request: Request, next: Next) -> Response {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > max)) {
        return describe(StatusCode::PAYLOAD_TOO_LARGE)
            .with("max_bytes", max)
            .with_header(CONNECTION, HeaderValue::from_static("close"))
            .into_response();
    }
    let expects = expects_leave(&request);
    let (request, rest) = Unread::limited(request, max);
    let response = next.run(request).await;
    match rest {
        Some(rest) => rest.finish(response, expects).await,
        None => response,
    }
}

#[cfg(test)]
mod tests;
