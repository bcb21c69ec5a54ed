//! The `Host` header of a request.

use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, HOST};
use http::uri::Authority;
use http::{HeaderValue, Request, StatusCode, Version};
use rolecall::Problem;

/// Checks the `Host` header: HTTP/1.1 needs exactly one that is valid, and no version allows two (RFC 9112 section
/// 3.2). Proxies choose the host by one of two headers and a server by the other.
pub(super) fn is_valid<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// Checks for `host [":" port]` (RFC 9110 section 7.2). The host may be empty.
fn is_host(value: &[u8]) -> bool {
    value.is_empty()
        || Authority::try_from(value).is_ok_and(|authority| !authority.as_str().contains('@'))
}

/// Answers a request without a valid `Host` header.
pub(super) fn refusal() -> Response {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_host",
        "send one `Host` header with the name of this server",
    )
    .with_header(CONNECTION, HeaderValue::from_static("close"))
    .into_response()
}
