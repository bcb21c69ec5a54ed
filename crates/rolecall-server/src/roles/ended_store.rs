use rolecall_core::{RoleName, TenantName, Timestamp};

use super::assignment_store::{read_tenant, stored};
use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    PUT_ENDED = "INSERT INTO ended_assignments (subject_id, role, tenant, ended_at, ended_by) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (subject_id, role, tenant) DO UPDATE SET ended_at = excluded.ended_at, ended_by = excluded.ended_by";
    FORGET_ENDED = "DELETE FROM ended_assignments WHERE subject_id = $1 AND role = $2 AND tenant = $3";
    LIST_ENDED = "SELECT role, tenant, ended_at, ended_by FROM ended_assignments WHERE subject_id = $1 \
        ORDER BY ended_at DESC, role, tenant LIMIT 200";
    HOLDERS = "SELECT DISTINCT u.id, u.username FROM role_assignments a JOIN users u ON u.id = a.subject_id \
        WHERE a.role = $1 AND (a.tenant = '' OR a.tenant = $2) AND u.disabled = $4 AND u.must_change_password = $4 \
        AND (a.valid_from IS NULL OR a.valid_from <= $3) AND (a.expires_at IS NULL OR a.expires_at > $3) \
        ORDER BY u.id LIMIT $5";
}

/// An assignment that was taken away, the last time that it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) role: RoleName,
    /// None for a global one.
    pub(crate) tenant: Option<TenantName>,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
}

/// Remembers that an assignment was taken away, for whoever asks later why something is not allowed.
pub(crate) async fn remember_ended(
    change: &mut Change<'_>,
    subject: &str,
    ended: &Ended,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(PUT_ENDED)
        .bind(subject)
        .bind(ended.role.as_str())
        .bind(stored(ended.tenant.as_ref()))
        .bind(ended.at.micros())
        .bind(ended.by.as_str())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// What is given again was not taken away.
pub(crate) async fn forget_ended(
    change: &mut Change<'_>,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(FORGET_ENDED)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// What was taken from a subject, the latest first.
pub(crate) async fn ended_of(conn: &mut Conn, subject: &str) -> Result<Vec<Ended>, StoreError> {
    let rows: Vec<(String, String, i64, String)> = on!(conn, |c| sqlx::query_as(LIST_ENDED)
        .bind(subject)
        .fetch_all(c)
        .await)?;
    let ended = |(role, tenant, at, by): (String, String, i64, String)| {
        Ok(Ended {
            role: role.parse().map_err(StoreError::inconsistent)?,
            tenant: read_tenant(&tenant)?,
            at: Timestamp::from_micros(at),
            by,
        })
    };
    rows.into_iter().map(ended).collect()
}

/// Up to `limit` active users, id and name, to whom `role` is assigned now, globally or in `tenant`.
pub(crate) async fn holders(
    conn: &mut Conn,
    role: &RoleName,
    tenant: Option<&TenantName>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    Ok(on!(conn, |c| sqlx::query_as(HOLDERS)
        .bind(role.as_str())
        .bind(stored(tenant))
        .bind(now.micros())
        .bind(false)
        .bind(limit)
        .fetch_all(c)
        .await)?)
}
