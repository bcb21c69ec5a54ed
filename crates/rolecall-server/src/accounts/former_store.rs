//! Former addresses in the database.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, queries, query};

queries! {
    PUT = "INSERT INTO rolecall_former_addresses (subject_id, address, expires_at) VALUES ($1, $2, $3) \
        ON CONFLICT (subject_id) DO UPDATE SET address = excluded.address, expires_at = excluded.expires_at";
    FIND = "SELECT address FROM rolecall_former_addresses WHERE subject_id = $1 AND expires_at > $2";
    FORGET = "DELETE FROM rolecall_former_addresses WHERE subject_id = $1 AND expires_at > $2";
    PRUNE = "DELETE FROM rolecall_former_addresses WHERE subject_id IN \
        (SELECT subject_id FROM rolecall_former_addresses WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
}

/// Stores the address of a user, in place of the one before.
pub(super) async fn put(
    conn: &mut Conn,
    subject: &str,
    address: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let put = query(PUT).bind(subject).bind(address).bind(expires_at);
    put.execute(conn).await?;
    Ok(())
}

/// Finds the address of a user that still counts at `now`.
pub(super) async fn find(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let find = query(FIND).bind(subject).bind(now);
    find.fetch_optional(conn).await
}

/// Deletes the address of a user; false if there was none that counted at `now`.
pub(super) async fn forget(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let forget = query(FORGET).bind(subject).bind(now);
    Ok(forget.execute(conn).await? > 0)
}

/// Deletes up to `limit` addresses that have expired before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
