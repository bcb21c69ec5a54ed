//! Authorization server metadata (RFC 8414): only what works.

use serde_json::{Value, json};

use crate::app::App;

/// The document, whatever `Host` the request named.
pub(crate) fn document(app: &App) -> Value {
    let settings = app.settings();
    let at = |path: &str| format!("{}{path}", settings.issuer.trim_end_matches('/'));
    let mut grants = Vec::new();
    if settings.password_grant {
        grants.push("password");
    }
    json!({
        "issuer": settings.issuer,
        "token_endpoint": at("/token"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "service_documentation": at("/docs"),
        // RFC 8414 section 2: left out, these would mean grants that do not exist; an empty list is not
        // allowed either (section 3.2), and clients refuse it
        "grant_types_supported": grants,
        "response_types_supported": ["none"],
        "token_endpoint_auth_methods_supported": ["none"],
    })
}
