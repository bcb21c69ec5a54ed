//! The token endpoint, the metadata and the JWK Set.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::{Authenticated, Optional, Public};
use rolecall_core::TenantName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    error::{OAuthError, OAuthErrorDocument},
    form::{Form, is_form},
    introspect, metadata, revoke, service, userinfo,
};
use crate::{
    app::App,
    error::ApiError,
    http::{Agent, ClientAddress, DEVICE_HEADER, DeviceToken},
    keys::{self, lifecycle::MAX_AGE},
    login::known::Origin,
    web::document::ProblemDocument,
};

/// Tokens stand in no cache (RFC 6749 section 5.1).
const NO_STORE: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// A form at the token endpoint. Only the document reads this: the form itself is parsed strictly.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form in the document")]
pub(crate) struct TokenRequest {
    /// `authorization_code`, `refresh_token`, `client_credentials` or `password`
    grant_type: String,
    /// With `authorization_code`: the code that `/authorize` answered.
    code: Option<String>,
    /// The one of the authorization request.
    redirect_uri: Option<String>,
    /// What the code challenge is the digest of (RFC 7636).
    code_verifier: Option<String>,
    username: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    /// Narrows the token: `items:read`, `role:editor`.
    scope: Option<String>,
    /// The audience of the token: the issuer, one of the client's audiences, or without a client `tokens.audience`.
    audience: Option<String>,
    /// The same by its RFC 8707 name.
    resource: Option<String>,
    /// The tenant that the token is for; needs a role assignment there.
    tenant: Option<String>,
    /// With `password`: `online` returns no refresh token, for a script that logs in for each run; its session ends with
    /// the access token and displaces no other. `offline` is the default.
    access_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// An access token.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// The permissions that the token carries, after the scopes of `OpenID` Connect that were granted.
    scope: String,
    /// The tenant that the token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantName>,
    /// Gives the next access token, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Says who the user is, if the scope has `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// A token at the revocation or introspection endpoint. Only the document reads this.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form in the document")]
pub(crate) struct PresentedToken {
    token: String,
    /// `access_token` or `refresh_token`; the token is found without it.
    token_type_hint: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// An access token in a form. Only the document reads this.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form in the document")]
pub(crate) struct AccessTokenForm {
    /// The token, if there is none in the header.
    access_token: Option<String>,
}

/// Log in.
///
/// The tutorial's form: `grant_type=password&username=..&password=..`. The answer to a login with a password can have a
/// header `Rolecall-Device`; a client that sends it with its later logins to the same account is not slowed by others
/// who guess the password.
#[utoipa::path(post, path = "/token", tag = "tokens",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "A token", body = TokenResponse),
    (status = 400, description = "The request is wrong (RFC 6749 section 5.2)", body = OAuthErrorDocument),
    (status = 401, description = "Incorrect username or password", body = OAuthErrorDocument),
    (status = "4XX", description = "The request is wrong", body = OAuthErrorDocument),
    (status = 503, description = "Too busy, or the database does not answer", body = OAuthErrorDocument)))]
pub(crate) async fn issue_token(
    _: Public,
    State(app): State<App>,
    headers: HeaderMap,
    address: ClientAddress,
    device: DeviceToken,
    form: Result<Form, OAuthError>,
) -> Result<Response, OAuthError> {
    let origin = Origin {
        address: address.as_str(),
        device: device.as_deref(),
        agent: Agent::of(&headers),
    };
    let issued = service::issue(&app, &headers, &form?, origin).await?;
    let device = issued.device_token.as_deref();
    let device = device.and_then(|token| HeaderValue::from_str(token).ok());
    let body = TokenResponse {
        access_token: issued.access_token,
        token_type: "bearer",
        expires_in: issued.lifetime.as_secs(),
        scope: issued.scope,
        tenant: issued.tenant,
        refresh_token: issued.refresh_token,
        id_token: issued.id_token,
    };
    let mut response = (NO_STORE, Json(body)).into_response();
    response
        .headers_mut()
        .extend(device.map(|token| (DEVICE_HEADER, token)));
    Ok(response)
}

/// Revoke a token (RFC 7009).
///
/// A refresh token takes its session along; what is unknown counts as revoked.
#[utoipa::path(post, path = "/revoke", tag = "tokens",
    request_body(content = PresentedToken, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "Revoked"),
    (status = "4XX", description = "The request is wrong", body = OAuthErrorDocument),
    (status = 503, description = "Too busy, or the database does not answer", body = OAuthErrorDocument)))]
pub(crate) async fn revoke_token(
    _: Public,
    State(app): State<App>,
    headers: HeaderMap,
    address: ClientAddress,
    form: Result<Form, OAuthError>,
) -> Result<Response, OAuthError> {
    revoke::revoke(&app, &headers, &form?, address.as_str()).await?;
    Ok(NO_STORE.into_response())
}

/// Ask whether a token is active (RFC 7662).
///
/// For clients with the permission `rolecall.tokens:introspect`, about tokens for one of their audiences.
#[utoipa::path(post, path = "/introspect", tag = "tokens",
    request_body(content = PresentedToken, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "Whether it is active, and what it says", body = introspect::Introspection),
    (status = "4XX", description = "The request is wrong", body = OAuthErrorDocument),
    (status = 503, description = "Too busy, or the database does not answer", body = OAuthErrorDocument)))]
pub(crate) async fn introspect_token(
    _: Public,
    State(app): State<App>,
    headers: HeaderMap,
    address: ClientAddress,
    form: Result<Form, OAuthError>,
) -> Result<Response, OAuthError> {
    let found = introspect::introspect(&app, &headers, &form?, address.as_str()).await?;
    Ok((NO_STORE, Json(found)).into_response())
}

/// Claims about the user of an access token (`OpenID` Connect).
///
/// For tokens whose scope had `openid` and that were not asked for with another `resource`.
#[utoipa::path(get, path = "/userinfo", tag = "tokens", responses(
    (status = 200, description = "The claims", body = Object),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_userinfo(
    caller: Authenticated,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let caller = userinfo::presenter(&app, Some(&caller), query.as_deref(), None).await?;
    let claims = userinfo::claims(&app, &caller).await?;
    Ok((NO_STORE, Json(claims)).into_response())
}

/// The same by POST, with the token in the header or in the form (RFC 6750 section 2.2).
#[utoipa::path(post, path = "/userinfo", tag = "tokens",
    request_body(content = Option<AccessTokenForm>, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "The claims", body = Object),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn post_userinfo(
    caller: Optional,
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let form = is_form(&headers).then_some(&*body);
    let caller = userinfo::presenter(&app, caller.principal(), query.as_deref(), form).await?;
    let claims = userinfo::claims(&app, &caller).await?;
    Ok((NO_STORE, Json(claims)).into_response())
}

/// The same as the authorization server metadata, by its name in `OpenID` Connect Discovery.
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "tokens", responses(
    (status = 200, description = "The metadata", body = Object),
    (status = 304, description = "Not changed since (`If-None-Match`)")))]
pub(crate) async fn get_openid_configuration(
    _: Public,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(cacheable(&headers, &metadata::document(&app).await?))
}

/// Tell clients what this server offers (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "tokens", responses(
    (status = 200, description = "The metadata", body = Object),
    (status = 304, description = "Not changed since (`If-None-Match`)")))]
pub(crate) async fn get_metadata(
    _: Public,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(cacheable(&headers, &metadata::document(&app).await?))
}

/// The keys that verify tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "tokens", responses(
    (status = 200, description = "The JWK Set", body = Object),
    (status = 304, description = "Not changed since (`If-None-Match`)")))]
pub(crate) async fn get_jwk_set(_: Public, State(app): State<App>, headers: HeaderMap) -> Response {
    cacheable(&headers, &keys::service::public_set(&app))
}

/// Five minutes: nobody asks on each request, and the next key is published for longer before it signs.
fn cacheable(headers: &HeaderMap, document: &Value) -> Response {
    let body = document.to_string();
    let digest = digest(&SHA256, body.as_bytes());
    // RFC 9110 section 8.8.3: quoted, and strong, since it is of the very bytes
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest.as_ref()));
    let about = [
        (
            header::CACHE_CONTROL,
            format!("public, max-age={}", MAX_AGE.as_secs()),
        ),
        (header::ETAG, tag.clone()),
    ];
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let json = HeaderValue::from_static("application/json");
    (about, [(header::CONTENT_TYPE, json)], body).into_response()
}

/// Returns `true` if `If-None-Match` names this tag (RFC 9110 section 13.1.2: weak comparison).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH);
    let values = values.iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}
