//! Authorization codes in the database.

use rolecall_core::Timestamp;

use super::flow::{request::AuthorizationRequest, store::json};
use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO authorization_codes (hash, era, client_id, subject_id, browser_session, request, amr, auth_time, \
        session_id, spent, created_at, expires_at, credentials) \
        SELECT $1, h.era, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM head h WHERE h.id = 1";
    SPEND = "UPDATE authorization_codes SET spent = $2 WHERE hash = $1 AND spent = $3 \
        AND era = (SELECT h.era FROM head h WHERE h.id = 1) \
        RETURNING client_id, subject_id, browser_session, request, amr, credentials, auth_time, session_id, expires_at";
    FIND_SUBJECT = "SELECT subject_id FROM authorization_codes WHERE hash = $1";
    FIND_SPENT = "SELECT subject_id, session_id FROM authorization_codes WHERE hash = $1 AND spent = $2";
    FORGET_SPENT = "DELETE FROM authorization_codes WHERE hash = $1 AND spent = $2";
    // each id stands between two spaces
    DELETE_RESTING_ON = "DELETE FROM authorization_codes WHERE subject_id = $1 AND spent = $3 \
        AND ' ' || credentials || ' ' LIKE $2";
    PRUNE = "DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes WHERE expires_at < $1 LIMIT $2)";
}

/// A code to keep.
pub(crate) struct NewCode<'a> {
    pub(crate) hash: &'a str,
    pub(crate) request: &'a AuthorizationRequest,
    pub(crate) subject_id: &'a str,
    pub(crate) browser_session: &'a str,
    pub(crate) amr: &'a str,
    pub(crate) credentials: &'a str,
    pub(crate) auth_time: Timestamp,
    /// The session that the code opens. It is known before, so that a second use can end it whichever is faster.
    pub(crate) session_id: &'a str,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

rows! {
    /// A code that was just spent.
    pub(crate) struct Code {
        pub(crate) client_id: String,
        pub(crate) subject_id: String,
        pub(crate) browser_session: String,
        pub(crate) request: AuthorizationRequest,
        pub(crate) amr: String,
        pub(crate) credentials: String,
        pub(crate) auth_time: Timestamp,
        pub(crate) session_id: String,
        pub(crate) expires_at: Timestamp,
    }

    /// The session that a code has opened.
    pub(crate) struct Spent {
        pub(crate) subject_id: String,
        pub(crate) session_id: String,
    }
}

/// Writes a new code.
pub(crate) async fn insert(conn: &mut Conn, code: &NewCode<'_>) -> Result<(), StoreError> {
    query(INSERT)
        .bind(code.hash)
        .bind(code.request.client_id.as_str())
        .bind(code.subject_id)
        .bind(code.browser_session)
        .bind(json(code.request)?)
        .bind(code.amr)
        .bind(code.auth_time)
        .bind(code.session_id)
        .bind(false)
        .bind(code.created_at)
        .bind(code.expires_at)
        .bind(code.credentials)
        .execute(conn)
        .await?;
    Ok(())
}

/// Finds the user whom a code is for, whether it was spent or not.
pub(crate) async fn find_subject(
    conn: &mut Conn,
    hash: &str,
) -> Result<Option<String>, StoreError> {
    query(FIND_SUBJECT).bind(hash).fetch_optional(conn).await
}

/// Spends a code; `None` if there is none or it was spent before.
pub(crate) async fn spend(conn: &mut Conn, hash: &str) -> Result<Option<Code>, StoreError> {
    let spend = query(SPEND).bind(hash).bind(true).bind(false);
    spend.fetch_optional(conn).await
}

/// Finds what a code that was spent before has opened.
pub(crate) async fn find_spent(conn: &mut Conn, hash: &str) -> Result<Option<Spent>, StoreError> {
    let find = query(FIND_SPENT).bind(hash).bind(true);
    find.fetch_optional(conn).await
}

/// Forgets a code that was spent; false if another request was faster.
pub(crate) async fn forget_spent(conn: &mut Conn, hash: &str) -> Result<bool, StoreError> {
    let forget = query(FORGET_SPENT).bind(hash).bind(true);
    Ok(forget.execute(conn).await? == 1)
}

/// Deletes the codes of a user that rest on a factor and were not spent.
pub(crate) async fn delete_resting_on(
    conn: &mut Conn,
    subject: &str,
    factor: &str,
) -> Result<(), StoreError> {
    let delete = query(DELETE_RESTING_ON).bind(subject);
    let delete = delete.bind(format!("% {factor} %")).bind(false);
    delete.execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` codes that expired before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
