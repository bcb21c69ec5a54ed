//! The Swagger UI page and its files, all from the binary: no other host is asked for anything.
//!
//! The page is [`page`]; what it loads is found by name with [`find_asset`]. Each answers for itself
//! with [`Asset::answer`]. The address of a file ends in its digest, so that browsers may keep it for
//! good and still get the new one after an upgrade.

pub(crate) mod handlers;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

/// What the page may load and do: its own files, requests to this server, and nothing else.
///
/// Swagger UI sets `style` attributes and draws its icons as `data:` images.
pub(crate) const CONTENT_SECURITY_POLICY_VALUE: &str = "default-src 'none'; \
     script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Something that a browser loads: bytes, and how to announce them.
#[derive(Debug)]
pub(crate) struct Asset {
    body: Bytes,
    content_type: &'static str,
    cache_control: &'static str,
    compressed: bool,
    etag: String,
}

/// The Swagger UI page, for `/docs`.
pub(crate) fn page() -> &'static Asset {
    &PAGE
}

/// A file of the page, for `/docs/{name}`.
pub(crate) fn find_asset(name: &str) -> Option<&'static Asset> {
    match name {
        "swagger-ui.css" => Some(&STYLE),
        "swagger-ui-bundle.js" => Some(&BUNDLE),
        "init.js" => Some(&INIT),
        _ => None,
    }
}

const KEEP: &str = "public, max-age=31536000, immutable";

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz");
    Asset::new(
        Bytes::from_static(body),
        "text/css; charset=utf-8",
        KEEP,
        true,
    )
});

static BUNDLE: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz");
    Asset::new(
        Bytes::from_static(body),
        "text/javascript; charset=utf-8",
        KEEP,
        true,
    )
});

static INIT: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("init.js");
    Asset::new(
        Bytes::from_static(body),
        "text/javascript; charset=utf-8",
        KEEP,
        false,
    )
});

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    let mut html = include_str!("index.html").to_owned();
    for (name, asset) in [
        ("swagger-ui.css", &*STYLE),
        ("swagger-ui-bundle.js", &*BUNDLE),
        ("init.js", &*INIT),
    ] {
        let digest = asset.etag.trim_matches('"');
        html = html.replace(&format!("{{{name}}}"), &format!("docs/{name}?v={digest}"));
    }
    // asked about each time: it names the other files
    Asset::new(
        Bytes::from(html),
        "text/html; charset=utf-8",
        "no-cache",
        false,
    )
});

impl Asset {
    fn new(
        body: Bytes,
        content_type: &'static str,
        cache_control: &'static str,
        compressed: bool,
    ) -> Self {
        let digest = digest(&SHA256, &body);
        let short: Vec<u8> = digest.as_ref().iter().copied().take(12).collect();
        Self {
            body,
            content_type,
            cache_control,
            compressed,
            etag: format!("\"{}\"", URL_SAFE_NO_PAD.encode(short)),
        }
    }

    /// The answer to a request with these headers: the bytes, or 304 where the browser has them.
    ///
    /// The large files are there in gzip alone, which every browser reads: `Accept-Encoding` is not
    /// asked (RFC 9110 section 12.5.3 leaves that to the server).
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response<Body> {
        let known = request
            .get_all(IF_NONE_MATCH)
            .iter()
            .any(|value| self.matches(value));
        let mut response = Response::new(if known {
            Body::empty()
        } else {
            Body::from(self.body.clone())
        });
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(CONTENT_TYPE, self.content_type);
        set(CACHE_CONTROL, self.cache_control);
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_VALUE);
        set(REFERRER_POLICY, "no-referrer");
        if self.compressed {
            set(CONTENT_ENCODING, "gzip");
        }
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(ETAG, etag);
        }
        response
    }

    /// Whether an `If-None-Match` names these bytes (RFC 9110 section 13.1.2, weak comparison).
    fn matches(&self, value: &HeaderValue) -> bool {
        value.to_str().is_ok_and(|list| {
            list.split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == "*" || tag == self.etag)
        })
    }
}

#[cfg(test)]
mod tests;
