//! Failures in a row, per account. The account is a keyed hash of the user name, so that unknown names are
//! counted alike and the table holds no names.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, on, queries};

queries! {
    READ = "SELECT failures, last_failed_at FROM login_failures WHERE account = $1";
    COUNT = "INSERT INTO login_failures (account, failures, last_failed_at) VALUES ($1, 1, $2) \
        ON CONFLICT (account) DO UPDATE SET failures = login_failures.failures + 1, last_failed_at = excluded.last_failed_at \
        RETURNING failures";
    FORGET = "DELETE FROM login_failures WHERE account = $1";
    // the condition twice: an account that fails meanwhile is looked at again, and stays
    PRUNE = "DELETE FROM login_failures WHERE last_failed_at < $1 AND failures < $2 \
        AND account IN (SELECT account FROM login_failures WHERE last_failed_at < $1 AND failures < $2 LIMIT $3)";
}

/// How an account stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) in_a_row: i64,
    pub(crate) last_at: Timestamp,
}

pub(crate) async fn read(conn: &mut Conn, account: &str) -> Result<Failures, StoreError> {
    let row: Option<(i64, i64)> = on!(conn, |c| sqlx::query_as(READ)
        .bind(account)
        .fetch_optional(c)
        .await)?;
    Ok(
        row.map_or_else(Failures::default, |(in_a_row, last)| Failures {
            in_a_row,
            last_at: Timestamp::from_micros(last),
        }),
    )
}

/// Counts one more; gives the new number.
pub(crate) async fn count(
    conn: &mut Conn,
    account: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let (failures,): (i64,) = on!(conn, |c| sqlx::query_as(COUNT)
        .bind(account)
        .bind(now.micros())
        .fetch_one(c)
        .await)?;
    Ok(failures)
}

pub(crate) async fn forget(conn: &mut Conn, account: &str) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(FORGET)
        .bind(account)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Forgets up to `limit` accounts that failed less than `keep_from` times, the last time before `before`; how many.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    keep_from: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    Ok(on!(conn, |c| sqlx::query(PRUNE)
        .bind(before.micros())
        .bind(keep_from)
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}
