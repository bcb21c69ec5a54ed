use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    RENEW_ERA = "UPDATE head SET era = $1 WHERE id = 1";
    END_SESSIONS = "DELETE FROM sessions";
    FORGET_FLOORS = "DELETE FROM floors";
    END_LEGACY_TOKENS = "UPDATE users SET legacy_name = NULL";
    CHECK_FILE = "SELECT CAST(COUNT(*) AS BIGINT) FROM head";
}

/// Gives the database a new era: every token of the old one has ended, so its floors are not needed.
/// How many sessions ended.
pub(super) async fn renew_era(change: &mut Change<'_>, era: &str) -> Result<u64, StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(RENEW_ERA)
        .bind(era)
        .execute(c)
        .await
        .map(drop))?;
    on!(conn, |c| sqlx::query(FORGET_FLOORS)
        .execute(c)
        .await
        .map(drop))?;
    // those of the old application know of no era
    on!(conn, |c| sqlx::query(END_LEGACY_TOKENS)
        .execute(c)
        .await
        .map(drop))?;
    Ok(on!(conn, |c| sqlx::query(END_SESSIONS)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Whether the database has a head: an empty or foreign one has none.
pub(super) async fn has_head(conn: &mut Conn) -> Result<bool, StoreError> {
    let (rows,): (i64,) = on!(conn, |c| sqlx::query_as(CHECK_FILE).fetch_one(c).await)?;
    Ok(rows == 1)
}
