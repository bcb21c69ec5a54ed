//! Browser sessions in the database.

use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO browser_sessions (id, secret_hash, era, subject_id, amr, auth_time, stays, address, created_at, \
        last_used_at, expires_at, credentials, agent) SELECT $1, $2, h.era, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11 FROM head h WHERE h.id = 1";
    // FALSE stands for an account that is active
    FIND = "SELECT b.id, b.subject_id, u.username, b.amr, b.credentials, b.auth_time, b.stays, b.address, b.agent, b.created_at, b.last_used_at, \
        b.expires_at FROM browser_sessions b JOIN head h ON h.id = 1 AND h.era = b.era JOIN users u ON u.id = b.subject_id \
        WHERE b.secret_hash = $1 AND b.expires_at > $2 AND u.disabled = $3 AND u.must_change_password = $3";
    FIND_BY_PREVIOUS = "SELECT b.id, b.subject_id, u.username, b.amr, b.credentials, b.auth_time, b.stays, b.address, b.agent, b.created_at, b.last_used_at, \
        b.expires_at FROM browser_sessions b JOIN head h ON h.id = 1 AND h.era = b.era JOIN users u ON u.id = b.subject_id \
        WHERE b.previous_hash = $1 AND b.expires_at > $2 AND u.disabled = $3 AND u.must_change_password = $3 AND b.replaced_at > $4";
    FIND_BY_ID = "SELECT b.id, b.subject_id, u.username, b.amr, b.credentials, b.auth_time, b.stays, b.address, b.agent, b.created_at, b.last_used_at, \
        b.expires_at FROM browser_sessions b JOIN head h ON h.id = 1 AND h.era = b.era JOIN users u ON u.id = b.subject_id \
        WHERE b.id = $1 AND b.expires_at > $2";
    LIST = "SELECT b.id, b.subject_id, u.username, b.amr, b.credentials, b.auth_time, b.stays, b.address, b.agent, b.created_at, b.last_used_at, \
        b.expires_at FROM browser_sessions b JOIN head h ON h.id = 1 AND h.era = b.era JOIN users u ON u.id = b.subject_id \
        WHERE b.subject_id = $1 AND b.expires_at > $2 ORDER BY b.last_used_at DESC, b.id";
    CONTINUE = "UPDATE browser_sessions SET secret_hash = $2, last_used_at = $3, amr = $4, auth_time = $5, stays = $6, \
        address = $7, expires_at = $8, credentials = $10, agent = $11, previous_hash = NULL, replaced_at = NULL \
        WHERE id = $1 AND subject_id = $9";
    ROTATE = "UPDATE browser_sessions SET previous_hash = secret_hash, replaced_at = $4, secret_hash = $3 \
        WHERE id = $1 AND secret_hash = $2";
    TOUCH = "UPDATE browser_sessions SET last_used_at = $2 WHERE id = $1";
    END = "DELETE FROM browser_sessions WHERE id = $1 AND subject_id = $2";
    END_OTHERS = "DELETE FROM browser_sessions WHERE subject_id = $1 AND id <> $2 RETURNING id";
    SESSIONS = "SELECT id FROM sessions WHERE browser_session = $1 AND subject_id = $2 ORDER BY id";
    // each id stands between two spaces
    RESTING_ON = "SELECT id FROM browser_sessions WHERE subject_id = $1 AND ' ' || credentials || ' ' LIKE $2 AND id <> $3 ORDER BY id";
    SURPLUS = "SELECT id FROM browser_sessions WHERE subject_id = $1 ORDER BY last_used_at DESC, id DESC LIMIT 1000 OFFSET $2";
    PRUNE = "DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions WHERE expires_at < $1 OR last_used_at < $2 LIMIT $3)";
}

rows! {
    /// Somebody who is signed in.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct BrowserSession {
        pub(crate) id: String,
        pub(crate) subject_id: String,
        pub(crate) username: String,
        /// The methods by which the user proved who they are (RFC 8176), separated by spaces.
        pub(crate) amr: String,
        /// The ids of the factors by which they did, separated by spaces.
        pub(crate) credentials: String,
        /// When the user did so.
        pub(crate) auth_time: Timestamp,
        pub(crate) stays: bool,
        pub(crate) address: String,
        /// A few words about the program and the system, such as `Firefox on Linux`; `None` if they are unknown.
        pub(crate) agent: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
        pub(crate) expires_at: Timestamp,
    }
}

/// Writes a new session.
pub(crate) async fn insert(
    conn: &mut Conn,
    session: &BrowserSession,
    secret_hash: &str,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(session.id.as_str())
        .bind(secret_hash)
        .bind(session.subject_id.as_str())
        .bind(session.amr.as_str())
        .bind(session.auth_time)
        .bind(session.stays)
        .bind(session.address.as_str())
        .bind(session.created_at)
        .bind(session.expires_at)
        .bind(session.credentials.as_str())
        .bind(session.agent.as_deref())
        .execute(conn)
        .await?;
    Ok(())
}

/// Finds the session with this secret, of a user whose account is active, in the present era.
pub(crate) async fn find(
    conn: &mut Conn,
    secret_hash: &str,
    now: Timestamp,
) -> Result<Option<BrowserSession>, StoreError> {
    let find = query(FIND).bind(secret_hash).bind(now).bind(false);
    find.fetch_optional(conn).await
}

/// The same for the secret that was replaced after `since`.
pub(crate) async fn find_by_previous(
    conn: &mut Conn,
    secret_hash: &str,
    now: Timestamp,
    since: Timestamp,
) -> Result<Option<BrowserSession>, StoreError> {
    let find = query(FIND_BY_PREVIOUS).bind(secret_hash).bind(now);
    find.bind(false).bind(since).fetch_optional(conn).await
}

/// Replaces the secret `from` of a session; false if it is another one, or the session has ended.
pub(crate) async fn rotate(
    conn: &mut Conn,
    id: &str,
    (from, to): (&str, &str),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rotate = query(ROTATE).bind(id).bind(from).bind(to).bind(now);
    Ok(rotate.execute(conn).await? == 1)
}

/// Finds a session by id, in the present era.
pub(crate) async fn find_by_id(
    conn: &mut Conn,
    id: &str,
    now: Timestamp,
) -> Result<Option<BrowserSession>, StoreError> {
    query(FIND_BY_ID)
        .bind(id)
        .bind(now)
        .fetch_optional(conn)
        .await
}

/// Returns the sessions of a user, the last used one first.
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
) -> Result<Vec<BrowserSession>, StoreError> {
    query(LIST).bind(subject).bind(now).fetch_all(conn).await
}

/// Gives a session another secret and a new proof; false if it has ended. The secret before the present one counts no more
/// either: a copy of it must not get what is proven now.
pub(crate) async fn renew(
    conn: &mut Conn,
    session: &BrowserSession,
    secret_hash: &str,
) -> Result<bool, StoreError> {
    let rows = query(CONTINUE)
        .bind(session.id.as_str())
        .bind(secret_hash)
        .bind(session.last_used_at)
        .bind(session.amr.as_str())
        .bind(session.auth_time)
        .bind(session.stays)
        .bind(session.address.as_str())
        .bind(session.expires_at)
        .bind(session.subject_id.as_str())
        .bind(session.credentials.as_str())
        .bind(session.agent.as_deref())
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Notes that a session is used; false if it has ended. Locks the row until the end of the transaction.
pub(crate) async fn touch(conn: &mut Conn, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(query(TOUCH).bind(id).bind(now).execute(conn).await? == 1)
}

/// Ends a session of a user. Returns `false` if there is no such session.
pub(crate) async fn end(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    let end = query(END).bind(id).bind(subject);
    Ok(end.execute(change.conn()).await? > 0)
}

/// Ends every session of a user except `keep`, and returns their ids.
pub(crate) async fn end_others(
    change: &mut Change<'_>,
    subject: &str,
    keep: &str,
) -> Result<Vec<String>, StoreError> {
    let end = query(END_OTHERS).bind(subject).bind(keep);
    end.fetch_all(change.conn()).await
}

/// Returns the sessions of clients that were opened in a browser session.
pub(crate) async fn sessions_in(
    conn: &mut Conn,
    id: &str,
    subject: &str,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(SESSIONS).bind(id).bind(subject);
    sessions.fetch_all(conn).await
}

/// Returns the sessions of a user that rest on a factor, except `kept`.
pub(crate) async fn resting_on(
    conn: &mut Conn,
    subject: &str,
    factor: &str,
    kept: &str,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(RESTING_ON).bind(subject);
    let sessions = sessions.bind(format!("% {factor} %")).bind(kept);
    sessions.fetch_all(conn).await
}

/// Returns the sessions of a user except the `keep` that were used last.
pub(crate) async fn surplus(
    conn: &mut Conn,
    subject: &str,
    keep: i64,
) -> Result<Vec<String>, StoreError> {
    query(SURPLUS)
        .bind(subject)
        .bind(keep)
        .fetch_all(conn)
        .await
}

/// Deletes up to `limit` sessions that have expired or were not used since `idle_since`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    now: Timestamp,
    idle_since: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE)
        .bind(now)
        .bind(idle_since)
        .bind(limit)
        .execute(conn)
        .await
}
