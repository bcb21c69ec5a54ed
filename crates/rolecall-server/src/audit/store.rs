//! The audit log in the database; its entries are written by the [`Chain`](crate::store::Chain).

use rolecall_core::{Revision, Timestamp};

use super::{
    access::Access,
    filter::{Filter, pattern},
};
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
    // the window keeps a filter that matches nothing from reading the whole log
    SEARCH = "SELECT revision, at, actor, changes, mark FROM audit WHERE revision >= $1 AND revision < $2 AND at >= $3 AND at < $4 \
        AND ($5 = '' OR actor = $5 OR actor = $6 OR actor = $7) AND changes LIKE $8 ESCAPE '!' \
        AND (changes LIKE $9 ESCAPE '!' OR changes LIKE $10 ESCAPE '!') ORDER BY revision DESC LIMIT $11";
    SEARCH_EVENTS = "SELECT id, at, kind, subject_id, address, detail FROM \
        (SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3) e \
        WHERE at >= $4 AND at < $5 AND ($6 = '' OR kind = $6) ORDER BY id DESC LIMIT $7";
    SEARCH_EVENTS_OF = "SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE subject_id = $1 \
        AND id >= $2 AND id < $3 AND at >= $4 AND at < $5 AND ($6 = '' OR kind = $6) ORDER BY id DESC LIMIT $7";
    SKIP_EVENTS = "SELECT id FROM audit_events WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1 OFFSET $3";
    FIND_EVENT = "SELECT id, at, kind, subject_id, address, detail FROM audit_events WHERE id = $1";
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

/// The entries that one query looks at.
pub(super) struct Window {
    /// The lowest revision, and the first that is too high.
    pub(super) revisions: (Revision, Revision),
    /// The first time, and the first that is too late.
    pub(super) times: (Timestamp, Timestamp),
    pub(super) limit: i64,
}

/// Returns the entries of a window that may match, newest first. Databases compare with or without regard to case, so the
/// caller looks again.
pub(super) async fn search(
    conn: &mut Conn,
    window: &Window,
    filter: &Filter,
) -> Result<Vec<Entry>, StoreError> {
    let who = filter.who.as_str();
    let of_kind = |kind: &str| format!("{kind}:{who}");
    let what = match filter.what.as_str() {
        "" => "%".to_owned(),
        what => pattern("\"action\":\"", what),
    };
    let values = filter.about.iter();
    let mut about = values.map(|value| {
        // as the log writes it
        let written = serde_json::Value::from(value.as_str()).to_string();
        pattern("", &written)
    });
    let first = about.next().unwrap_or_else(|| "%".to_owned());
    let second = about.next().unwrap_or_else(|| first.clone());
    let (user, client) = (of_kind("user"), of_kind("client"));
    let search = query(SEARCH)
        .bind(window.revisions.0)
        .bind(window.revisions.1)
        .bind(window.times.0)
        .bind(window.times.1)
        .bind(who)
        .bind(user.as_str())
        .bind(client.as_str())
        .bind(what.as_str())
        .bind(first.as_str())
        .bind(second.as_str())
        .bind(window.limit);
    search.fetch_all(conn).await
}

/// The events that one query looks at.
pub(super) struct EventQuery<'a> {
    /// The lowest id, and the first that is too high.
    pub(super) ids: (&'a str, &'a str),
    /// The first time, and the first that is too late.
    pub(super) times: (Timestamp, Timestamp),
    /// Empty for all kinds.
    pub(super) kind: &'a str,
    /// Empty for the events of everybody; then no more than `window` events are looked at.
    pub(super) subject: &'a str,
    pub(super) window: i64,
    pub(super) limit: i64,
}

/// Returns events that match, newest first.
pub(super) async fn search_events(
    conn: &mut Conn,
    wanted: &EventQuery<'_>,
) -> Result<Vec<Event>, StoreError> {
    let (ids, times) = (wanted.ids, wanted.times);
    let search = if wanted.subject.is_empty() {
        query(SEARCH_EVENTS)
            .bind(ids.0)
            .bind(ids.1)
            .bind(wanted.window)
    } else {
        query(SEARCH_EVENTS_OF)
            .bind(wanted.subject)
            .bind(ids.0)
            .bind(ids.1)
    };
    let search = search.bind(times.0).bind(times.1).bind(wanted.kind);
    search.bind(wanted.limit).fetch_all(conn).await
}

/// Returns the id of the event that is the last of a window; `None` if fewer events follow.
pub(super) async fn skip_events(
    conn: &mut Conn,
    lowest: &str,
    before: &str,
    window: i64,
) -> Result<Option<String>, StoreError> {
    let last = query(SKIP_EVENTS).bind(lowest).bind(before);
    last.bind(window.saturating_sub(1))
        .fetch_optional(conn)
        .await
}

/// Returns the event with this id, if there is one.
pub(super) async fn find_event(conn: &mut Conn, id: &str) -> Result<Option<Event>, StoreError> {
    query(FIND_EVENT).bind(id).fetch_optional(conn).await
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
