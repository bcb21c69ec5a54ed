//! The HTTP endpoints for signing keys; they return public halves only.

use axum::{Json, extract::State};
use rolecall::Require;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::service::{self, Shown};
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
}

impl From<Shown> for KeyView {
    fn from(shown: Shown) -> Self {
        let Shown { key, public_jwk } = shown;
        Self {
            algorithm: key.algorithm.as_str(),
            status: key.state.as_str(),
            created_at: rfc3339(key.created_at),
            active_from: rfc3339(key.active_from),
            retires_at: key.retired_at.or(key.ends_at).map(rfc3339),
            jwk: public_jwk,
            kid: key.kid,
        }
    }
}

/// Options of a rotation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Rotate even if clients may not have loaded the next key yet.
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
/// The next key signs from now on, and another one is published. Tokens signed with the old key stay valid.
#[utoipa::path(post, path = "/api/keys/rotate", tag = "keys", request_body = Rotation, responses(
    (status = 200, description = "The key that signs now", body = KeyView),
    (status = "4XX", description = "The request is invalid", body = ProblemDocument)))]
pub(crate) async fn rotate_keys(
    caller: Require<may::RotateKeys>,
    State(app): State<App>,
    Body(rotation): Body<Rotation>,
) -> Result<Json<KeyView>, ApiError> {
    let key = service::rotate(&app, Caller::Token(&caller), rotation.force).await?;
    Ok(Json(service::show(&app, key).into()))
}
