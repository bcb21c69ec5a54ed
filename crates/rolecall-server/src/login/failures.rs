//! Failed log-ins in a row, per account. The account is a keyed hash of the user name, so that unknown names are
//! counted too and the table holds no names.

use rolecall_core::Timestamp;

use crate::{
    store::{Conn, StoreError, queries, query, rows},
    throttle::MAX_FAILURES,
};

queries! {
    READ = "SELECT failures AS in_a_row, last_failed_at AS last_at FROM login_failures WHERE account = $1";
    COUNT = "INSERT INTO login_failures (account, failures, last_failed_at) VALUES ($1, 1, $2) \
        ON CONFLICT (account) DO UPDATE SET failures = login_failures.failures + 1, last_failed_at = excluded.last_failed_at \
        RETURNING failures";
    FORGET = "DELETE FROM login_failures WHERE account = $1";
    // PostgreSQL checks the outer condition again for an account that fails meanwhile, and keeps it
    PRUNE = "DELETE FROM login_failures WHERE last_failed_at < $1 AND failures < $2 \
        AND account IN (SELECT account FROM login_failures WHERE last_failed_at < $1 AND failures < $2 LIMIT $3)";
}

rows! {
    /// The failures of an account since its last success.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Failures {
        pub(crate) in_a_row: i64,
        pub(crate) last_at: Timestamp,
    }
}

impl Failures {
    /// Whether the account is locked: after [`MAX_FAILURES`] in a row, only a reset code or the command line opens it.
    pub(crate) fn is_locked(self) -> bool {
        self.in_a_row >= i64::from(MAX_FAILURES)
    }
}

/// Reads the failures of an account.
pub(crate) async fn read(conn: &mut Conn, account: &str) -> Result<Failures, StoreError> {
    let failures = query(READ).bind(account).fetch_optional(conn).await?;
    Ok(failures.unwrap_or_default())
}

/// Counts one more failure and returns the new number.
pub(crate) async fn count(
    conn: &mut Conn,
    account: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    query(COUNT).bind(account).bind(now).fetch_one(conn).await
}

/// Forgets the failures of an account.
pub(crate) async fn forget(conn: &mut Conn, account: &str) -> Result<(), StoreError> {
    query(FORGET).bind(account).execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` accounts that failed fewer than `keep_from` times and not since `before`, and returns their
/// number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    keep_from: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE)
        .bind(before)
        .bind(keep_from)
        .bind(limit)
        .execute(conn)
        .await
}
