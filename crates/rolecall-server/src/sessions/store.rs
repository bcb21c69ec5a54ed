use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    INSERT = "INSERT INTO sessions (id, subject_id, client_id, scope, audience, tenant, address, created_at, last_used_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";
    END_OTHERS = "DELETE FROM sessions WHERE subject_id = $1 AND id <> $2";
    END_ALL = "DELETE FROM sessions WHERE subject_id = $1";
    PRUNE = "DELETE FROM sessions WHERE expires_at < $1";
}

/// A session as it is opened: it keeps what was asked for, so that each token is made from that anew.
pub(crate) struct NewSession<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject_id: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) scope: Option<&'a str>,
    pub(crate) audience: Option<&'a str>,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) address: &'a str,
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

pub(crate) async fn open(conn: &mut Conn, session: &NewSession<'_>) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(INSERT)
        .bind(session.id)
        .bind(session.subject_id)
        .bind(session.client_id)
        .bind(session.scope)
        .bind(session.audience)
        .bind(session.tenant)
        .bind(session.address)
        .bind(session.opened_at.micros())
        .bind(session.expires_at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Ends every session of a subject; how many there were.
pub(crate) async fn end_all(change: &mut Change<'_>, subject: &str) -> Result<u64, StoreError> {
    let conn = change.conn();
    Ok(on!(conn, |c| sqlx::query(END_ALL)
        .bind(subject)
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

/// Forgets sessions that have ended. Takes nothing away.
pub(crate) async fn prune(conn: &mut Conn, now: Timestamp) -> Result<u64, StoreError> {
    Ok(on!(conn, |c| sqlx::query(PRUNE)
        .bind(now.micros())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}
