//! The order in which transactions lock what they share, so that none waits for another that waits for it.
//!
//! Whoever writes rows of a subject (its user, browser sessions, sessions, codes, consents, sign-ins or active roles) first
//! holds the row of `subjects`: a sign-in and a loss of one user run one after the other, whatever each of them writes. A
//! transaction that writes something of a client's too holds the client's row next, shared with others: only the end of the
//! client holds it alone. Users come before clients, and all of it before any other row.
//!
//! A change holds the head before all of that, and nothing else ever waits for the head with one of these rows.
//!
//! SQLite has one writer at a time, so that there is nothing to hold.

use super::{conn::Conn, error::StoreError, query::query};

/// Excludes others that hold it, and not rows that refer to it.
const HOLD: &str = "SELECT id FROM subjects WHERE id = $1 FOR NO KEY UPDATE";
const SHARE: &str = "SELECT id FROM subjects WHERE id = $1 FOR SHARE";
const HOLD_USERS_OF_CLIENT: &str = "SELECT id FROM subjects WHERE id IN \
    (SELECT subject_id FROM sessions WHERE client_id = $1 UNION SELECT subject_id FROM signed_in_clients WHERE client_id = $1) \
    AND kind = 'user' ORDER BY id FOR NO KEY UPDATE";
const HOLD_USERS: &str =
    "SELECT id FROM subjects WHERE kind = 'user' ORDER BY id FOR NO KEY UPDATE";

/// The statements of this file, which PostgreSQL alone understands.
#[cfg(test)]
pub(super) const ALL: &[(&str, &str)] = &[
    ("HOLD", HOLD),
    ("SHARE", SHARE),
    ("HOLD_USERS_OF_CLIENT", HOLD_USERS_OF_CLIENT),
    ("HOLD_USERS", HOLD_USERS),
];

/// Holds a subject until the end of the transaction. Does nothing if there is none.
pub(crate) async fn hold(conn: &mut Conn, subject: &str) -> Result<(), StoreError> {
    run(conn, HOLD, Some(subject)).await
}

/// Holds a subject, and a client that others may hold for their subjects at the same time.
pub(crate) async fn hold_with(
    conn: &mut Conn,
    subject: &str,
    client: &str,
) -> Result<(), StoreError> {
    run(conn, HOLD, Some(subject)).await?;
    run(conn, SHARE, Some(client)).await
}

/// Holds a client alone, and the users who signed in through it.
pub(crate) async fn hold_client(conn: &mut Conn, client: &str) -> Result<(), StoreError> {
    run(conn, HOLD_USERS_OF_CLIENT, Some(client)).await?;
    run(conn, HOLD, Some(client)).await
}

/// Holds all users.
pub(crate) async fn hold_users(conn: &mut Conn) -> Result<(), StoreError> {
    run(conn, HOLD_USERS, None).await
}

async fn run(conn: &mut Conn, sql: &'static str, id: Option<&str>) -> Result<(), StoreError> {
    if !conn.is_postgres() {
        return Ok(());
    }
    let statement = query(sql);
    let statement = match id {
        Some(id) => statement.bind(id),
        None => statement,
    };
    statement.execute(conn).await?;
    Ok(())
}
