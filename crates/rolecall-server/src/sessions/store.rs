use std::time::Duration;

use rolecall_core::{TenantName, Timestamp};

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    INSERT = "INSERT INTO sessions (id, subject_id, client_id, scope, granted, audience, tenant, address, salt, created_at, last_used_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)";
    FIND = "SELECT s.id, s.subject_id, s.client_id, s.scope, s.granted, s.audience, s.tenant, s.salt, s.generation, s.rotated_at, \
        s.created_at, s.last_used_at, s.expires_at, h.era FROM head h CROSS JOIN sessions s WHERE h.id = 1 AND s.id = $1";
    LIVE = "SELECT s.id, s.subject_id, s.client_id, s.scope, s.granted, s.audience, s.tenant, s.salt, s.generation, s.rotated_at, \
        s.created_at, s.last_used_at, s.expires_at, h.era FROM head h CROSS JOIN sessions s \
        WHERE h.id = 1 AND s.subject_id = $1 AND s.expires_at > $2 AND (s.salt IS NULL OR s.last_used_at > $3) ORDER BY s.id";
    ROTATE = "UPDATE sessions SET generation = generation + 1, rotated_at = $3, last_used_at = $3, address = $4 \
        WHERE id = $1 AND generation = $2";
    TOUCH = "UPDATE sessions SET last_used_at = $3, address = $4 WHERE id = $1 AND generation = $2";
    LIST = "SELECT id, client_id, address, created_at, last_used_at, expires_at FROM sessions \
        WHERE subject_id = $1 AND id > $2 AND expires_at > $3 AND (salt IS NULL OR last_used_at > $4) ORDER BY id LIMIT $5";
    IDLEST = "SELECT id FROM sessions WHERE subject_id = $1 AND id <> $2 ORDER BY last_used_at DESC, id DESC LIMIT 1000 OFFSET $3";
    END_ONE = "DELETE FROM sessions WHERE id = $1 AND subject_id = $2";
    END_OTHERS = "DELETE FROM sessions WHERE subject_id = $1 AND id <> $2";
    END_ALL = "DELETE FROM sessions WHERE subject_id = $1";
    END_OF_CLIENT = "DELETE FROM sessions WHERE client_id = $1";
    // the condition twice: a session that is refreshed meanwhile is looked at again, and stays
    PRUNE = "DELETE FROM sessions WHERE (expires_at < $1 OR last_used_at < $2) \
        AND id IN (SELECT id FROM sessions WHERE expires_at < $1 OR last_used_at < $2 LIMIT $3)";
}

/// A session as it is opened: it keeps what was asked for, so that each token is made from that anew.
pub(crate) struct NewSession<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject_id: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) scope: Option<&'a str>,
    pub(crate) granted: Option<&'a str>,
    pub(crate) audience: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) address: &'a str,
    /// Without a salt it has no refresh token.
    pub(crate) salt: Option<&'a str>,
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A session as a refresh finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) subject_id: String,
    pub(crate) client_id: String,
    pub(crate) scope: Option<String>,
    pub(crate) granted: Option<String>,
    pub(crate) audience: Option<String>,
    /// The tenant that was asked for; whether it may still be is asked anew for each token.
    pub(crate) tenant: Option<TenantName>,
    pub(crate) salt: Option<String>,
    pub(crate) generation: i64,
    pub(crate) rotated_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// The era that the database is in.
    pub(crate) era: String,
}

/// A session as its owner sees it.
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) address: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

pub(crate) async fn open(conn: &mut Conn, session: &NewSession<'_>) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(INSERT)
        .bind(session.id)
        .bind(session.subject_id)
        .bind(session.client_id)
        .bind(session.scope)
        .bind(session.granted)
        .bind(session.audience)
        .bind(session.tenant)
        .bind(session.address)
        .bind(session.salt)
        .bind(session.opened_at.micros())
        .bind(session.expires_at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

type Row = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    i64,
    i64,
    i64,
    i64,
    String,
);

fn session(row: Row) -> Result<Session, StoreError> {
    let (id, subject_id, client_id, scope, granted, audience, tenant, salt, ..) = row;
    let (.., generation, rotated_at, created_at, last_used_at, expires_at, era) = row;
    let tenant = tenant.map(|tenant| tenant.parse()).transpose();
    Ok(Session {
        id,
        subject_id,
        client_id,
        scope,
        granted,
        audience,
        tenant: tenant.map_err(StoreError::inconsistent)?,
        salt,
        generation,
        rotated_at: Timestamp::from_micros(rotated_at),
        created_at: Timestamp::from_micros(created_at),
        last_used_at: Timestamp::from_micros(last_used_at),
        expires_at: Timestamp::from_micros(expires_at),
        era,
    })
}

/// A session, with the era of the database.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Session>, StoreError> {
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(FIND)
        .bind(id)
        .fetch_optional(c)
        .await)?;
    row.map(session).transpose()
}

/// The sessions of a subject that have not ended; those with a refresh token end when they were not used since
/// `used_after`.
pub(crate) async fn live(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
    used_after: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(LIVE)
        .bind(subject)
        .bind(now.micros())
        .bind(used_after.micros())
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(session).collect()
}

/// Makes the successor of `generation` the one that counts; false if that is no longer the newest. Holds the
/// row until the end of the transaction, so whoever ends the session waits, or was first.
pub(crate) async fn rotate(
    conn: &mut Conn,
    session: &str,
    generation: i64,
    now: Timestamp,
    address: &str,
) -> Result<bool, StoreError> {
    use_row(conn, ROTATE, session, generation, now, address).await
}

/// Notes a use that rotates nothing, and holds the row; false if `generation` is no longer the newest.
pub(crate) async fn touch(
    conn: &mut Conn,
    session: &str,
    generation: i64,
    now: Timestamp,
    address: &str,
) -> Result<bool, StoreError> {
    use_row(conn, TOUCH, session, generation, now, address).await
}

async fn use_row(
    conn: &mut Conn,
    sql: &'static str,
    session: &str,
    generation: i64,
    now: Timestamp,
    address: &str,
) -> Result<bool, StoreError> {
    Ok(on!(conn, |c| sqlx::query(sql)
        .bind(session)
        .bind(generation)
        .bind(now.micros())
        .bind(address)
        .execute(c)
        .await
        .map(|done| done.rows_affected() == 1))?)
}

/// Up to `limit` sessions of a subject after `after` that have not ended; those with a refresh token end
/// when they were not used since `used_after`.
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    after: &str,
    now: Timestamp,
    used_after: Timestamp,
    limit: i64,
) -> Result<Vec<Shown>, StoreError> {
    type Row = (String, String, String, i64, i64, i64);
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(LIST)
        .bind(subject)
        .bind(after)
        .bind(now.micros())
        .bind(used_after.micros())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let shown = |(id, client_id, address, created_at, last_used_at, expires_at): Row| Shown {
        id,
        client_id,
        address,
        created_at: Timestamp::from_micros(created_at),
        last_used_at: Timestamp::from_micros(last_used_at),
        expires_at: Timestamp::from_micros(expires_at),
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// The sessions of a subject beyond `opened` and the `keep` others that were used last.
pub(crate) async fn idlest(
    conn: &mut Conn,
    subject: &str,
    opened: &str,
    keep: i64,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = on!(conn, |c| sqlx::query_as(IDLEST)
        .bind(subject)
        .bind(opened)
        .bind(keep)
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Ends one session of a subject; whether there was one.
pub(crate) async fn end(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    let conn = change.conn();
    Ok(on!(conn, |c| sqlx::query(END_ONE)
        .bind(id)
        .bind(subject)
        .execute(c)
        .await
        .map(|done| done.rows_affected() > 0))?)
}

/// Ends every session of a subject; how many there were.
pub(crate) async fn end_all(change: &mut Change<'_>, subject: &str) -> Result<u64, StoreError> {
    end_those(change, END_ALL, subject).await
}

/// Ends every session of a client; how many there were.
pub(crate) async fn end_of_client(
    change: &mut Change<'_>,
    client: &str,
) -> Result<u64, StoreError> {
    end_those(change, END_OF_CLIENT, client).await
}

async fn end_those(
    change: &mut Change<'_>,
    sql: &'static str,
    whose: &str,
) -> Result<u64, StoreError> {
    let conn = change.conn();
    Ok(on!(conn, |c| sqlx::query(sql)
        .bind(whose)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Ends every session of a subject but one.
pub(crate) async fn end_others(
    change: &mut Change<'_>,
    subject: &str,
    keep: &str,
) -> Result<(), StoreError> {
    let conn = change.conn();
    Ok(on!(conn, |c| sqlx::query(END_OTHERS)
        .bind(subject)
        .bind(keep)
        .execute(c)
        .await
        .map(drop))?)
}

/// Forgets up to `limit` of the sessions that have ended, or were idle for too long; how many. Takes nothing away.
pub(crate) async fn prune(
    conn: &mut Conn,
    now: Timestamp,
    idle: Duration,
    limit: i64,
) -> Result<u64, StoreError> {
    Ok(on!(conn, |c| sqlx::query(PRUNE)
        .bind(now.micros())
        .bind(now.minus(idle).micros())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}
