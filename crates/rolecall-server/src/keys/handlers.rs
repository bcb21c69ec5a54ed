//! The HTTP endpoints for signing keys; they return public halves only.

use axum::{Json, extract::State};
use rolecall::Require;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::service::{self, Rotated, Shown};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    times::rfc3339,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page},
        params::Params,
    },
};

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct KeyView {
    kid: String,
    algorithm: &'static str,
    /// `access`: access tokens, and ID tokens of clients that want the same algorithm. `id_token`: ID tokens and logout
    /// tokens of clients that want another algorithm than access tokens have.
    purpose: &'static str,
    /// `next` is published but does not sign yet, `active` signs, `retiring` verifies until its last token has expired,
    /// `retired` no longer verifies.
    status: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it started to sign; for the next key, when it may start.
    #[schema(format = DateTime)]
    active_from: String,
    /// When it stops or stopped verifying.
    #[schema(required, format = DateTime)]
    retires_at: Option<String>,
    /// The public half (RFC 7517); null for a secret and for a retired key.
    #[schema(required, value_type = Option<Object>)]
    jwk: Option<Value>,
    /// Only in the answer of a forced rotation: what it breaks, if the key signs before every verifier can have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl KeyView {
    /// Returns the key that signs after a rotation, with the consequences of the rotation.
    pub(crate) fn of_rotation(app: &App, rotated: Rotated) -> Self {
        Self {
            warning: rotated.warning,
            ..service::show(app, rotated.key).into()
        }
    }
}

impl From<Shown> for KeyView {
    fn from(shown: Shown) -> Self {
        let Shown { key, public_jwk } = shown;
        Self {
            algorithm: key.algorithm.as_str(),
            purpose: key.slot.purpose(),
            status: key.state.as_str(),
            created_at: rfc3339(key.created_at),
            active_from: rfc3339(key.active_from),
            retires_at: key.retired_at.or(key.ends_at).map(rfc3339),
            jwk: public_jwk,
            warning: None,
            kid: key.kid,
        }
    }
}

/// Options of a rotation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Rotate even if the next key was published less than 30 minutes ago. Services that have not loaded it yet refuse
    /// new tokens until they do; the answer then holds a `warning`.
    #[serde(default)]
    force: bool,
}

/// List signing keys.
///
/// Newest first, with public halves only.
#[utoipa::path(get, path = "/api/keys", tag = "keys", params(ListQuery), responses(
    (status = 200, description = "A page of keys", body = Page<KeyView>),
    (status = "4XX", description = "The request is invalid", body = ProblemDocument)))]
pub(crate) async fn list_keys(
    caller: Require<may::ReadKeys>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<KeyView>>, ApiError> {
    let limit = query.limit.0;
    let keys = service::list(
        &app,
        Caller::Token(&caller),
        query.cursor.after(List::Keys)?,
        limit + 1,
    )
    .await?;
    let place = |shown: &Shown| shown.key.kid.clone();
    Ok(Json(Page::of(
        List::Keys,
        keys,
        limit,
        place,
        KeyView::from,
    )))
}

/// Rotate the signing keys.
///
/// The next key signs from now on, and another one is published, which may sign 30 minutes later. Tokens signed with the
/// old key stay valid.
#[utoipa::path(post, path = "/api/keys/rotate", tag = "keys", request_body = Rotation, responses(
    (status = 200, description = "The key that signs now", body = KeyView),
    (status = "4XX", description = "The request is invalid", body = ProblemDocument)))]
pub(crate) async fn rotate_keys(
    caller: Require<may::RotateKeys>,
    State(app): State<App>,
    Body(rotation): Body<Rotation>,
) -> Result<Json<KeyView>, ApiError> {
    let rotated = service::rotate(&app, Caller::Token(&caller), rotation.force).await?;
    Ok(Json(KeyView::of_rotation(&app, rotated)))
}
