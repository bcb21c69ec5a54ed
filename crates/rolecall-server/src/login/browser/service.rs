//! The rules for browser sessions.

use std::time::Duration;

use rolecall_core::{FloorKind, Timestamp};
use serde_json::json;

use super::store::{self, BrowserSession};
use crate::{
    app::App,
    authority::caller::Caller,
    backchannel::store::{self as backchannel, Ending},
    boxed::Boxed,
    error::ApiError,
    login::secret::{self, Kind},
    sessions,
    settings::BrowserLimits,
    store::{Change, Conn, StoreError, gate},
};

/// The time for which the secret just replaced still counts.
const GRACE: Duration = Duration::from_secs(30);

impl BrowserLimits {
    /// Returns true if the session was not used for too long.
    pub(crate) fn is_idle(&self, session: &BrowserSession, now: Timestamp) -> bool {
        now >= session.last_used_at.plus(self.idle(session.stays))
    }

    /// Returns the time since when no session that still lives was unused.
    pub(crate) fn idle_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.idle(false).max(self.idle(true)))
    }
}

/// Finds the live session whose secret a browser sent. Anything wrong with it is as none.
pub(crate) async fn find(
    app: &App,
    cookie: Option<&str>,
) -> Result<Option<BrowserSession>, ApiError> {
    let hash = cookie.and_then(|cookie| secret::hash(app, Kind::BrowserSession, cookie));
    let Some(hash) = hash else {
        return Ok(None);
    };
    let now = app.now();
    let mut conn = app.store().read().await?;
    let mut found = store::find(&mut conn, &hash, now).await?;
    if found.is_none() {
        let since = now.minus(GRACE);
        found = store::find_by_previous(&mut conn, &hash, now, since).await?;
    }
    let limits = &app.settings().browser;
    Ok(found.filter(|session| !limits.is_idle(session, now)))
}

/// Returns a session of a user that lives, and holds its row until the end of the transaction: whoever ends the session waits, and
/// ends what is opened in it now too; or they were first, and there is none.
pub(crate) async fn hold(
    app: &App,
    conn: &mut Conn,
    (id, subject): (&str, &str),
    now: Timestamp,
) -> Result<Option<BrowserSession>, StoreError> {
    let found = store::find_by_id(conn, id, now).await?;
    let own = found.filter(|session| session.subject_id == subject);
    let live = own.filter(|session| !app.settings().browser.is_idle(session, now));
    let is_held = live.is_some() && store::touch(conn, id, now).await?;
    Ok(live.filter(|_| is_held))
}

/// Returns the live browser sessions of a user, the last used one first.
pub(crate) async fn list(app: &App, subject: &str) -> Result<Vec<BrowserSession>, ApiError> {
    let now = app.now();
    let mut sessions = store::list(&mut app.store().read().await?, subject, now).await?;
    let limits = &app.settings().browser;
    sessions.retain(|session| !limits.is_idle(session, now));
    Ok(sessions)
}

/// Signs a user out of one browser: the session ends, and with it those of clients that were opened in it and have not
/// asked to outlive it.
pub(crate) async fn end(app: &App, subject: &str, id: &str) -> Result<(), ApiError> {
    app.change_unlimited(Caller::System, async |change| {
        end_in(change, subject, id).await?;
        Ok(())
    })
    .await
}

/// The same inside a change that does more. Returns `false` if the session has ended before.
pub(crate) fn end_in<'a>(
    change: &'a mut Change<'_>,
    subject: &'a str,
    id: &'a str,
) -> Boxed<'a, Result<bool, StoreError>> {
    Box::pin(async move {
        gate::hold(change.conn(), subject).await?;
        if !store::end(change, id, subject).await? {
            return Ok(false);
        }
        // also of clients whose session outlives that of the browser, or ended before
        backchannel::end(change, subject, Ending::Browser(id)).await?;
        let sessions = store::sessions_in(change.conn(), id, subject).await?;
        for session in &sessions {
            if sessions::endings::end(change, session, subject).await? {
                // a floor of its own, which is never merged: a floor for the user would end other browsers
                change.raise_floor(FloorKind::Sid, session);
            }
        }
        change.record(json!({
        "action": "browser_session.ended", "browser_session": id, "subject": subject, "sessions": sessions,
    }));
        Ok(true)
    })
}

/// Ends the sessions that a user has beyond what is allowed, those that were not used for longest.
pub(crate) async fn end_surplus(app: &App, subject: &str) -> Result<(), ApiError> {
    let most = i64::from(app.settings().sessions.per_user);
    let mut conn: Conn = app.store().read().await?;
    let surplus = store::surplus(&mut conn, subject, most).await?;
    drop(conn);
    for id in surplus {
        end(app, subject, &id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(stays: bool) -> BrowserSession {
        let now = Timestamp::from_seconds(1_900_000_000);
        BrowserSession {
            id: "b".to_owned(),
            subject_id: "u".to_owned(),
            username: "alice".to_owned(),
            amr: "pwd".to_owned(),
            credentials: String::new(),
            auth_time: now,
            stays,
            address: String::new(),
            agent: None,
            created_at: now,
            last_used_at: now,
            expires_at: now.plus(BrowserLimits::default().lifetime(stays)),
        }
    }

    #[test]
    fn an_unused_session_ends_earlier_unless_its_owner_stays_signed_in() {
        let limits = BrowserLimits::default();
        let after = |hours| {
            session(false)
                .last_used_at
                .plus(Duration::from_hours(hours))
        };
        assert!(!limits.is_idle(&session(false), after(7)));
        assert!(limits.is_idle(&session(false), after(8)));
        assert!(!limits.is_idle(&session(true), after(29 * 24)));
        assert!(limits.is_idle(&session(true), after(30 * 24)));
        let nobody_stays = BrowserLimits {
            stay: None,
            ..limits
        };
        assert!(nobody_stays.is_idle(&session(true), after(8)));
        assert_eq!(nobody_stays.lifetime(true), Duration::from_hours(24));
        assert_eq!(
            nobody_stays.idle_since(after(8)),
            session(true).last_used_at
        );
    }
}
