//! The age of a session that is refreshed.

use rolecall_core::Timestamp;

use super::error::OAuthError;
use crate::{app::App, sessions::store::Session, tokens::refresh_token::RefreshToken};

/// Returns the database's time, which is read once more if it would end the session of a genuine token: the clock may have
/// been ahead when this node looked at it last.
pub(super) async fn time_for(
    app: &App,
    token: &RefreshToken,
    session: &Session,
) -> Result<Timestamp, OAuthError> {
    let now = app.database_now();
    if !is_over(app, session, now) || !is_genuine(app, token, session) {
        return Ok(now);
    }
    let mut conn = app.store().read().await?;
    Ok(app.read_database_time(&mut conn).await?)
}

/// Returns true if a session has ended by its age.
pub(super) fn is_over(app: &App, session: &Session, now: Timestamp) -> bool {
    let idle = app.settings().sessions.idle;
    now >= session.expires_at || now >= session.last_used_at.plus(idle)
}

/// Returns true if a refresh token is one of this session, whichever.
pub(super) fn is_genuine(app: &App, token: &RefreshToken, session: &Session) -> bool {
    let signing = app.parts().keys.signing();
    let salt = session.salt.as_deref();
    salt.is_some_and(|salt| signing.refresh.verify(token, salt, &session.era))
}
