//! Reads the audit log.

use rolecall::PermissionName as _;
use rolecall_core::Revision;

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
