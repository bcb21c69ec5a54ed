//! Authorization server metadata (RFC 8414): only what works.

use serde_json::{Value, json};

use crate::{
    app::App,
    clients::store::{self, GrantType},
    error::ApiError,
};

/// The client authentication methods.
const METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];

/// The document, whatever `Host` the request named.
pub(crate) async fn document(app: &App) -> Result<Value, ApiError> {
    let settings = app.settings();
    let at = |path: &str| format!("{}{path}", settings.public_url.trim_end_matches('/'));
    let mut grants = store::grants_in_use(&mut app.store().read().await?).await?;
    grants.insert(GrantType::RefreshToken);
    if settings.password_grant {
        grants.insert(GrantType::Password);
    } else {
        grants.remove(&GrantType::Password);
    }
    let grants: Vec<&str> = grants.iter().map(|grant| grant.as_str()).collect();
    Ok(json!({
        "issuer": settings.issuer,
        "token_endpoint": at("/token"),
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint": at("/revoke"),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint": at("/introspect"),
        "introspection_endpoint_auth_methods_supported": &METHODS[1..],
        "jwks_uri": at("/.well-known/jwks.json"),
        "service_documentation": at("/docs"),
        // RFC 8414 section 2: left out, these would mean grants that do not exist; an empty list is not
        // allowed either (section 3.2), and clients refuse it
        "grant_types_supported": grants,
        "response_types_supported": ["none"],
    }))
}
