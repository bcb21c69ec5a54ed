//! Token revocation (RFC 7009).

use http::HeaderMap;
use rolecall_core::FloorKind;
use serde_json::json;

use super::{
    client_auth::{self, FIRST_PARTY, RequestingClient},
    error::OAuthError,
    form::Form,
    known_token::{Known, look_up},
};
use crate::{
    app::App,
    authority::caller::Caller,
    clients::store as clients,
    quota::{Quota, through},
    sessions::service as sessions,
};

/// Revokes the token in the form. What is unknown or has ended already is as good as revoked.
pub(crate) async fn revoke(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    address: &str,
) -> Result<(), OAuthError> {
    let client = client_auth::authenticate(app, headers, form, address).await?;
    let token = form
        .get("token")
        .ok_or(OAuthError::InvalidRequest("token is missing"))?;
    if client.registered().is_none() {
        let parts = app.parts();
        let now = parts.clock.monotonic();
        parts
            .quotas
            .take_of_address(&app.settings().quotas, address, now)
            .map_err(|retry_after| OAuthError::TooMany { retry_after })?;
    }
    let Some(known) = look_up(app, token).await? else {
        return Ok(());
    };
    let issued_to = match &known {
        Known::Access(claims) => &claims.client_id,
        Known::Refresh(session) => &session.client_id,
    };
    demand_own(app, &client, issued_to).await?;
    match &known {
        // a session ends once, so that it needs no quota
        Known::Refresh(session) => {
            app.change(Caller::System, async |change| {
                let (id, subject) = (&session.id, &session.subject_id);
                sessions::end(change, "session.revoked", id, subject).await
            })
            .await?;
        }
        Known::Access(claims) => {
            let key = through(&claims.sub, &claims.client_id);
            app.change_within(Quota::Revocations, &key, Caller::System, async |change| {
                change.raise_floor_of(&claims.sub, FloorKind::Jti, &claims.jti);
                change.record(json!({
                    "action": "token.revoked", "token": claims.jti, "subject": claims.sub,
                }));
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}

/// A client revokes its own tokens; without one, those of log-ins through no client or a public one.
async fn demand_own(
    app: &App,
    client: &RequestingClient,
    issued_to: &str,
) -> Result<(), OAuthError> {
    if client.client_id() == issued_to {
        return Ok(());
    }
    if client.registered().is_some() {
        return Err(OAuthError::InvalidGrant);
    }
    let mut conn = app.store().read().await?;
    match clients::find(&mut conn, issued_to).await? {
        Some(client) if client.public => Ok(()),
        _ if issued_to == FIRST_PARTY => Ok(()),
        _ => Err(OAuthError::InvalidClient { basic: true }),
    }
}
