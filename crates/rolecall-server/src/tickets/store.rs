//! The stored tickets.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, queries, query};

queries! {
    INSERT = "INSERT INTO access_tickets (id, sealed, expires_at) VALUES ($1, $2, $3)";
    FIND = "SELECT id FROM access_tickets WHERE id = $1 AND expires_at > $2";
    TAKE = "DELETE FROM access_tickets WHERE id = $1 AND expires_at > $2 RETURNING sealed";
    PRUNE = "DELETE FROM access_tickets WHERE expires_at < $1 \
        AND id IN (SELECT id FROM access_tickets WHERE expires_at < $1 LIMIT $2)";
}

pub(super) async fn insert(
    conn: &mut Conn,
    id: &str,
    sealed: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let insert = query(INSERT).bind(id).bind(sealed).bind(expires_at);
    insert.execute(conn).await?;
    Ok(())
}

/// Returns true if there is a ticket with this id that has not expired.
pub(super) async fn exists(conn: &mut Conn, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let found: Option<String> = query(FIND).bind(id).bind(now).fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Deletes a ticket that has not expired and returns its sealed token. Of several at once, one gets it.
pub(super) async fn take(
    conn: &mut Conn,
    id: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    query(TAKE).bind(id).bind(now).fetch_optional(conn).await
}

/// Deletes up to `limit` tickets that expired before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
