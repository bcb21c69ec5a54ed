//! The Swagger UI page and its files, all of them in the binary: browsers load nothing from other hosts.
//!
//! [`page`] returns the page and [`find_asset`] its files; [`Asset::answer`] answers a request. The URL of a file ends
//! in its digest, so that browsers can cache it forever and still get the new file after an upgrade.

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

/// The policy of the page: it may load its own files and send requests to this server, nothing else.
///
/// Swagger UI needs `style` attributes, and `data:` images for its icons.
pub(crate) const CONTENT_SECURITY_POLICY_VALUE: &str = "default-src 'none'; \
     script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file with its headers.
#[derive(Debug)]
pub(crate) struct Asset {
    body: Bytes,
    content_type: &'static str,
    cache_control: &'static str,
    compressed: bool,
    etag: String,
}

/// Returns the Swagger UI page, for `/docs`.
pub(crate) fn page() -> &'static Asset {
    &PAGE
}

/// Finds a file of the page, for `/docs/{name}`.
pub(crate) fn find_asset(name: &str) -> Option<&'static Asset> {
    match name {
        "swagger-ui.css" => Some(&STYLE),
        "swagger-ui-bundle.js" => Some(&BUNDLE),
        "init.js" => Some(&INIT),
        "oauth2-redirect.html" => Some(&REDIRECT),
        "oauth2-redirect.js" => Some(&REDIRECT_SCRIPT),
        _ => None,
    }
}

const CACHE_FOREVER: &str = "public, max-age=31536000, immutable";

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz");
    Asset::new(
        Bytes::from_static(body),
        "text/css; charset=utf-8",
        CACHE_FOREVER,
        true,
    )
});

static BUNDLE: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz");
    Asset::new(
        Bytes::from_static(body),
        "text/javascript; charset=utf-8",
        CACHE_FOREVER,
        true,
    )
});

static INIT: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("init.js");
    Asset::new(
        Bytes::from_static(body),
        "text/javascript; charset=utf-8",
        CACHE_FOREVER,
        false,
    )
});

static REDIRECT_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let body = include_bytes!("oauth2-redirect.js");
    Asset::new(
        Bytes::from_static(body),
        "text/javascript; charset=utf-8",
        CACHE_FOREVER,
        false,
    )
});

/// The page to which a sign-in by code flow leads back.
static REDIRECT: LazyLock<Asset> = LazyLock::new(|| {
    let files = [("oauth2-redirect.js", &*REDIRECT_SCRIPT)];
    html(include_str!("oauth2-redirect.html"), "", &files)
});

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    let files = [
        ("swagger-ui.css", &*STYLE),
        ("swagger-ui-bundle.js", &*BUNDLE),
        ("init.js", &*INIT),
    ];
    html(include_str!("index.html"), "docs/", &files)
});

/// Returns a page that loads `files` from `folder`.
fn html(template: &str, folder: &str, files: &[(&str, &Asset)]) -> Asset {
    let mut html = template.to_owned();
    for (name, asset) in files {
        let digest = asset.etag.trim_matches('"');
        html = html.replace(
            &format!("{{{name}}}"),
            &format!("{folder}{name}?v={digest}"),
        );
    }
    // revalidated each time, since it names the current files
    Asset::new(
        Bytes::from(html),
        "text/html; charset=utf-8",
        "no-cache",
        false,
    )
}

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

    /// Answers a request with the bytes, or with status 304 if the browser has them.
    ///
    /// The large files exist only compressed with gzip, which every browser supports, so that `Accept-Encoding` is
    /// ignored, as RFC 9110 section 12.5.3 allows.
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

    /// Whether an `If-None-Match` header matches these bytes (RFC 9110 section 13.1.2, weak comparison).
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
