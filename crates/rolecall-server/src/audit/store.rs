//! The audit log in the database; its entries are written by the [`Chain`](crate::store::Chain).

use rolecall_core::{Revision, Timestamp};

use crate::store::{Conn, Entry, StoreError, queries, query, rows};

queries! {
    LIST_AFTER = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision > $1 ORDER BY revision LIMIT $2";
    LIST_BEFORE = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision < $1 ORDER BY revision DESC LIMIT $2";
    INSERT_EVENT = "INSERT INTO audit_events (id, at, kind, subject_id, address, detail) VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_EVENTS = "SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE id < $1 ORDER BY id DESC LIMIT $2";
    PRUNE_EVENTS = "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE at < $1 LIMIT $2)";
}

rows! {
    /// An event that changed nothing: a login or a refusal.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Event {
        pub(crate) id: String,
        pub(crate) at: Timestamp,
        pub(crate) kind: String,
        pub(crate) subject_id: Option<String>,
        pub(crate) address: String,
        pub(crate) detail: String,
    }
}

/// Returns up to `limit` entries after `revision`, oldest first.
pub(super) async fn list_after(
    conn: &mut Conn,
    revision: Revision,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let entries = query(LIST_AFTER).bind(revision).bind(limit);
    entries.fetch_all(conn).await
}

/// Returns up to `limit` entries before `revision`, newest first.
pub(super) async fn list_before(
    conn: &mut Conn,
    revision: Revision,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let entries = query(LIST_BEFORE).bind(revision).bind(limit);
    entries.fetch_all(conn).await
}

/// Writes an event.
pub(super) async fn insert_event(conn: &mut Conn, event: &Event) -> Result<(), StoreError> {
    query(INSERT_EVENT)
        .bind(event.id.as_str())
        .bind(event.at)
        .bind(event.kind.as_str())
        .bind(event.subject_id.as_deref())
        .bind(event.address.as_str())
        .bind(event.detail.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Returns up to `limit` events before `id`, newest first.
pub(super) async fn list_events(
    conn: &mut Conn,
    id: &str,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    query(LIST_EVENTS)
        .bind(id)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Deletes up to `limit` events from before `before`, and returns their number.
pub(crate) async fn prune_events(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE_EVENTS)
        .bind(before)
        .bind(limit)
        .execute(conn)
        .await
}
