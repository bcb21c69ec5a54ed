//! Addresses that leave the server. Behind a proxy that adds a path prefix, `public_url` has it and requests do not.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, header};

/// Returns the path of a URL without its last slash; empty without a prefix.
pub(crate) fn path_of(public_url: &str) -> &str {
    let after_scheme = public_url.split_once("://").map_or("", |(_, rest)| rest);
    let path = after_scheme
        .find('/')
        .map_or("", |at| after_scheme.split_at(at).1);
    path.trim_end_matches('/')
}

/// Puts the prefix before every `Location` that is a path of this server.
pub(crate) async fn prefix_location(prefix: String, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(location) = response.headers_mut().get_mut(header::LOCATION) else {
        return response;
    };
    // `//host` would be another server
    let path = location.to_str().ok();
    let path = path.filter(|path| path.starts_with('/') && !path.starts_with("//"));
    let prefixed = path.map(|path| HeaderValue::from_str(&format!("{prefix}{path}")));
    if let Some(Ok(prefixed)) = prefixed {
        *location = prefixed;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn the_path_of_a_url_by_table() {
        for (url, path) in [
            ("https://login.example.com", ""),
            ("https://login.example.com/", ""),
            ("https://example.com/auth", "/auth"),
            ("https://example.com/a/b/", "/a/b"),
            ("http://[::1]:8000/auth", "/auth"),
            ("http://127.0.0.1:8000", ""),
            ("", ""),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
