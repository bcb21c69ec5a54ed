//! Sessions in the database.

use std::time::Duration;

use rolecall_core::{TenantName, Timestamp};

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO sessions (id, subject_id, client_id, scope, granted, audience, tenant, address, salt, created_at, last_used_at, expires_at, device, \
        browser_session, identity, auth_time, amr, credentials, agent) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    FIND = "SELECT s.id, s.subject_id, s.client_id, s.scope, s.granted, s.audience, s.tenant, s.address, s.salt, s.generation, s.rotated_at, \
        s.graces, s.graced_generation, s.device, s.created_at, s.last_used_at, s.expires_at, s.browser_session AS browser, s.identity, \
        s.auth_time, s.amr, s.credentials, h.era FROM head h CROSS JOIN sessions s WHERE h.id = 1 AND s.id = $1";
    LIVE = "SELECT s.id, s.subject_id, s.client_id, s.scope, s.granted, s.audience, s.tenant, s.address, s.salt, s.generation, s.rotated_at, \
        s.graces, s.graced_generation, s.device, s.created_at, s.last_used_at, s.expires_at, s.browser_session AS browser, s.identity, \
        s.auth_time, s.amr, s.credentials, h.era FROM head h CROSS JOIN sessions s \
        WHERE h.id = 1 AND s.subject_id = $1 AND s.expires_at > $2 AND (s.salt IS NULL OR s.last_used_at > $3) ORDER BY s.id";
    ROTATE = "UPDATE sessions SET generation = generation + 1, rotated_at = $3, last_used_at = $3, address = $4 \
        WHERE id = $1 AND generation = $2";
    USE_GRACE = "UPDATE sessions SET last_used_at = $3, address = $4, graces = graces + 1, graced_generation = $2 \
        WHERE id = $1 AND generation = $2 AND graced_generation < $2";
    LIST = "SELECT id, client_id, address, agent, created_at, last_used_at, expires_at FROM sessions \
        WHERE subject_id = $1 AND id > $2 AND expires_at > $3 AND (salt IS NULL OR last_used_at > $4) ORDER BY id LIMIT $5";
    NEWEST = "SELECT id, client_id, address, agent, created_at, last_used_at, expires_at FROM sessions \
        WHERE subject_id = $1 AND expires_at > $2 AND (salt IS NULL OR last_used_at > $3) ORDER BY last_used_at DESC, id DESC LIMIT $4";
    FIND_SHOWN = "SELECT id, client_id, address, agent, created_at, last_used_at, expires_at FROM sessions WHERE id = $1 AND subject_id = $2";
    IDLEST = "SELECT id FROM sessions WHERE subject_id = $1 AND id <> $2 AND salt IS NOT NULL \
        ORDER BY CASE WHEN client_id = $4 THEN 1 ELSE 0 END, last_used_at DESC, id DESC LIMIT 1000 OFFSET $3";
    IDLEST_IN_BROWSER = "SELECT id FROM sessions WHERE browser_session = $5 AND subject_id = $1 AND client_id = $4 AND id <> $2 \
        AND salt IS NOT NULL ORDER BY last_used_at DESC, id DESC LIMIT 1000 OFFSET $3";
    OLDEST_BRIEF = "SELECT id FROM sessions WHERE subject_id = $1 AND id <> $2 AND salt IS NULL \
        ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $3";
    // PostgreSQL checks the outer condition again for a session that is refreshed meanwhile, and keeps it
    PRUNE = "DELETE FROM sessions WHERE (expires_at < $1 OR last_used_at < $2) \
        AND id IN (SELECT id FROM sessions WHERE expires_at < $1 OR last_used_at < $2 LIMIT $3)";
}

/// A session to open. It keeps the requested scope, so that each token is made from it anew.
pub(crate) struct NewSession<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject_id: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) scope: Option<&'a str>,
    pub(crate) granted: Option<&'a str>,
    pub(crate) audience: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) address: &'a str,
    /// A few words about the program and the system of whoever opens it.
    pub(crate) agent: Option<&'a str>,
    pub(crate) device: &'a str,
    /// The salt of the refresh token; without one, the session has no refresh token.
    pub(crate) salt: Option<&'a str>,
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// For a session that somebody opened with a browser.
    pub(crate) browser: Option<InBrowser<'a>>,
}

/// What a session has from the browser session that it was opened in.
#[derive(Clone, Copy)]
pub(crate) struct InBrowser<'a> {
    /// The browser session; `None` if this one outlives it.
    pub(crate) id: Option<&'a str>,
    /// What was granted about the user's identity, as [`Identity`](crate::tokens::identity::Identity) writes it.
    pub(crate) identity: &'a str,
    pub(crate) auth_time: Timestamp,
    pub(crate) amr: &'a str,
    pub(crate) credentials: &'a str,
}

rows! {
    /// A session, with the era of the database.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Session {
        pub(crate) id: String,
        pub(crate) subject_id: String,
        pub(crate) client_id: String,
        pub(crate) scope: Option<String>,
        pub(crate) granted: Option<String>,
        pub(crate) audience: Option<String>,
        /// The requested tenant; each token checks anew if the subject may still act in it.
        pub(crate) tenant: Option<TenantName>,
        /// The address that received the newest refresh token.
        pub(crate) address: String,
        pub(crate) salt: Option<String>,
        pub(crate) generation: i64,
        pub(crate) rotated_at: Timestamp,
        /// The number of times that a replaced token was given its successor again.
        pub(crate) graces: i64,
        /// The generation that was given again last.
        pub(crate) graced_generation: i64,
        /// The device of the log-in.
        pub(crate) device: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
        pub(crate) expires_at: Timestamp,
        /// The browser session that it ends with.
        pub(crate) browser: Option<String>,
        /// What was granted about the user's identity.
        pub(crate) identity: Option<String>,
        /// When the user proved who they are, if that was before the session.
        pub(crate) auth_time: Option<Timestamp>,
        pub(crate) amr: Option<String>,
        /// The ids of the factors that the sign-in rests on, separated by spaces.
        pub(crate) credentials: String,
        pub(crate) era: String,
    }

    /// A session as its owner sees it.
    pub(crate) struct Shown {
        pub(crate) id: String,
        pub(crate) client_id: String,
        pub(crate) address: String,
        /// As in [`NewSession`].
        pub(crate) agent: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
        pub(crate) expires_at: Timestamp,
    }
}

/// Opens a session.
pub(crate) async fn open(conn: &mut Conn, session: &NewSession<'_>) -> Result<(), StoreError> {
    query(INSERT)
        .bind(session.id)
        .bind(session.subject_id)
        .bind(session.client_id)
        .bind(session.scope)
        .bind(session.granted)
        .bind(session.audience)
        .bind(session.tenant)
        .bind(session.address)
        .bind(session.salt)
        .bind(session.opened_at)
        .bind(session.expires_at)
        .bind(session.device)
        .bind(session.browser.and_then(|browser| browser.id))
        .bind(session.browser.map(|browser| browser.identity))
        .bind(session.browser.map(|browser| browser.auth_time))
        .bind(session.browser.map(|browser| browser.amr))
        .bind(session.browser.map_or("", |browser| browser.credentials))
        .bind(session.agent)
        .execute(conn)
        .await?;
    Ok(())
}

/// Finds a session by id.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Session>, StoreError> {
    query(FIND).bind(id).fetch_optional(conn).await
}

/// Returns the sessions of a subject that have not ended. A session with a refresh token has also ended if it was
/// last used at or before `used_after`.
pub(crate) async fn live(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
    used_after: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let sessions = query(LIVE).bind(subject).bind(now).bind(used_after);
    sessions.fetch_all(conn).await
}

/// Makes the next generation the current one; false if `generation` is no longer current. Locks the row until the end
/// of the transaction, so that a change that ends the session at the same time waits, or came first.
pub(crate) async fn rotate(
    conn: &mut Conn,
    session: &str,
    generation: i64,
    now: Timestamp,
    address: &str,
) -> Result<bool, StoreError> {
    use_row(conn, ROTATE, session, generation, now, address).await
}

/// Records that the newest token is given again and locks the row; false if `generation` is no longer current or was
/// given again before.
pub(crate) async fn use_grace(
    conn: &mut Conn,
    session: &str,
    generation: i64,
    now: Timestamp,
    address: &str,
) -> Result<bool, StoreError> {
    use_row(conn, USE_GRACE, session, generation, now, address).await
}

async fn use_row(
    conn: &mut Conn,
    sql: &'static str,
    session: &str,
    generation: i64,
    now: Timestamp,
    address: &str,
) -> Result<bool, StoreError> {
    let rows = query(sql)
        .bind(session)
        .bind(generation)
        .bind(now)
        .bind(address)
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Returns up to `limit` sessions of a subject after the id `after` that have not ended, like [`live`].
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    after: &str,
    now: Timestamp,
    used_after: Timestamp,
    limit: i64,
) -> Result<Vec<Shown>, StoreError> {
    query(LIST)
        .bind(subject)
        .bind(after)
        .bind(now)
        .bind(used_after)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Returns up to `limit` sessions of a subject that have not ended, like [`live`], the last used one first.
pub(crate) async fn newest(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
    used_after: Timestamp,
    limit: i64,
) -> Result<Vec<Shown>, StoreError> {
    let newest = query(NEWEST).bind(subject).bind(now);
    newest.bind(used_after).bind(limit).fetch_all(conn).await
}

/// Finds a session of a subject as its owner sees it.
pub(crate) async fn find_shown(
    conn: &mut Conn,
    id: &str,
    subject: &str,
) -> Result<Option<Shown>, StoreError> {
    let query = query(FIND_SHOWN).bind(id).bind(subject);
    query.fetch_optional(conn).await
}

/// Returns the sessions of a subject that have a refresh token, except `opened` and the `keep` others that are kept rather:
/// first those of other clients than the one of `opened`, and then those that were used last. No client can end the
/// sessions of others.
pub(crate) async fn idlest(
    conn: &mut Conn,
    subject: &str,
    (opened, client): (&str, &str),
    keep: i64,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(IDLEST).bind(subject).bind(opened).bind(keep);
    sessions.bind(client).fetch_all(conn).await
}

/// Returns the sessions with a refresh token that a client has in one browser, except `opened` and the `keep` others that
/// were used last.
pub(crate) async fn idlest_in_browser(
    conn: &mut Conn,
    subject: &str,
    (opened, client): (&str, &str),
    browser_session: &str,
    keep: i64,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(IDLEST_IN_BROWSER).bind(subject).bind(opened);
    let sessions = sessions.bind(keep).bind(client).bind(browser_session);
    sessions.fetch_all(conn).await
}

/// Returns the sessions of a subject that have no refresh token, except `opened` and the `keep` others that were opened
/// last.
pub(crate) async fn oldest_brief(
    conn: &mut Conn,
    subject: &str,
    opened: &str,
    keep: i64,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(OLDEST_BRIEF).bind(subject).bind(opened).bind(keep);
    sessions.fetch_all(conn).await
}

/// Deletes up to `limit` sessions that have ended or were idle for too long, and returns their number. Takes nothing
/// away.
pub(crate) async fn prune(
    conn: &mut Conn,
    now: Timestamp,
    idle: Duration,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE)
        .bind(now)
        .bind(now.minus(idle))
        .bind(limit)
        .execute(conn)
        .await
}
