//! The clients that somebody signed in to, and the logout tokens to send them, in the database.

use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, queries, query, rows};

queries! {
    SIGN_IN = "INSERT INTO signed_in_clients (session_id, browser_session, subject_id, client_id, ends_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session_id) DO NOTHING";
    EXTEND = "UPDATE signed_in_clients SET ends_at = $2 WHERE browser_session = $1 AND ends_at < $2";
    FORGET_OLDER = "DELETE FROM signed_in_clients WHERE browser_session = $1 AND client_id = $2 AND session_id <> $3 \
        AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = signed_in_clients.session_id)";
    FIND = "SELECT browser_session FROM signed_in_clients WHERE session_id = $1 AND subject_id = $2";
    // a quotation mark inside of a value is escaped, so that only the member itself can look like this
    NOTE = "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) \
        SELECT $2, c.id, $4, 0, 0, CAST($1 AS BIGINT) FROM clients c \
        WHERE c.id = $3 AND c.sign_in LIKE '%\"backchannel_logout_uri\":\"%' ON CONFLICT (session_id) DO NOTHING";
    NOTE_ALL = "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) \
        SELECT p.session_id, p.client_id, p.subject_id, 0, 0, CAST($1 AS BIGINT) \
        FROM signed_in_clients p JOIN clients c ON c.id = p.client_id \
        WHERE c.sign_in LIKE '%\"backchannel_logout_uri\":\"%' ON CONFLICT (session_id) DO NOTHING";
    FORGET_ALL = "DELETE FROM signed_in_clients";
    FORGET_SESSION = "DELETE FROM signed_in_clients WHERE subject_id = $1 AND session_id = $2 \
        RETURNING session_id, client_id";
    FORGET_BROWSER = "DELETE FROM signed_in_clients WHERE subject_id = $1 AND browser_session = $2 \
        RETURNING session_id, client_id";
    FORGET_OTHERS = "DELETE FROM signed_in_clients WHERE subject_id = $1 AND session_id <> $2 \
        RETURNING session_id, client_id";
    FORGET_OTHER_BROWSERS = "DELETE FROM signed_in_clients WHERE subject_id = $1 AND browser_session <> $2 \
        RETURNING session_id, client_id";
    // a client that does not answer takes only some of the places
    FIND_DUE = "SELECT d.session_id, d.client_id, d.subject_id, d.attempts FROM \
        (SELECT session_id, client_id, subject_id, attempts, next_attempt_at, \
            ROW_NUMBER() OVER (PARTITION BY client_id ORDER BY next_attempt_at, session_id) AS place \
         FROM logout_notices WHERE next_attempt_at <= $1) d \
        WHERE d.place <= $2 ORDER BY d.place, d.next_attempt_at, d.session_id LIMIT $3";
    BEGIN_ATTEMPT = "UPDATE logout_notices SET attempts = attempts + 1, next_attempt_at = $3 WHERE session_id = $1 AND attempts = $2";
    NOTE_ERROR = "UPDATE logout_notices SET last_error = $2 WHERE session_id = $1";
    UNDELIVERED = "SELECT c.name AS client, n.last_error AS error, CAST(COUNT(*) AS BIGINT) AS count \
        FROM logout_notices n JOIN clients c ON c.id = n.client_id WHERE n.last_error IS NOT NULL \
        GROUP BY c.name, n.last_error ORDER BY c.name, n.last_error LIMIT $1";
    BY_TLS = "SELECT name FROM clients WHERE sign_in LIKE '%\"backchannel_logout_uri\":\"https:%' ORDER BY name LIMIT 1";
    DELETE = "DELETE FROM logout_notices WHERE session_id = $1";
    PRUNE = "DELETE FROM signed_in_clients WHERE session_id IN (SELECT session_id FROM signed_in_clients WHERE ends_at < $1 LIMIT $2)";
}

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
    /// A session of a client that ends.
    struct Gone {
        session_id: String,
        client_id: String,
    }
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
        /// The kind of error of the last attempt.
        pub(crate) error: String,
        pub(crate) count: i64,
    }
}

/// Notes that a user signed in to a client, and forgets earlier sessions of that client in this browser that are over.
pub(crate) async fn sign_in(conn: &mut Conn, signed_in: &SignedIn<'_>) -> Result<(), StoreError> {
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
    Ok(())
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

/// Writes a logout token to send for each client that is to hear of the end of these sessions, and forgets them.
///
/// INVARIANT: it runs in the transaction that ends the sessions, and which holds the subject.
pub(crate) async fn end(
    change: &mut Change<'_>,
    subject: &str,
    ending: Ending<'_>,
) -> Result<(), StoreError> {
    let now = change.now();
    let (forget, id) = match ending {
        Ending::Session(id) => (FORGET_SESSION, id),
        Ending::Browser(id) => (FORGET_BROWSER, id),
        Ending::OtherBrowsers(id) => (FORGET_OTHER_BROWSERS, id),
        Ending::Others(id) => (FORGET_OTHERS, id),
    };
    // what is noted is what was deleted, and not what another statement would see
    let forget = query(forget).bind(subject).bind(id);
    let gone: Vec<Gone> = forget.fetch_all(change.conn()).await?;
    for one in &gone {
        query(NOTE)
            .bind(now)
            .bind(one.session_id.as_str())
            .bind(one.client_id.as_str())
            .bind(subject)
            .execute(change.conn())
            .await?;
    }
    Ok(())
}

/// The same for all sessions of all users. INVARIANT: the change holds all users.
pub(crate) async fn end_all(change: &mut Change<'_>) -> Result<(), StoreError> {
    let now = change.now();
    query(NOTE_ALL).bind(now).execute(change.conn()).await?;
    query(FORGET_ALL).execute(change.conn()).await?;
    Ok(())
}

/// Returns up to `limit` logout tokens to send now, and of one client up to `of_client`: first one of each client, then
/// another one of each, and so on.
pub(crate) async fn find_due(
    conn: &mut Conn,
    now: Timestamp,
    of_client: i64,
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
    let due = query(FIND_DUE).bind(now).bind(of_client).bind(limit);
    due.fetch_all(conn).await
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

/// Returns the logout tokens that were tried in vain and are sent again, in up to `limit` groups.
pub(crate) async fn undelivered(
    conn: &mut Conn,
    limit: i64,
) -> Result<Vec<Undelivered>, StoreError> {
    query(UNDELIVERED).bind(limit).fetch_all(conn).await
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
