//! Counts of what is going on.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    // the newest ones alone, so that a busy day keeps nobody waiting
    EVENTS_BY_HOUR = "SELECT e.kind, (e.at - $1) / 3600000000 AS hour, COUNT(*) AS count FROM \
        (SELECT kind, at FROM audit_events WHERE at > $1 ORDER BY at DESC LIMIT $2) e GROUP BY e.kind, (e.at - $1) / 3600000000";
    EXPIRING = "SELECT COUNT(*) FROM (SELECT subject_id FROM role_assignments \
        WHERE expires_at > $1 AND expires_at <= $2 AND ($3 = '*' OR tenant = $3) LIMIT $4) e";
    FIRST_EXPIRING = "SELECT MIN(expires_at) FROM role_assignments WHERE expires_at > $1 AND ($2 = '*' OR tenant = $2)";
    FAILED_MAILS = "SELECT CAST(COUNT(*) AS BIGINT) FROM rolecall_mails WHERE failed_at IS NOT NULL";
    LAST_FAILURE = "SELECT last_error FROM rolecall_mails WHERE failed_at IS NOT NULL AND last_error IS NOT NULL \
        ORDER BY id DESC LIMIT 1";
}

rows! {
    /// The events of one kind in one hour.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct EventCount {
        pub(crate) kind: String,
        /// The hours since the beginning.
        pub(crate) hour: i64,
        pub(crate) count: i64,
    }
}

/// Counts the events since a time by kind and hour, of the newest `limit`.
pub(super) async fn events_by_hour(
    conn: &mut Conn,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<EventCount>, StoreError> {
    let events = query(EVENTS_BY_HOUR).bind(since).bind(limit);
    events.fetch_all(conn).await
}

/// Counts the assignments that end between two times, up to `limit`; those in `tenant`, or all for `*`.
pub(super) async fn expiring(
    conn: &mut Conn,
    (from, until): (Timestamp, Timestamp),
    tenant: &str,
    limit: i64,
) -> Result<i64, StoreError> {
    let count = query(EXPIRING).bind(from).bind(until);
    count.bind(tenant).bind(limit).fetch_one(conn).await
}

/// Returns the end of the assignment that ends first after a time.
pub(super) async fn first_expiring(
    conn: &mut Conn,
    from: Timestamp,
    tenant: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let first = query(FIRST_EXPIRING).bind(from).bind(tenant);
    first.fetch_one(conn).await
}

/// Counts the mails that were given up.
pub(super) async fn failed_mails(conn: &mut Conn) -> Result<i64, StoreError> {
    query(FAILED_MAILS).fetch_one(conn).await
}

/// Returns the kind of error of the last mail that was given up.
pub(super) async fn last_failure(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    query(LAST_FAILURE).fetch_optional(conn).await
}
