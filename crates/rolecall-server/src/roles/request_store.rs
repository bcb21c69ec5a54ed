use rolecall_core::{RoleAssignment, RoleName, SubjectKind, TenantName, Timestamp};

use super::assignment_store::{assignment, stored};
use crate::{
    authority::subject,
    store::{Change, Conn, StoreError, on, queries},
};

queries! {
    LIST = "SELECT r.id, r.subject_id, s.kind, COALESCE(u.username, c.name), r.role, r.tenant, r.valid_from, \
        r.expires_at, r.reason, r.requested_by, r.requested_at FROM assignment_requests r \
        JOIN subjects s ON s.id = r.subject_id LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE r.id > $1 AND ($2 = '*' OR r.tenant = $2) AND ($3 = '' OR r.subject_id = $3) ORDER BY r.id LIMIT $4";
    FIND = "SELECT r.id, r.subject_id, s.kind, COALESCE(u.username, c.name), r.role, r.tenant, r.valid_from, \
        r.expires_at, r.reason, r.requested_by, r.requested_at FROM assignment_requests r \
        JOIN subjects s ON s.id = r.subject_id LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE r.id = $1";
    FIND_FOR = "SELECT id FROM assignment_requests WHERE subject_id = $1 AND role = $2 AND tenant = $3";
    INSERT = "INSERT INTO assignment_requests (id, subject_id, role, tenant, valid_from, expires_at, reason, requested_by, \
        requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    DELETE = "DELETE FROM assignment_requests WHERE id = $1";
}

/// An assignment that somebody asked for and that a second person has to confirm.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) kind: SubjectKind,
    /// The user name, or the name of the client.
    pub(crate) name: String,
    /// What is asked for: by whom and when, where an assignment has who gave it.
    pub(crate) asked: RoleAssignment,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    String,
    i64,
);

fn request(row: Row) -> Result<Request, StoreError> {
    let (id, subject, kind, name, role, tenant, valid_from, expires_at, reason, by, at) = row;
    Ok(Request {
        id,
        subject,
        kind: subject::kind_of(&kind),
        name,
        asked: assignment((role, tenant, valid_from, expires_at, reason, by, at))?,
    })
}

/// Up to `limit` requests after an id, the oldest first: those in one tenant, or all; for one subject, or all.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    tenant: Option<&TenantName>,
    subject: Option<&str>,
    limit: i64,
) -> Result<Vec<Request>, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(LIST)
        .bind(after)
        // no tenant has this name
        .bind(tenant.map_or("*", TenantName::as_str))
        .bind(subject.unwrap_or_default())
        .bind(limit)
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(request).collect()
}

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Request>, StoreError> {
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(FIND)
        .bind(id)
        .fetch_optional(c)
        .await)?;
    row.map(request).transpose()
}

/// What is asked for already: there is at most one request for a subject, role and tenant.
pub(crate) async fn find_for(
    conn: &mut Conn,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<Option<Request>, StoreError> {
    let row: Option<(String,)> = on!(conn, |c| sqlx::query_as(FIND_FOR)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .fetch_optional(c)
        .await)?;
    match row {
        Some((id,)) => find(conn, &id).await,
        None => Ok(None),
    }
}

pub(crate) async fn insert(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
    asked: &RoleAssignment,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(INSERT)
        .bind(id)
        .bind(subject)
        .bind(asked.role.as_str())
        .bind(stored(asked.tenant.as_ref()))
        .bind(asked.valid_from.map(Timestamp::micros))
        .bind(asked.expires_at.map(Timestamp::micros))
        .bind(asked.reason.as_deref())
        .bind(asked.assigned_by.as_str())
        .bind(asked.assigned_at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

pub(crate) async fn delete(change: &mut Change<'_>, id: &str) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(DELETE)
        .bind(id)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}
