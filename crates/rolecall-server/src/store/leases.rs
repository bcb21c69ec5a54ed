//! Leases: whose turn it is to do what one node at a time does.

use std::time::Duration;

use rolecall_core::Timestamp;

use super::{
    conn::Conn,
    error::StoreError,
    query::{queries, query},
};

queries! {
    TAKE_LEASE = "UPDATE leases SET holder = $2, ends_at = $3 WHERE name = $1 AND (holder = $2 OR ends_at <= $4 OR ends_at > $5)";
    RELEASE_LEASE = "UPDATE leases SET ends_at = 0 WHERE name = $1 AND holder = $2";
}

/// Takes or renews the lease `name` for `length`; returns whether `node` has it until the end of the transaction. A lease
/// that ends too far in the future was written by a node with a wrong clock, and is ignored.
pub(crate) async fn take_lease(
    conn: &mut Conn,
    (name, node): (&str, &str),
    now: Timestamp,
    length: Duration,
) -> Result<bool, StoreError> {
    let ends_at = now.plus(length);
    let rows = query(TAKE_LEASE)
        .bind(name)
        .bind(node)
        .bind(ends_at)
        .bind(now)
        .bind(ends_at.plus(length))
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Gives the lease `name` back, so that another node need not wait for its end.
pub(crate) async fn release_lease(
    conn: &mut Conn,
    (name, node): (&str, &str),
) -> Result<(), StoreError> {
    query(RELEASE_LEASE)
        .bind(name)
        .bind(node)
        .execute(conn)
        .await?;
    Ok(())
}
