//! Known addresses of accounts, and the failures of known devices and addresses.

use rolecall_core::Timestamp;

use super::failures::Failures;
use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    HOLDER_BY_NAME = "SELECT id, device_epoch AS epoch FROM users WHERE username = $1";
    HOLDER_BY_ID = "SELECT id, device_epoch AS epoch FROM users WHERE id = $1";
    IS_KNOWN = "SELECT used_at FROM known_addresses WHERE account = $1 AND network = $2 AND used_at > $3";
    HAS_ADDRESSES = "SELECT network FROM known_addresses WHERE account = $1 LIMIT 1";
    REMEMBER = "INSERT INTO known_addresses (account, network, used_at) VALUES ($1, $2, $3) \
        ON CONFLICT (account, network) DO UPDATE SET used_at = excluded.used_at";
    TRIM = "DELETE FROM known_addresses WHERE account = $1 AND network IN \
        (SELECT network FROM known_addresses WHERE account = $1 ORDER BY used_at DESC, network LIMIT 1000 OFFSET $2)";
    READ = "SELECT failures AS in_a_row, last_failed_at AS last_at FROM known_failures WHERE account = $1 AND source = $2";
    COUNT = "INSERT INTO known_failures (account, source, failures, last_failed_at) VALUES ($1, $2, 1, $3) \
        ON CONFLICT (account, source) DO UPDATE SET failures = known_failures.failures + 1, last_failed_at = excluded.last_failed_at \
        RETURNING failures";
    FORGET = "DELETE FROM known_failures WHERE account = $1 AND source = $2";
    FORGET_ALL = "DELETE FROM known_failures WHERE account = $1";
    FORGET_ADDRESSES = "DELETE FROM known_addresses WHERE account = $1";
    PRUNE_ADDRESSES = "DELETE FROM known_addresses WHERE used_at < $1 \
        AND (account, network) IN (SELECT account, network FROM known_addresses WHERE used_at < $1 LIMIT $2)";
    // a locked one stays locked, as it does in `login_failures`
    PRUNE_FAILURES = "DELETE FROM known_failures WHERE last_failed_at < $1 AND failures < $2 \
        AND (account, source) IN (SELECT account, source FROM known_failures WHERE last_failed_at < $1 AND failures < $2 LIMIT $3)";
}

rows! {
    /// The user who has an account.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Holder {
        pub(crate) id: String,
        /// Rises with each new password and user name: whoever signed in before is not known to be the owner of today.
        pub(crate) epoch: i64,
    }
}

/// Finds the user with this name.
pub(super) async fn holder_by_name(
    conn: &mut Conn,
    username: &str,
) -> Result<Option<Holder>, StoreError> {
    query(HOLDER_BY_NAME)
        .bind(username)
        .fetch_optional(conn)
        .await
}

/// Finds the user with this id.
pub(super) async fn holder_by_id(conn: &mut Conn, id: &str) -> Result<Option<Holder>, StoreError> {
    query(HOLDER_BY_ID).bind(id).fetch_optional(conn).await
}

/// Returns the last login from a network, if it was after `since`.
pub(super) async fn address_used_at(
    conn: &mut Conn,
    account: &str,
    network: &str,
    since: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let known = query(IS_KNOWN).bind(account).bind(network).bind(since);
    known.fetch_optional(conn).await
}

/// Returns true if an account was used from a network that is known.
pub(super) async fn has_addresses(conn: &mut Conn, account: &str) -> Result<bool, StoreError> {
    let found = query(HAS_ADDRESSES).bind(account);
    let found: Option<String> = found.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Writes that a network was used, and forgets all but the `keep` that were used last.
pub(super) async fn remember_address(
    conn: &mut Conn,
    account: &str,
    network: &str,
    now: Timestamp,
    keep: i64,
) -> Result<(), StoreError> {
    let remember = query(REMEMBER).bind(account).bind(network).bind(now);
    remember.execute(conn).await?;
    query(TRIM).bind(account).bind(keep).execute(conn).await?;
    Ok(())
}

/// Reads the failures of a known device or address.
pub(super) async fn read(
    conn: &mut Conn,
    account: &str,
    source: &str,
) -> Result<Failures, StoreError> {
    let failures = query(READ).bind(account).bind(source);
    Ok(failures.fetch_optional(conn).await?.unwrap_or_default())
}

/// Counts one more failure and returns the new number.
pub(super) async fn count(
    conn: &mut Conn,
    account: &str,
    source: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let count = query(COUNT).bind(account).bind(source).bind(now);
    count.fetch_one(conn).await
}

/// Forgets the failures of a known device or address.
pub(super) async fn forget(conn: &mut Conn, account: &str, source: &str) -> Result<(), StoreError> {
    let forget = query(FORGET).bind(account).bind(source);
    forget.execute(conn).await?;
    Ok(())
}

/// Forgets the failures of all known devices and addresses of an account.
pub(super) async fn forget_all(conn: &mut Conn, account: &str) -> Result<(), StoreError> {
    query(FORGET_ALL).bind(account).execute(conn).await?;
    Ok(())
}

/// Forgets the known addresses of an account.
pub(super) async fn forget_addresses(conn: &mut Conn, account: &str) -> Result<(), StoreError> {
    query(FORGET_ADDRESSES).bind(account).execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` addresses that were not used since `before`, and returns their number.
pub(crate) async fn prune_addresses(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let prune = query(PRUNE_ADDRESSES).bind(before).bind(limit);
    prune.execute(conn).await
}

/// Deletes the failures of up to `limit` known devices and addresses that failed fewer than `keep_from` times and not
/// since `before`, and returns their number.
pub(crate) async fn prune_failures(
    conn: &mut Conn,
    before: Timestamp,
    keep_from: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    let prune = query(PRUNE_FAILURES).bind(before).bind(keep_from);
    prune.bind(limit).execute(conn).await
}
