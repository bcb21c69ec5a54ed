//! Removed assignments, and users who have a role: read to explain a denial.

use rolecall_core::{RoleName, TenantName, Timestamp};

use super::assignment_store::stored;
use crate::store::{Change, Conn, StoreError, queries, query, rows};

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

rows! {
    /// The last time that an assignment was taken away.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct EndedAssignment {
        pub(crate) role: RoleName,
        /// `None` for a global assignment.
        pub(crate) tenant: Option<TenantName>,
        pub(crate) ended_at: Timestamp,
        pub(crate) ended_by: String,
    }
}

/// Remembers that an assignment was taken away, so that a later denial can be explained by it.
pub(crate) async fn put_ended(
    change: &mut Change<'_>,
    subject: &str,
    ended: &EndedAssignment,
) -> Result<(), StoreError> {
    query(PUT_ENDED)
        .bind(subject)
        .bind(ended.role.as_str())
        .bind(stored(ended.tenant.as_ref()))
        .bind(ended.ended_at)
        .bind(ended.ended_by.as_str())
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Forgets that an assignment was taken away, because it was given again.
pub(crate) async fn delete_ended(
    change: &mut Change<'_>,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<(), StoreError> {
    query(FORGET_ENDED)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Returns up to 200 assignments that were taken from a subject, the latest first.
pub(crate) async fn ended_of(
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<EndedAssignment>, StoreError> {
    query(LIST_ENDED).bind(subject).fetch_all(conn).await
}

/// Returns the ids and names of up to `limit` active users who have `role` at `now`, globally or in `tenant`.
pub(crate) async fn holders(
    conn: &mut Conn,
    role: &RoleName,
    tenant: Option<&TenantName>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    query(HOLDERS)
        .bind(role.as_str())
        .bind(stored(tenant))
        .bind(now)
        .bind(false)
        .bind(limit)
        .fetch_all(conn)
        .await
}
