use rolecall_core::{Revision, Timestamp};

use crate::store::{Conn, StoreError, on, queries};

queries! {
    LAST_MARK = "SELECT mark FROM audit ORDER BY revision DESC LIMIT 1";
    INSERT = "INSERT INTO audit (revision, at, actor, changes, mark) VALUES ($1, $2, $3, $4, $5)";
    LIST_AFTER = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision > $1 ORDER BY revision LIMIT $2";
    LIST_BEFORE = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision < $1 ORDER BY revision DESC LIMIT $2";
    INSERT_EVENT = "INSERT INTO audit_events (id, at, kind, subject_id, address, detail) VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_EVENTS = "SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE id < $1 ORDER BY id DESC LIMIT $2";
    PRUNE_EVENTS = "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE at < $1 LIMIT $2)";
}

/// An entry as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) revision: Revision,
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) changes: String,
    pub(crate) mark: String,
}

/// Something that happened and changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) subject_id: Option<String>,
    pub(crate) address: String,
    pub(crate) detail: String,
}

pub(super) async fn last_mark(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = on!(conn, |c| sqlx::query_as(LAST_MARK).fetch_optional(c).await)?;
    Ok(row.map(|(mark,)| mark))
}

pub(super) async fn insert(conn: &mut Conn, entry: &Entry) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(INSERT)
        .bind(entry.revision)
        .bind(entry.at.micros())
        .bind(entry.actor.as_str())
        .bind(entry.changes.as_str())
        .bind(entry.mark.as_str())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

type EntryRow = (i64, i64, String, String, String);

fn entries(rows: Vec<EntryRow>) -> Vec<Entry> {
    let entry = |(revision, at, actor, changes, mark)| Entry {
        revision,
        at: Timestamp::from_micros(at),
        actor,
        changes,
        mark,
    };
    rows.into_iter().map(entry).collect()
}

/// Up to `limit` entries after `revision`, oldest first.
pub(super) async fn list_after(
    conn: &mut Conn,
    revision: Revision,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    Ok(entries(on!(conn, |c| sqlx::query_as(LIST_AFTER)
        .bind(revision)
        .bind(limit)
        .fetch_all(c)
        .await)?))
}

/// Up to `limit` entries before `revision`, newest first.
pub(super) async fn list_before(
    conn: &mut Conn,
    revision: Revision,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    Ok(entries(on!(conn, |c| sqlx::query_as(LIST_BEFORE)
        .bind(revision)
        .bind(limit)
        .fetch_all(c)
        .await)?))
}

pub(super) async fn insert_event(conn: &mut Conn, event: &Event) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(INSERT_EVENT)
        .bind(event.id.as_str())
        .bind(event.at.micros())
        .bind(event.kind.as_str())
        .bind(event.subject_id.as_deref())
        .bind(event.address.as_str())
        .bind(event.detail.as_str())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

type EventRow = (String, i64, String, Option<String>, String, String);

/// Up to `limit` events before `id`, newest first.
pub(super) async fn list_events(
    conn: &mut Conn,
    id: &str,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let rows: Vec<EventRow> = on!(conn, |c| sqlx::query_as(LIST_EVENTS)
        .bind(id)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let event = |(id, at, kind, subject_id, address, detail)| Event {
        id,
        at: Timestamp::from_micros(at),
        kind,
        subject_id,
        address,
        detail,
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Forgets up to `limit` events of before; how many.
pub(crate) async fn prune_events(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    Ok(on!(conn, |c| sqlx::query(PRUNE_EVENTS)
        .bind(before.micros())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}
