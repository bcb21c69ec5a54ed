//! Requests for role assignments in the database.

use rolecall_core::{RoleAssignment, RoleName, SubjectKind, TenantName};

use super::assignment_store::stored;
use crate::store::{Change, Conn, StoreError, queries, query, rows};

queries! {
    LIST = "SELECT r.id, r.subject_id AS subject, s.kind, COALESCE(u.username, c.name) AS name, r.role, r.tenant, r.valid_from, \
        r.expires_at, r.reason, r.requested_by AS assigned_by, r.requested_at AS assigned_at FROM assignment_requests r \
        JOIN subjects s ON s.id = r.subject_id LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE r.id > $1 AND ($2 = '*' OR r.tenant = $2) AND ($3 = '' OR r.subject_id = $3) ORDER BY r.id LIMIT $4";
    LIST_BY = "SELECT r.id, r.subject_id AS subject, s.kind, COALESCE(u.username, c.name) AS name, r.role, r.tenant, r.valid_from, \
        r.expires_at, r.reason, r.requested_by AS assigned_by, r.requested_at AS assigned_at FROM assignment_requests r \
        JOIN subjects s ON s.id = r.subject_id LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE r.requested_by = $1 ORDER BY r.id";
    FIND = "SELECT r.id, r.subject_id AS subject, s.kind, COALESCE(u.username, c.name) AS name, r.role, r.tenant, r.valid_from, \
        r.expires_at, r.reason, r.requested_by AS assigned_by, r.requested_at AS assigned_at FROM assignment_requests r \
        JOIN subjects s ON s.id = r.subject_id LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE r.id = $1";
    FIND_FOR = "SELECT id FROM assignment_requests WHERE subject_id = $1 AND role = $2 AND tenant = $3";
    INSERT = "INSERT INTO assignment_requests (id, subject_id, role, tenant, valid_from, expires_at, reason, requested_by, \
        requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    DELETE = "DELETE FROM assignment_requests WHERE id = $1";
}

rows! {
    /// A requested assignment, which a second person has to approve.
    #[derive(Clone, Debug)]
    pub(crate) struct AssignmentRequest {
        pub(crate) id: String,
        pub(crate) subject: String,
        pub(crate) kind: SubjectKind,
        /// The user name, or the name of the client.
        pub(crate) name: String,
        /// The requested assignment; `assigned_by` and `assigned_at` are the requester and the time of the request.
        pub(crate) assignment: RoleAssignment,
    }
}

impl AssignmentRequest {
    /// Returns the requester, as the audit log names them.
    pub(crate) fn requested_by(&self) -> &str {
        &self.assignment.assigned_by
    }
}

/// Returns up to `limit` requests after an id, the oldest first: those in one tenant, or all; for one subject, or all.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    tenant: Option<&TenantName>,
    subject: Option<&str>,
    limit: i64,
) -> Result<Vec<AssignmentRequest>, StoreError> {
    query(LIST)
        .bind(after)
        // no tenant is called `*`
        .bind(tenant.map_or("*", TenantName::as_str))
        .bind(subject.unwrap_or_default())
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Returns the requests that were made by `requester`, as the audit log names them, the oldest first.
pub(crate) async fn list_by(
    conn: &mut Conn,
    requester: &str,
) -> Result<Vec<AssignmentRequest>, StoreError> {
    query(LIST_BY).bind(requester).fetch_all(conn).await
}

/// Finds a request by id.
pub(crate) async fn find(
    conn: &mut Conn,
    id: &str,
) -> Result<Option<AssignmentRequest>, StoreError> {
    query(FIND).bind(id).fetch_optional(conn).await
}

/// Finds the request for a subject, role and tenant: there is at most one.
pub(crate) async fn find_for(
    conn: &mut Conn,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<Option<AssignmentRequest>, StoreError> {
    let id: Option<String> = query(FIND_FOR)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .fetch_optional(conn)
        .await?;
    match id {
        Some(id) => find(conn, &id).await,
        None => Ok(None),
    }
}

/// Writes a request.
pub(crate) async fn insert(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
    requested: &RoleAssignment,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(id)
        .bind(subject)
        .bind(requested.role.as_str())
        .bind(stored(requested.tenant.as_ref()))
        .bind(requested.valid_from)
        .bind(requested.expires_at)
        .bind(requested.reason.as_deref())
        .bind(requested.assigned_by.as_str())
        .bind(requested.assigned_at)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Deletes a request.
pub(crate) async fn delete(change: &mut Change<'_>, id: &str) -> Result<(), StoreError> {
    query(DELETE).bind(id).execute(change.conn()).await?;
    Ok(())
}
