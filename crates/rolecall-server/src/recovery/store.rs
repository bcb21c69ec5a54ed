//! Statements that put a database from a backup into service.

use crate::{
    backchannel::store as backchannel,
    invitations::store as invitations,
    mail::{store as mails, token_store as links},
    store::{Change, Conn, StoreError, gate, queries, query},
};

queries! {
    RENEW_ERA = "UPDATE head SET era = $1 WHERE id = 1";
    END_SESSIONS = "DELETE FROM sessions";
    FORGET_ACTIVE_ROLES = "DELETE FROM active_roles";
    FORGET_FLOORS = "DELETE FROM floors";
    END_LEGACY_TOKENS = "UPDATE users SET legacy_name = NULL";
    CHECK_FILE = "SELECT CAST(COUNT(*) AS BIGINT) FROM head";
}

/// Starts a new era, which ends every token and session, and returns the number of sessions. Clients are told of those
/// that this database knows. Floors of the old era are no longer needed.
pub(super) async fn renew_era(change: &mut Change<'_>, era: &str) -> Result<u64, StoreError> {
    // those of the backup would come twice. Before the users: whoever sends one holds it first, and then its user
    mails::forget_all(change.conn()).await?;
    gate::hold_users(change.conn()).await?;
    backchannel::end_all(change).await?;
    let conn = change.conn();
    query(RENEW_ERA).bind(era).execute(conn).await?;
    query(FORGET_FLOORS).execute(conn).await?;
    query(FORGET_ACTIVE_ROLES).execute(conn).await?;
    // those of the backup may have been used since
    links::forget_all(conn).await?;
    invitations::forget_all(conn).await?;
    // tokens of the application before carry no era, so they end by the name of their user
    query(END_LEGACY_TOKENS).execute(conn).await?;
    query(END_SESSIONS).execute(conn).await
}

/// Returns true if the database has a head: an empty database or one of another program has none.
pub(super) async fn has_head(conn: &mut Conn) -> Result<bool, StoreError> {
    let rows: i64 = query(CHECK_FILE).fetch_one(conn).await?;
    Ok(rows == 1)
}
