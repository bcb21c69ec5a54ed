//! Reads the audit log.

use rolecall::PermissionName as _;
use rolecall_core::Revision;
use serde_json::Value;

use super::store::{self, Event};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    store::{Conn, Entry, StoreError},
};

/// Returns up to `limit` entries before revision `before`, newest first.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    before: Option<Revision>,
    limit: i64,
) -> Result<Vec<Entry>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    Ok(store::list_before(&mut conn, before.unwrap_or(Revision::MAX), limit).await?)
}

/// Returns the entry of a revision, if there is one. It asks for no permission: rolecall itself reads it at a start.
pub(crate) async fn find_entry(
    conn: &mut Conn,
    revision: Revision,
) -> Result<Option<Entry>, StoreError> {
    let newest = store::list_before(conn, revision.saturating_add(1), 1).await?;
    Ok(newest.into_iter().find(|entry| entry.revision == revision))
}

/// The most entries that [`are_all`] reads.
const MAX_READ: i64 = 50;

/// Returns true if every change from revision `first` to the one before `next` is one of `actions`; false also if there
/// are too many to read.
pub(crate) async fn are_all(
    conn: &mut Conn,
    (first, next): (Revision, Revision),
    actions: &[&str],
) -> Result<bool, StoreError> {
    let count = next.saturating_sub(first);
    if !(0..=MAX_READ).contains(&count) {
        return Ok(false);
    }
    let entries = store::list_before(conn, next, count).await?;
    let is_one = |change: &Value| {
        let action = change.get("action").and_then(Value::as_str);
        action.is_some_and(|action| actions.contains(&action))
    };
    let is_known = |entry: &Entry| {
        let changes: Vec<Value> = serde_json::from_str(&entry.changes).unwrap_or_default();
        entry.revision >= first && !changes.is_empty() && changes.iter().all(is_one)
    };
    Ok(i64::try_from(entries.len()) == Ok(count) && entries.iter().all(is_known))
}

/// Returns up to `limit` events before the event with id `before`, newest first.
pub(crate) async fn list_events(
    app: &App,
    caller: Caller<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Event>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    // ids are hexadecimal, so `g` sorts after every id
    let before = if before.is_empty() { "g" } else { before };
    Ok(store::list_events(&mut conn, before, limit).await?)
}

/// Returns up to `limit` events of a user before the event with id `before`, newest first.
pub(crate) async fn list_events_of(
    app: &App,
    caller: Caller<'_>,
    subject: &str,
    before: &str,
    limit: i64,
) -> Result<Vec<Event>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    let before = if before.is_empty() { "g" } else { before };
    Ok(store::list_events_of(&mut conn, subject, before, limit).await?)
}
