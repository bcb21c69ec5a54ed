//! The rules for tickets.

use std::time::Duration;

use rolecall::{Denial, PermissionName as _, Principal};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::store;
use crate::{
    app::App,
    authority::{may, reads::require_now},
    clients::store as clients,
    error::ApiError,
    ids,
    oauth::{
        introspect::is_for,
        known_token::{Known, look_up},
    },
    quota::{Quota, through},
    store::Conn,
    vault::MasterKey,
};

/// Long enough to open a connection with, and short enough that a URL in a log is worthless.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30);
/// The bits of a ticket: a key of their own for each sealed token.
const BITS: usize = 256;
const PURPOSE: &str = "access-ticket";

/// The content of a sealed ticket.
#[derive(Deserialize, Serialize)]
struct Content {
    token: String,
    /// The only path for which the ticket is valid.
    path: Option<String>,
}

/// Issues a ticket for the access token of `caller`.
///
/// No authority is read from the database: the ticket gives what the token gives, and whoever redeems it verifies the
/// token then.
pub(crate) async fn issue(
    app: &App,
    caller: &Principal,
    token: &str,
    path: Option<String>,
) -> Result<String, ApiError> {
    app.take_quota(
        Quota::Tickets,
        &through(caller.subject(), caller.client_id()),
    )?;
    let ticket = ids::random_token(BITS).map_err(ApiError::internal)?;
    let key: MasterKey = ticket.parse().map_err(ApiError::internal)?;
    let id = key.fingerprint().map_err(ApiError::internal)?;
    let token = token.to_owned();
    let content = serde_json::to_vec(&Content { token, path }).map_err(ApiError::internal)?;
    let content = Zeroizing::new(content);
    let sealed = key
        .seal(PURPOSE, id.as_bytes(), &content)
        .map_err(ApiError::internal)?;
    let expires_at = app.database_now().plus(LIFETIME);
    app.store()
        .write(async |conn: &mut Conn| store::insert(conn, &id, &sealed, expires_at).await)
        .await?;
    Ok(ticket)
}

/// Returns the access token of a ticket to the client of a guard in another process, and uses the ticket up. `None` if the
/// ticket is not valid, its token has ended, or the token is not for an audience of the client.
///
/// # Errors
///
/// 403 if the client may not introspect tokens any more: what it gets here is more than introspection gives.
pub(super) async fn redeem_for(
    app: &App,
    client: &str,
    ticket: &str,
    path: &str,
) -> Result<Option<String>, ApiError> {
    let mut conn = app.store().read().await?;
    let client = clients::find(&mut conn, client).await?;
    drop(conn);
    let client = client.ok_or(ApiError::Denied(Denial::EndedToken))?;
    require_now(app, &client.id, may::IntrospectTokens::NAME).await?;
    let Some(token) = redeem(app, ticket, path).await? else {
        return Ok(None);
    };
    // by the database itself: a token that was revoked a moment ago is not handed out
    match look_up(app, &token).await? {
        Some(Known::Access(claims)) if is_for(app, &client, &claims) => Ok(Some(token)),
        _ => Ok(None),
    }
}

/// Returns the access token of a ticket and uses the ticket up; `None` if it is unknown, used, expired, or for another
/// path.
pub(super) async fn redeem(
    app: &App,
    ticket: &str,
    path: &str,
) -> Result<Option<String>, ApiError> {
    let Ok(key) = ticket.parse::<MasterKey>() else {
        return Ok(None);
    };
    let id = key.fingerprint().map_err(ApiError::internal)?;
    let now = app.database_now();
    // anybody can send an invented ticket, which must not wait for the lock of writers
    let mut conn = app.store().read().await?;
    let exists = store::exists(&mut conn, &id, now).await?;
    drop(conn);
    if !exists {
        return Ok(None);
    }
    let taken = app
        .store()
        .write(async |conn: &mut Conn| store::take(conn, &id, now).await)
        .await?;
    let Some(sealed) = taken else {
        return Ok(None);
    };
    let content = key
        .open(PURPOSE, id.as_bytes(), &sealed)
        .map_err(ApiError::internal)?;
    let content: Content = serde_json::from_slice(&content).map_err(ApiError::internal)?;
    let is_for_path = content.path.is_none_or(|only| only == path);
    Ok(is_for_path.then_some(content.token))
}
