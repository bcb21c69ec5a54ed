use rolecall_core::{RoleAssignment, RoleName, SubjectKind, TenantName, Timestamp};

use crate::{
    authority::subject,
    store::{Change, Conn, StoreError, on, queries},
};

queries! {
    LIST = "SELECT role, tenant, valid_from, expires_at, reason, assigned_by, assigned_at FROM role_assignments \
        WHERE subject_id = $1 AND (role > $2 OR (role = $2 AND tenant > $3)) AND ($4 = '*' OR tenant = $4) \
        ORDER BY role, tenant LIMIT $5";
    FIND = "SELECT role, tenant, valid_from, expires_at, reason, assigned_by, assigned_at FROM role_assignments \
        WHERE subject_id = $1 AND role = $2 AND tenant = $3";
    UPSERT = "INSERT INTO role_assignments (subject_id, role, tenant, valid_from, expires_at, reason, assigned_by, assigned_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (subject_id, role, tenant) DO UPDATE SET \
        valid_from = excluded.valid_from, expires_at = excluded.expires_at, reason = excluded.reason, \
        assigned_by = excluded.assigned_by, assigned_at = excluded.assigned_at";
    DELETE = "DELETE FROM role_assignments WHERE subject_id = $1 AND role = $2 AND tenant = $3";
    ROLES_EVER_OF = "SELECT role, tenant FROM role_assignments WHERE subject_id = $1 AND (expires_at IS NULL OR expires_at > $2)";
    IN_TENANTS = "SELECT DISTINCT subject_id FROM role_assignments WHERE role = $1 AND tenant <> ''";
    ROLES_GIVEN = "SELECT DISTINCT role FROM role_assignments WHERE role >= $1 ORDER BY role";
    HOLDERS_OF = "SELECT a.subject_id, s.kind, COALESCE(u.username, c.name), a.role, a.tenant, a.valid_from, \
        a.expires_at, a.reason, a.assigned_by, a.assigned_at FROM role_assignments a JOIN subjects s ON s.id = a.subject_id \
        LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE a.role = $1 AND (a.subject_id > $2 OR (a.subject_id = $2 AND a.tenant > $3)) \
        ORDER BY a.subject_id, a.tenant LIMIT $4";
    COUNT_LASTING = "SELECT COUNT(*) FROM role_assignments a JOIN users u ON u.id = a.subject_id \
        WHERE a.role = $1 AND a.tenant = '' AND a.expires_at IS NULL \
        AND (a.valid_from IS NULL OR a.valid_from <= $2) AND u.disabled = $3 AND u.must_change_password = $3";
}

/// How a tenant stands in a row: an empty one for a global assignment.
pub(crate) fn stored(tenant: Option<&TenantName>) -> &str {
    tenant.map_or("", TenantName::as_str)
}

/// The tenant that stands in a row.
pub(crate) fn read_tenant(stored: &str) -> Result<Option<TenantName>, StoreError> {
    let named = Some(stored).filter(|tenant| !tenant.is_empty());
    let tenant = named.map(str::parse).transpose();
    tenant.map_err(StoreError::inconsistent)
}

/// Role, tenant, beginning, end, reason, by whom and when.
pub(super) type Row = (
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    String,
    i64,
);

pub(super) fn assignment(
    (role, tenant, valid_from, expires_at, reason, assigned_by, assigned_at): Row,
) -> Result<RoleAssignment, StoreError> {
    Ok(RoleAssignment {
        role: role.parse().map_err(StoreError::inconsistent)?,
        tenant: read_tenant(&tenant)?,
        valid_from: valid_from.map(Timestamp::from_micros),
        expires_at: expires_at.map(Timestamp::from_micros),
        reason,
        assigned_by,
        assigned_at: Timestamp::from_micros(assigned_at),
    })
}

/// Up to `limit` assignments of a subject after `(role, tenant)`, where the tenant of a global one is empty;
/// those of one tenant, or all.
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    after: (&str, &str),
    tenant: Option<&TenantName>,
    limit: i64,
) -> Result<Vec<RoleAssignment>, StoreError> {
    // no tenant has this name
    let tenant = tenant.map_or("*", TenantName::as_str);
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(LIST)
        .bind(subject)
        .bind(after.0)
        .bind(after.1)
        .bind(tenant)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(assignment).collect()
}

pub(crate) async fn find(
    conn: &mut Conn,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<Option<RoleAssignment>, StoreError> {
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(FIND)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .fetch_optional(c)
        .await)?;
    row.map(assignment).transpose()
}

/// Every assignment of a subject, those that do not count too.
pub(crate) async fn all_of(
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<RoleAssignment>, StoreError> {
    list(conn, subject, ("", ""), None, i64::MAX).await
}

/// Whoever has a role, and how.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) subject: String,
    pub(crate) kind: SubjectKind,
    /// The user name, or the name of the client.
    pub(crate) name: String,
    pub(crate) assignment: RoleAssignment,
}

/// The subjects to whom `role` is assigned in some tenant.
pub(super) async fn in_tenants(
    conn: &mut Conn,
    role: &RoleName,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = on!(conn, |c| sqlx::query_as(IN_TENANTS)
        .bind(role.as_str())
        .fetch_all(c)
        .await)?;
    Ok(rows.into_iter().map(|(subject,)| subject).collect())
}

/// The roles from `first` on that are assigned to anybody, in the order of their names.
pub(crate) async fn roles_given(conn: &mut Conn, first: &str) -> Result<Vec<RoleName>, StoreError> {
    let rows: Vec<(String,)> = on!(conn, |c| sqlx::query_as(ROLES_GIVEN)
        .bind(first)
        .fetch_all(c)
        .await)?;
    let names = rows.into_iter().map(|(role,)| role.parse());
    names
        .collect::<Result<_, _>>()
        .map_err(StoreError::inconsistent)
}

/// Up to `limit` assignments of `role` after a subject and tenant, where the tenant of a global one is empty.
pub(crate) async fn holders_of(
    conn: &mut Conn,
    role: &RoleName,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<Held>, StoreError> {
    type Holder = (
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
    let rows: Vec<Holder> = on!(conn, |c| sqlx::query_as(HOLDERS_OF)
        .bind(role.as_str())
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    let held = |(subject, kind, name, role, tenant, from, end, reason, by, at): Holder| {
        Ok(Held {
            subject,
            kind: subject::kind_of(&kind),
            name,
            assignment: assignment((role, tenant, from, end, reason, by, at))?,
        })
    };
    rows.into_iter().map(held).collect()
}

/// Writes an assignment, replacing the validity of one that is there.
pub(crate) async fn put(
    change: &mut Change<'_>,
    subject: &str,
    given: &RoleAssignment,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(UPSERT)
        .bind(subject)
        .bind(given.role.as_str())
        .bind(stored(given.tenant.as_ref()))
        .bind(given.valid_from.map(Timestamp::micros))
        .bind(given.expires_at.map(Timestamp::micros))
        .bind(given.reason.as_deref())
        .bind(given.assigned_by.as_str())
        .bind(given.assigned_at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Whether there was one.
pub(crate) async fn delete(
    change: &mut Change<'_>,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<bool, StoreError> {
    let conn = change.conn();
    let rows = on!(conn, |c| sqlx::query(DELETE)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Every role that a subject has or will have, globally or in a tenant: what acting on the subject can lay
/// hands on.
pub(crate) async fn roles_of(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
) -> Result<Vec<(RoleName, Option<TenantName>)>, StoreError> {
    let rows: Vec<(String, String)> = on!(conn, |c| sqlx::query_as(ROLES_EVER_OF)
        .bind(subject)
        .bind(now.micros())
        .fetch_all(c)
        .await)?;
    rows.into_iter()
        .map(|(role, tenant)| {
            let role = role.parse().map_err(StoreError::inconsistent)?;
            Ok((role, read_tenant(&tenant)?))
        })
        .collect()
}

/// How many active users have `role` globally, now and without an end. Whoever must change their password
/// first is not active: a reset code that nobody uses in time would leave nobody.
pub(crate) async fn count_lasting(
    conn: &mut Conn,
    role: &RoleName,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(COUNT_LASTING)
        .bind(role.as_str())
        .bind(now.micros())
        .bind(false)
        .fetch_one(c)
        .await)?;
    Ok(count)
}
