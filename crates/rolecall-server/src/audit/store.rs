//! The audit log in the database; its entries are written by the [`Chain`](crate::store::Chain).

use rolecall_core::{Revision, Timestamp};

use super::access::Access;
use crate::{
    store::{Conn, Entry, StoreError, queries, query, rows},
    times::rfc3339,
};

queries! {
    LIST_AFTER = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision > $1 ORDER BY revision LIMIT $2";
    LIST_BEFORE = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision < $1 ORDER BY revision DESC LIMIT $2";
    LIST_DETAILS = "SELECT changes FROM audit_details WHERE revision = $1 ORDER BY part";
    LOCK_HEAD = "UPDATE head SET revision = revision WHERE id = 1";
    LIST_ASSIGNMENTS = "SELECT subject_id, role, tenant, valid_from, expires_at FROM role_assignments \
        WHERE subject_id > $1 OR (subject_id = $1 AND (role > $2 OR (role = $2 AND tenant > $3))) \
        ORDER BY subject_id, role, tenant LIMIT $4";
    LIST_GRANTS = "SELECT role, permission FROM role_permissions UNION ALL SELECT role, object || ':*' FROM role_wildcards";
    LIST_JUNIORS = "SELECT senior, junior FROM role_juniors";
    LIST_APPROVALS = "SELECT name FROM roles WHERE approval = $1";
    INSERT_EVENT = "INSERT INTO audit_events (id, at, kind, subject_id, address, detail) VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_EVENTS = "SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE id < $1 ORDER BY id DESC LIMIT $2";
    LIST_EVENTS_OF = "SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE subject_id = $1 AND id < $2 \
        ORDER BY id DESC LIMIT $3";
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

/// The number of assignments that are read at a time.
const ASSIGNMENTS: i64 = 10_000;

rows! {
    struct Assigned {
        subject_id: String,
        role: String,
        tenant: String,
        valid_from: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    }
}

/// Keeps every change waiting until the end of the transaction.
pub(super) async fn lock_head(conn: &mut Conn) -> Result<(), StoreError> {
    query(LOCK_HEAD).execute(conn).await?;
    Ok(())
}

/// Returns the parts beside an entry, in their order.
pub(super) async fn list_details(
    conn: &mut Conn,
    revision: Revision,
) -> Result<Vec<String>, StoreError> {
    query(LIST_DETAILS).bind(revision).fetch_all(conn).await
}

/// Reads the access that the tables hold.
pub(super) async fn read_access(conn: &mut Conn) -> Result<Access, StoreError> {
    let mut access = Access::default();
    let (mut subject, mut role, mut tenant) = (String::new(), String::new(), String::new());
    loop {
        let page = query(LIST_ASSIGNMENTS)
            .bind(subject.as_str())
            .bind(role.as_str())
            .bind(tenant.as_str())
            .bind(ASSIGNMENTS);
        let page: Vec<Assigned> = page.fetch_all(conn).await?;
        for row in &page {
            let span = (row.valid_from.map(rfc3339), row.expires_at.map(rfc3339));
            access.assign(&row.subject_id, &row.role, &row.tenant, span);
        }
        let Some(last) = page.into_iter().next_back() else {
            break;
        };
        (subject, role, tenant) = (last.subject_id, last.role, last.tenant);
    }
    let grants: Vec<(String, String)> = query(LIST_GRANTS).fetch_all(conn).await?;
    for (role, permission) in &grants {
        access.grant(role, permission);
    }
    let juniors: Vec<(String, String)> = query(LIST_JUNIORS).fetch_all(conn).await?;
    for (senior, junior) in &juniors {
        access.inherit(senior, junior);
    }
    let approvals: Vec<String> = query(LIST_APPROVALS).bind(true).fetch_all(conn).await?;
    for role in &approvals {
        access.require_approval(role);
    }
    Ok(access)
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

/// Returns up to `limit` events of a subject before `id`, newest first.
pub(crate) async fn list_events_of(
    conn: &mut Conn,
    subject: &str,
    id: &str,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let events = query(LIST_EVENTS_OF).bind(subject).bind(id).bind(limit);
    events.fetch_all(conn).await
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
