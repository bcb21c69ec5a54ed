//! Reads what belongs to one user. It asks for no permission: for the user's own pages and account.

use rolecall_core::RoleAssignment;

use crate::{
    accounts::{shown::ShownUser, store as accounts},
    app::App,
    audit::store::{self as audit, Event},
    consents::service::{self as consents, AllowedClient},
    error::ApiError,
    login::browser::{service as browsers, store::BrowserSession},
    profile::rules::Party,
    roles::assignment_store,
    sessions::store::{self as sessions, Shown},
};

/// The most sessions, applications and events in a document.
const MOST: i64 = 10_000;

/// The data of a user.
pub(crate) struct OwnData {
    pub(crate) user: ShownUser,
    /// Assignments that are not valid now too.
    pub(crate) assignments: Vec<RoleAssignment>,
    pub(crate) sessions: Vec<Shown>,
    pub(crate) browsers: Vec<BrowserSession>,
    pub(crate) allowed: Vec<AllowedClient>,
    /// The newest first.
    pub(crate) events: Vec<Event>,
}

/// Returns the data of a user; `None` if the user is gone.
pub(crate) async fn collect(app: &App, subject: &str) -> Result<Option<OwnData>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let Some(user) = accounts::find_user(&mut conn, subject, now).await? else {
        return Ok(None);
    };
    let assignments = assignment_store::all_of(&mut conn, subject).await?;
    let used_after = now.minus(app.settings().sessions.idle);
    let sessions = sessions::newest(&mut conn, subject, now, used_after, MOST).await?;
    let events = audit::list_events_of(&mut conn, subject, NEWEST, MOST).await?;
    drop(conn);
    Ok(Some(OwnData {
        user: ShownUser::to(app, Party::Owner, user),
        assignments,
        sessions,
        browsers: browsers::list(app, subject).await?,
        allowed: consents::list(app, subject, "", MOST).await?,
        events,
    }))
}

/// Sorts after every id, since these are hexadecimal.
const NEWEST: &str = "g";

/// Returns up to `limit` events of a user before the event with id `before`, newest first.
pub(crate) async fn list_events(
    app: &App,
    subject: &str,
    before: &str,
    limit: i64,
) -> Result<Vec<Event>, ApiError> {
    let before = if before.is_empty() { NEWEST } else { before };
    let mut conn = app.store().read().await?;
    Ok(audit::list_events_of(&mut conn, subject, before, limit).await?)
}
