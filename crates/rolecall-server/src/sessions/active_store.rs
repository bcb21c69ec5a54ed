//! The roles that living tokens have active, as far as a constraint counts those of a subject together.

use rolecall_core::{RoleName, TenantName, Timestamp};

use crate::store::{Conn, StoreError, queries, query};

queries! {
    // the longest of the tokens of a session counts
    PUT = "INSERT INTO active_roles (session_id, role, tenant, subject_id, ends_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (role, session_id, tenant) DO UPDATE SET ends_at = \
        CASE WHEN active_roles.ends_at > excluded.ends_at THEN active_roles.ends_at ELSE excluded.ends_at END";
    FIND = "SELECT DISTINCT role FROM active_roles WHERE subject_id = $1 AND ends_at > $2 \
        AND (tenant = $3 OR tenant = '' OR $3 = '')";
    PRUNE = "DELETE FROM active_roles WHERE ends_at < $1 \
        AND session_id IN (SELECT session_id FROM active_roles WHERE ends_at < $1 LIMIT $2)";
}

/// Notes that a session has a role active until `ends_at`.
pub(super) async fn put(
    conn: &mut Conn,
    (subject, session): (&str, &str),
    role: &RoleName,
    tenant: Option<&TenantName>,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    query(PUT)
        .bind(session)
        .bind(role.as_str())
        .bind(tenant.map_or("", TenantName::as_str))
        .bind(subject)
        .bind(ends_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Returns the roles that tokens of a subject have active at `now` and that count together with a token for `tenant`:
/// those of tokens for the same tenant, and where one of the two is for none.
pub(super) async fn find(
    conn: &mut Conn,
    subject: &str,
    tenant: Option<&TenantName>,
    now: Timestamp,
) -> Result<Vec<RoleName>, StoreError> {
    query(FIND)
        .bind(subject)
        .bind(now)
        .bind(tenant.map_or("", TenantName::as_str))
        .fetch_all(conn)
        .await
}

/// Deletes the rows of up to about `limit` tokens that had ended `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
