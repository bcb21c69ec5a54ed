//! Invitations that a clock ahead has made, whose mail was not sent yet.

use rolecall_core::Timestamp;

use super::{
    seal,
    store::{self, Invitation},
};
use crate::{
    app::App,
    error::ApiError,
    login::secret::{self, Kind},
    store::Conn,
};

/// Lets the invitation to which a link leads begin now, if a clock ahead has made it, and returns the secret that takes the
/// place of `token`: its seal holds the times.
pub(crate) async fn retime(
    app: &App,
    conn: &mut Conn,
    token: &str,
    now: Timestamp,
) -> Result<Option<String>, ApiError> {
    let Some(hash) = secret::hash(app, Kind::Invitation, token) else {
        return Ok(None);
    };
    let Some(ahead) = store::find_ahead(conn, &hash, now).await? else {
        return Ok(None);
    };
    let lifetime = ahead.expires_at.since(ahead.created_at);
    let begun = Invitation {
        created_at: now,
        expires_at: now.plus(lifetime),
        ..ahead.clone()
    };
    // one that was edited stays as it is, and cannot be accepted
    let Some(renewed) = seal::renewed(app, &ahead, &begun, token) else {
        return Ok(None);
    };
    let renewed_hash = secret::hash(app, Kind::Invitation, &renewed).unwrap_or_default();
    store::retime(conn, (&hash, &renewed_hash), &begun).await?;
    Ok(Some(renewed))
}
