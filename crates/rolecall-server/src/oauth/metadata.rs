//! Authorization server metadata (RFC 8414, `OpenID` Connect Discovery section 3): only what works.

use rolecall_core::Acr;
use serde_json::{Value, json};

use crate::{
    app::App,
    clients::{
        sign_in::IdTokenAlgorithm,
        store::{self, GrantType},
    },
    config::Mfa,
    error::ApiError,
    factors::passkeys::relying_party,
    invitations::sign_up,
    tokens::{claims, id_token, identity::IdentityScope},
};

/// The client authentication methods.
const METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];

/// The document, whatever `Host` the request named.
pub(crate) async fn document(app: &App) -> Result<Value, ApiError> {
    let settings = app.settings();
    let at = |path: &str| format!("{}{path}", settings.public_url.trim_end_matches('/'));
    let mut grants = store::grants_in_use(&mut app.store().read().await?).await?;
    grants.insert(GrantType::AuthorizationCode);
    grants.insert(GrantType::RefreshToken);
    if settings.password_grant {
        grants.insert(GrantType::Password);
    } else {
        grants.remove(&GrantType::Password);
    }
    let grants: Vec<&str> = grants.iter().map(|grant| grant.as_str()).collect();
    let mut document = json!({
        "issuer": settings.issuer,
        "token_endpoint": at("/token"),
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint": at("/revoke"),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint": at("/introspect"),
        "introspection_endpoint_auth_methods_supported": &METHODS[1..],
        "jwks_uri": at("/.well-known/jwks.json"),
        "service_documentation": at("/docs"),
        // RFC 8414 section 2: left out, these would mean grants that do not exist
        "grant_types_supported": grants,
        "authorization_endpoint": at("/authorize"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    if let (Some(document), Value::Object(identity)) =
        (document.as_object_mut(), identity(app, &at))
    {
        document.extend(identity);
    }
    Ok(document)
}

/// Returns what `OpenID` Connect adds; nothing where a shared secret signs, which signs no ID tokens.
fn identity(app: &App, at: &impl Fn(&str) -> String) -> Value {
    let signing = app.parts().keys.signing();
    if signing.key.algorithm().is_symmetric() {
        return json!({});
    }
    let algorithms = IdTokenAlgorithm::ALL.map(IdTokenAlgorithm::as_str);
    let scopes = IdentityScope::ALL.into_iter();
    // nobody has a telephone number or a postal address yet
    let scopes =
        scopes.filter(|scope| !matches!(scope, IdentityScope::Phone | IdentityScope::Address));
    let mut prompts = vec!["none", "login", "consent", "select_account"];
    if sign_up::is_offered(app) {
        prompts.push("create");
    }
    let of_tokens = [
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        "amr",
        "sid",
        "nonce",
        "tenant",
    ];
    json!({
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/logout"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "scopes_supported": scopes.map(IdentityScope::as_str).collect::<Vec<_>>(),
        "claims_supported": of_tokens.into_iter().chain(claims::names()).collect::<Vec<_>>(),
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "prompt_values_supported": prompts,
        "acr_values_supported": acr_values(app),
    })
}

/// Returns the assurance that a new user can reach: who had a factor before `login.mfa` was `off` reaches more.
fn acr_values(app: &App) -> Vec<&'static str> {
    let most = if app.settings().factors.mfa == Mfa::Off {
        Acr::Aal1
    } else if relying_party(app).is_ok() {
        Acr::Phr
    } else {
        Acr::Aal2
    };
    let reachable = id_token::REACHABLE.iter().filter(|acr| **acr <= most);
    reachable.map(|acr| acr.as_str()).collect()
}
