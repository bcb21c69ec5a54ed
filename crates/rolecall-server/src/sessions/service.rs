//! The rules for sessions.

use rolecall::PermissionName as _;
use rolecall::Principal;
use rolecall_core::FloorKind;
use serde_json::json;

use super::{
    endings,
    store::{self, Shown},
};
use crate::authority::reads;
use crate::{
    accounts::rights_over,
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    store::Conn,
};

/// Returns up to `limit` sessions of a user after the id `after`.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    user: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Shown>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    list_of(app, user, after, limit).await
}

/// Returns up to `limit` of the caller's own sessions after the id `after`; for a narrowed token, only its own.
pub(crate) async fn list_own(
    app: &App,
    caller: &Principal,
    after: &str,
    limit: i64,
) -> Result<Vec<Shown>, ApiError> {
    if caller.narrowed() {
        let own = caller.session().unwrap_or_default();
        let mut conn = app.store().read().await?;
        let shown = store::find_shown(&mut conn, own, caller.subject()).await?;
        return Ok(shown.into_iter().filter(|_| after < own).collect());
    }
    list_of(app, caller.subject(), after, limit).await
}

async fn list_of(app: &App, user: &str, after: &str, limit: i64) -> Result<Vec<Shown>, ApiError> {
    let now = app.now();
    let used_after = now.minus(app.settings().sessions.idle);
    let mut conn = app.store().read().await?;
    Ok(store::list(&mut conn, user, after, now, used_after, limit).await?)
}

/// Ends one of the caller's own sessions, the token's own included. No quota keeps anybody from that: a session ends
/// once.
///
/// # Errors
///
/// [`ApiError::Lacks`] for another session than that of a narrowed token: its owner handed it on for less than the
/// whole account.
pub(crate) async fn end_own(app: &App, caller: &Principal, session: &str) -> Result<(), ApiError> {
    let subject = caller.subject();
    let own = caller.session() == Some(session);
    if caller.narrowed() && !own {
        return Err(ApiError::Lacks(None));
    }
    // every change waits for all others, so that none is begun for a session that is not there
    if !own && !exists(app, session, subject).await? {
        return Ok(());
    }
    let caller = Caller::Token(caller);
    app.change_unlimited(caller, async |change| {
        Rights::load(app, change, caller).await?;
        // a session that is over may be forgotten while a token of it still lives
        if endings::end(change, session, subject).await? || own {
            refuse_tokens(change, "session.ended", session, subject);
        }
        Ok(())
    })
    .await
}

/// Returns true if a user has a session with this id.
pub(crate) async fn exists(app: &App, session: &str, subject: &str) -> Result<bool, ApiError> {
    let mut conn = app.store().read().await?;
    let found = store::find_shown(&mut conn, session, subject).await?;
    Ok(found.is_some())
}

/// Ends one session of another user. Returns `false` if there is no such live session.
pub(crate) async fn end_of(
    app: &App,
    caller: Caller<'_>,
    user: &str,
    session: &str,
) -> Result<bool, ApiError> {
    app.change(caller, async |change| {
        rights_over::require(app, change, caller, may::RevokeSessions::NAME, user).await?;
        end(change, "session.ended", session, user).await
    })
    .await
}

/// Ends a session and its tokens, and records that as `action`. Returns `false` if it had ended already.
pub(crate) async fn end(
    change: &mut crate::store::Change<'_>,
    action: &str,
    session: &str,
    subject: &str,
) -> Result<bool, ApiError> {
    let ended = endings::end(change, session, subject).await?;
    if ended {
        refuse_tokens(change, action, session, subject);
    }
    Ok(ended)
}

fn refuse_tokens(
    change: &mut crate::store::Change<'_>,
    action: &str,
    session: &str,
    subject: &str,
) {
    change.raise_floor_of(subject, FloorKind::Sid, session);
    record_end(change, action, session, subject);
}

fn record_end(change: &mut crate::store::Change<'_>, action: &str, session: &str, subject: &str) {
    change.record(json!({ "action": action, "session": session, "subject": subject }));
}

/// How many times as many sessions without a refresh token a user may have. They end with their access token, and are
/// limited only so that a script cannot fill the table.
const BRIEF_FACTOR: i64 = 10;

/// The sessions with a refresh token that one client keeps in one browser. A page that signs in again when it is loaded
/// opens one each time; windows beside each other have one each.
const KEPT_IN_BROWSER: i64 = 10;
/// So many more may collect before they end, all in one change.
const COLLECTED_IN_BROWSER: usize = 10;

/// A session that was just opened, with what decides which others end for it.
pub(crate) struct JustOpened<'a> {
    pub(crate) id: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) browser_session: Option<&'a str>,
    /// It has a refresh token.
    pub(crate) is_lasting: bool,
}

/// The sessions that a user has beyond what is allowed, and never the one just `opened`: of the same client in the same
/// browser, then of the same client, then the idlest. Those with a refresh token and those without count apart, so that a
/// script that logs in again and again ends nobody's session.
pub(crate) async fn surplus(
    app: &App,
    conn: &mut Conn,
    user: &str,
    opened: &JustOpened<'_>,
) -> Result<Vec<String>, ApiError> {
    let most = i64::from(app.settings().sessions.per_user);
    if !opened.is_lasting {
        let most = most.saturating_mul(BRIEF_FACTOR);
        return Ok(store::oldest_brief(conn, user, opened.id, most.saturating_sub(1)).await?);
    }
    let this = (opened.id, opened.client_id);
    if let Some(browser) = opened.browser_session {
        let keep = KEPT_IN_BROWSER - 1;
        let idlest = store::idlest_in_browser(conn, user, this, browser, keep).await?;
        if idlest.len() > COLLECTED_IN_BROWSER {
            return Ok(idlest);
        }
    }
    Ok(store::idlest(conn, user, this, most.saturating_sub(1)).await?)
}

/// Ends these sessions of a user.
pub(crate) async fn end_surplus(app: &App, user: &str, surplus: &[String]) -> Result<(), ApiError> {
    if surplus.is_empty() {
        return Ok(());
    }
    app.change(Caller::System, async |change| {
        for session in surplus {
            if endings::end(change, session, user).await? {
                // a floor of its own, which is never merged: a floor for the user would end the token just issued
                change.raise_floor(FloorKind::Sid, session);
                record_end(change, "session.ended", session, user);
            }
        }
        Ok(())
    })
    .await
}
