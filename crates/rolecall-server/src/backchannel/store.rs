//! The clients that somebody signed in to, and the logout tokens to send them, in the database.

use rolecall_core::Timestamp;

use super::ending::{self, Which};
use crate::store::{Change, Conn, StoreError, queries, query, rows};

queries! {
    SIGN_IN = "INSERT INTO signed_in_clients (session_id, browser_session, subject_id, client_id, ends_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session_id) DO NOTHING";
    EXTEND = "UPDATE signed_in_clients SET ends_at = $2 WHERE browser_session = $1 AND ends_at < $2";
    FORGET_OLDER = "DELETE FROM signed_in_clients WHERE browser_session = $1 AND client_id = $2 AND session_id <> $3 \
        AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = signed_in_clients.session_id)";
    // both sessions are over, so that no log-out ends anything of it
    FORGET_OVER = "DELETE FROM signed_in_clients WHERE subject_id = $1 \
        AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = signed_in_clients.session_id) \
        AND NOT EXISTS (SELECT 1 FROM browser_sessions b WHERE b.id = signed_in_clients.browser_session)";
    FIND = "SELECT browser_session FROM signed_in_clients WHERE session_id = $1 AND subject_id = $2";
    CLIENTS_OF = "SELECT DISTINCT client_id FROM signed_in_clients WHERE browser_session = $1";
    // a quotation mark inside of a value is escaped, so that only the member itself can look like this
    NOTE_ALL = "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) \
        SELECT p.session_id, p.client_id, p.subject_id, 0, 0, CAST($1 AS BIGINT) \
        FROM signed_in_clients p JOIN clients c ON c.id = p.client_id \
        WHERE c.sign_in LIKE '%\"backchannel_logout_uri\":\"%' ON CONFLICT (session_id) DO NOTHING";
    FORGET_ALL = "DELETE FROM signed_in_clients";
    // jumps from client to client in the index, whatever waits for each of them; the first row from a client on is its
    // earliest one, and no other index has that order
    CLIENTS_WITH_DUE = "WITH RECURSIVE c (id) AS (SELECT MIN(client_id) FROM logout_notices UNION ALL \
            SELECT (SELECT MIN(n.client_id) FROM logout_notices n WHERE n.client_id > c.id) FROM c WHERE c.id IS NOT NULL) \
        SELECT w.client_id FROM (SELECT c.id AS client_id, (SELECT n.next_attempt_at FROM logout_notices n \
            WHERE n.client_id >= c.id ORDER BY n.client_id, n.next_attempt_at LIMIT 1) AS due_at FROM c WHERE c.id IS NOT NULL) w \
        WHERE w.due_at <= $1 ORDER BY w.due_at, w.client_id LIMIT $2";
    FIND_DUE = "SELECT session_id, client_id, subject_id, attempts FROM logout_notices \
        WHERE client_id = $1 AND next_attempt_at <= $2 ORDER BY next_attempt_at, session_id LIMIT $3";
    WAITING = "SELECT CAST(COUNT(*) AS BIGINT) AS count, MIN(created_at) AS oldest FROM logout_notices";
    FIND_LATER = "SELECT session_id FROM logout_notices WHERE next_attempt_at > $1 LIMIT 1";
    BRING_FORWARD = "UPDATE logout_notices SET next_attempt_at = $2 WHERE next_attempt_at > $1";
    BEGIN_ATTEMPT = "UPDATE logout_notices SET attempts = attempts + 1, next_attempt_at = $3 WHERE session_id = $1 AND attempts = $2";
    NOTE_ERROR = "UPDATE logout_notices SET last_error = $2 WHERE session_id = $1";
    UNDELIVERED = "SELECT c.name AS client, n.last_error AS error, CAST(COUNT(*) AS BIGINT) AS count \
        FROM logout_notices n JOIN clients c ON c.id = n.client_id WHERE n.last_error IS NOT NULL \
            OR (n.attempts = 0 AND n.created_at < $1) \
        GROUP BY c.name, n.last_error ORDER BY c.name, COALESCE(n.last_error, '~') LIMIT $2";
    BY_TLS = "SELECT name FROM clients WHERE sign_in LIKE '%\"backchannel_logout_uri\":\"https:%' ORDER BY name LIMIT 1";
    DELETE = "DELETE FROM logout_notices WHERE session_id = $1";
    PRUNE_NOTICES = "DELETE FROM logout_notices WHERE session_id IN \
        (SELECT session_id FROM logout_notices WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    PRUNE = "DELETE FROM signed_in_clients WHERE session_id IN (SELECT session_id FROM signed_in_clients WHERE ends_at < $1 LIMIT $2)";
}

/// The most sessions of clients that are over and that a user's log-out is still told of. Those that are not over have a
/// limit of their own (`sessions.per_user`).
pub(super) const MOST_OVER: i64 = 500;

/// A client that somebody signs in to.
pub(crate) struct SignedIn<'a> {
    /// The session of the client.
    pub(crate) session: &'a str,
    pub(crate) browser_session: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) client: &'a str,
    /// When both sessions have ended.
    pub(crate) ends_at: Timestamp,
}

/// The sessions of a subject that end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending<'a> {
    /// One session of a client.
    Session(&'a str),
    /// The session of a browser, and those of clients that were opened in it.
    Browser(&'a str),
    /// All browser sessions except one, and those of clients that were opened in them.
    OtherBrowsers(&'a str),
    /// All except one session of a client; all if the id is empty.
    Others(&'a str),
}

rows! {
    /// A logout token to send.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Due {
        pub(crate) session_id: String,
        pub(crate) client_id: String,
        pub(crate) subject_id: String,
        /// The attempts so far.
        pub(crate) attempts: i64,
    }
}

rows! {
    /// Logout tokens that a client did not take yet.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Undelivered {
        /// The name of the client.
        pub(crate) client: String,
        /// The kind of error of the last attempt; `None` before the first one.
        pub(crate) error: Option<String>,
        pub(crate) count: i64,
    }
}

rows! {
    /// The logout tokens that wait.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Waiting {
        pub(crate) count: i64,
        /// When the first of them was written.
        pub(crate) oldest: Option<Timestamp>,
    }
}

/// Notes that a user signed in to a client, and forgets earlier sessions of that client in this browser that are over. Of
/// those beyond [`MOST_OVER`] that are over in other browsers, the client is told now.
pub(crate) async fn sign_in(
    conn: &mut Conn,
    signed_in: &SignedIn<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    query(SIGN_IN)
        .bind(signed_in.session)
        .bind(signed_in.browser_session)
        .bind(signed_in.subject)
        .bind(signed_in.client)
        .bind(signed_in.ends_at)
        .execute(conn)
        .await?;
    let extend = query(EXTEND).bind(signed_in.browser_session);
    extend.bind(signed_in.ends_at).execute(conn).await?;
    query(FORGET_OLDER)
        .bind(signed_in.browser_session)
        .bind(signed_in.client)
        .bind(signed_in.session)
        .execute(conn)
        .await?;
    let forget = query(FORGET_OVER).bind(signed_in.subject);
    forget.execute(conn).await?;
    let kept = MOST_OVER.to_string();
    ending::end(conn, Which::Oldest, (signed_in.subject, &kept), now).await
}

/// Finds the browser session in which a session of a user was opened, while a client is still to be told of its end.
pub(crate) async fn find(
    conn: &mut Conn,
    session: &str,
    subject: &str,
) -> Result<Option<String>, StoreError> {
    let find = query(FIND).bind(session).bind(subject);
    find.fetch_optional(conn).await
}

/// Returns the clients that somebody signed in to with a browser.
pub(crate) async fn clients_of(
    conn: &mut Conn,
    browser_session: &str,
) -> Result<Vec<String>, StoreError> {
    let find = query(CLIENTS_OF).bind(browser_session);
    find.fetch_all(conn).await
}

/// Writes a logout token to send for each client that is to hear of the end of these sessions, and forgets them.
///
/// INVARIANT: it runs in the transaction that ends the sessions, and which holds the subject.
pub(crate) async fn end(
    change: &mut Change<'_>,
    subject: &str,
    ending: Ending<'_>,
) -> Result<(), StoreError> {
    let now = change.now();
    let (which, id) = match ending {
        Ending::Session(id) => (Which::Session, id),
        Ending::Browser(id) => (Which::Browser, id),
        Ending::OtherBrowsers(id) => (Which::OtherBrowsers, id),
        Ending::Others(id) => (Which::Others, id),
    };
    ending::end(change.conn(), which, (subject, id), now).await
}

/// The same for all sessions of all users. INVARIANT: the change holds all users.
pub(crate) async fn end_all(change: &mut Change<'_>) -> Result<(), StoreError> {
    let now = change.now();
    query(NOTE_ALL).bind(now).execute(change.conn()).await?;
    query(FORGET_ALL).execute(change.conn()).await?;
    Ok(())
}

/// Returns up to `limit` clients to which logout tokens are to be sent now, the one that waits for longest first.
pub(crate) async fn clients_with_due(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let clients = query(CLIENTS_WITH_DUE).bind(now).bind(limit);
    clients.fetch_all(conn).await
}

/// Returns up to `limit` logout tokens to send to a client now.
pub(crate) async fn find_due(
    conn: &mut Conn,
    client: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
    let due = query(FIND_DUE).bind(client).bind(now).bind(limit);
    due.fetch_all(conn).await
}

/// Returns true if an attempt is due after `latest`.
pub(crate) async fn has_later(conn: &mut Conn, latest: Timestamp) -> Result<bool, StoreError> {
    let found: Option<String> = query(FIND_LATER).bind(latest).fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Makes the attempts that are due after `latest` due at `now`.
pub(crate) async fn bring_forward(
    conn: &mut Conn,
    latest: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let bring = query(BRING_FORWARD).bind(latest).bind(now);
    bring.execute(conn).await?;
    Ok(())
}

/// Counts the logout tokens that wait.
pub(crate) async fn waiting(conn: &mut Conn) -> Result<Waiting, StoreError> {
    query(WAITING).fetch_one(conn).await
}

/// Counts an attempt, and sets when the next one is due unless this one succeeds. Returns false if another node makes
/// it: each attempt is made by one node, whatever their clocks show.
pub(crate) async fn begin_attempt(
    conn: &mut Conn,
    due: &Due,
    next_attempt_at: Timestamp,
) -> Result<bool, StoreError> {
    let rows = query(BEGIN_ATTEMPT)
        .bind(due.session_id.as_str())
        .bind(due.attempts)
        .bind(next_attempt_at)
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Keeps the kind of error of the last attempt.
pub(crate) async fn note_error(
    conn: &mut Conn,
    session: &str,
    error: &str,
) -> Result<(), StoreError> {
    let note = query(NOTE_ERROR).bind(session).bind(error);
    note.execute(conn).await?;
    Ok(())
}

/// Returns the logout tokens that were tried in vain and are sent again, and those that were written before `since` and not
/// tried, in up to `limit` groups.
pub(crate) async fn undelivered(
    conn: &mut Conn,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Undelivered>, StoreError> {
    query(UNDELIVERED)
        .bind(since)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Returns the name of a client that is told of log-outs by https, if there is one.
pub(crate) async fn by_tls(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    query(BY_TLS).fetch_optional(conn).await
}

/// Deletes a logout token that was delivered or given up.
pub(crate) async fn delete(conn: &mut Conn, session: &str) -> Result<(), StoreError> {
    query(DELETE).bind(session).execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` rows of clients whose sessions ended before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}

/// Deletes up to `limit` logout tokens that were written before `before`, and returns their number.
pub(crate) async fn prune_notices(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let prune = query(PRUNE_NOTICES).bind(before).bind(limit);
    prune.execute(conn).await
}
