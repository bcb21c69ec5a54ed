//! Role assignments in the database.

use rolecall_core::{RoleAssignment, RoleName, SubjectKind, TenantName, Timestamp};

use crate::store::{Change, Columns, Conn, FromRow, StoreError, queries, query, rows};

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
    IN_TENANTS = "SELECT subject_id, tenant FROM role_assignments WHERE role = $1 AND tenant <> ''";
    IS_GIVEN = "SELECT role FROM role_assignments WHERE role = $1 LIMIT 1";
    ROLES_GIVEN = "SELECT DISTINCT role FROM role_assignments WHERE role >= $1 ORDER BY role";
    HOLDERS_OF = "SELECT a.subject_id AS subject, s.kind, COALESCE(u.username, c.name) AS name, a.role, a.tenant, a.valid_from, \
        a.expires_at, a.reason, a.assigned_by, a.assigned_at FROM role_assignments a JOIN subjects s ON s.id = a.subject_id \
        LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE a.role = $1 AND (a.subject_id > $2 OR (a.subject_id = $2 AND a.tenant > $3)) \
        ORDER BY a.subject_id, a.tenant LIMIT $4";
    GLOBAL_HOLDERS_OF = "SELECT a.subject_id AS subject, s.kind, COALESCE(u.username, c.name) AS name, a.role, a.tenant, \
        a.valid_from, a.expires_at, a.reason, a.assigned_by, a.assigned_at FROM role_assignments a \
        JOIN subjects s ON s.id = a.subject_id \
        LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE a.role = $1 AND a.tenant = '' AND (a.subject_id > $2 OR (a.subject_id = $2 AND a.tenant > $3)) \
        ORDER BY a.subject_id, a.tenant LIMIT $4";
    IN_TENANT = "SELECT a.subject_id AS subject, s.kind, COALESCE(u.username, c.name) AS name, a.role, a.tenant, a.valid_from, \
        a.expires_at, a.reason, a.assigned_by, a.assigned_at FROM role_assignments a JOIN subjects s ON s.id = a.subject_id \
        LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE a.tenant = $1 AND (a.subject_id > $2 OR (a.subject_id = $2 AND a.role > $3)) \
        ORDER BY a.subject_id, a.role LIMIT $4";
    COUNT_GLOBAL = "SELECT COUNT(*) FROM role_assignments WHERE role = $1 AND tenant = ''";
    COUNT_LASTING = "SELECT COUNT(*) FROM role_assignments a JOIN users u ON u.id = a.subject_id \
        WHERE a.role = $1 AND a.tenant = '' AND a.expires_at IS NULL \
        AND (a.valid_from IS NULL OR a.valid_from <= $2) AND u.disabled = $3 AND u.must_change_password = $3";
}

/// Returns the tenant as a row holds it: an empty text for a global assignment.
pub(crate) fn stored(tenant: Option<&TenantName>) -> &str {
    tenant.map_or("", TenantName::as_str)
}

impl FromRow for RoleAssignment {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            role: columns.named("role")?,
            tenant: columns.named("tenant")?,
            valid_from: columns.named("valid_from")?,
            expires_at: columns.named("expires_at")?,
            reason: columns.named("reason")?,
            assigned_by: columns.named("assigned_by")?,
            assigned_at: columns.named("assigned_at")?,
        })
    }
}

rows! {
    /// An assignment of a role, with its subject.
    #[derive(Clone, Debug)]
    pub(crate) struct SubjectAssignment {
        pub(crate) subject: String,
        pub(crate) kind: SubjectKind,
        /// The user name, or the name of the client.
        pub(crate) name: String,
        pub(crate) assignment: RoleAssignment,
    }
}

/// Returns up to `limit` assignments of a subject after `(role, tenant)`, where the tenant of a global one is empty;
/// those of one tenant, or all.
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    after: (&str, &str),
    tenant: Option<&TenantName>,
    limit: i64,
) -> Result<Vec<RoleAssignment>, StoreError> {
    query(LIST)
        .bind(subject)
        .bind(after.0)
        .bind(after.1)
        // no tenant is called `*`
        .bind(tenant.map_or("*", TenantName::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Finds the assignment of a role to a subject, global or in a tenant.
pub(crate) async fn find(
    conn: &mut Conn,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<Option<RoleAssignment>, StoreError> {
    query(FIND)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .fetch_optional(conn)
        .await
}

/// Returns every assignment of a subject, including those that are not valid now.
pub(crate) async fn all_of(
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<RoleAssignment>, StoreError> {
    list(conn, subject, ("", ""), None, i64::MAX).await
}

/// Returns the subjects to whom `role` is assigned in a tenant, with the tenants.
pub(super) async fn in_tenants(
    conn: &mut Conn,
    role: &RoleName,
) -> Result<Vec<(String, TenantName)>, StoreError> {
    let subjects = query(IN_TENANTS).bind(role.as_str());
    subjects.fetch_all(conn).await
}

/// Returns true if a subject has the role, in whatever tenant and from whatever time on.
pub(crate) async fn is_given(conn: &mut Conn, role: &RoleName) -> Result<bool, StoreError> {
    let found: Option<String> = query(IS_GIVEN)
        .bind(role.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(found.is_some())
}

/// Returns the roles from `first` on that are assigned to at least one subject, by name.
pub(crate) async fn roles_given(conn: &mut Conn, first: &str) -> Result<Vec<RoleName>, StoreError> {
    query(ROLES_GIVEN).bind(first).fetch_all(conn).await
}

/// The assignments that a list includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenants {
    /// Global ones, and those in every tenant.
    All,
    /// Global ones only.
    None,
}

/// Returns up to `limit` assignments of `role` after a subject and tenant, where the tenant of a global one is empty.
pub(crate) async fn holders_of(
    conn: &mut Conn,
    role: &RoleName,
    tenants: Tenants,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<SubjectAssignment>, StoreError> {
    let sql = match tenants {
        Tenants::All => HOLDERS_OF,
        Tenants::None => GLOBAL_HOLDERS_OF,
    };
    query(sql)
        .bind(role.as_str())
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Writes an assignment, in place of the present one if there is one.
pub(crate) async fn put(
    change: &mut Change<'_>,
    subject: &str,
    given: &RoleAssignment,
) -> Result<(), StoreError> {
    query(UPSERT)
        .bind(subject)
        .bind(given.role.as_str())
        .bind(stored(given.tenant.as_ref()))
        .bind(given.valid_from)
        .bind(given.expires_at)
        .bind(given.reason.as_deref())
        .bind(given.assigned_by.as_str())
        .bind(given.assigned_at)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Deletes an assignment; false if there is none.
pub(crate) async fn delete(
    change: &mut Change<'_>,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<bool, StoreError> {
    let rows = query(DELETE)
        .bind(subject)
        .bind(role.as_str())
        .bind(stored(tenant))
        .execute(change.conn())
        .await?;
    Ok(rows > 0)
}

/// Returns every role that a subject has now or later, with its tenant: all that a change of the subject affects.
pub(crate) async fn roles_of(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
) -> Result<Vec<(RoleName, Option<TenantName>)>, StoreError> {
    let roles = query(ROLES_EVER_OF).bind(subject).bind(now);
    roles.fetch_all(conn).await
}

/// Returns up to `limit` assignments in a tenant after `(subject, role)`.
pub(super) async fn in_tenant(
    conn: &mut Conn,
    tenant: &TenantName,
    (subject, role): (&str, &str),
    limit: i64,
) -> Result<Vec<SubjectAssignment>, StoreError> {
    let found = query(IN_TENANT).bind(tenant.as_str()).bind(subject);
    found.bind(role).bind(limit).fetch_all(conn).await
}

/// Returns true if anybody has a role globally, whatever their state and from whenever on.
pub(crate) async fn is_assigned(conn: &mut Conn, role: &RoleName) -> Result<bool, StoreError> {
    let count: i64 = query(COUNT_GLOBAL)
        .bind(role.as_str())
        .fetch_one(conn)
        .await?;
    Ok(count > 0)
}

/// Counts the active users who have `role` globally, now and without an end. Users who must change their password
/// first do not count: a reset code that expires unused would leave nobody.
pub(crate) async fn count_lasting(
    conn: &mut Conn,
    role: &RoleName,
    now: Timestamp,
) -> Result<i64, StoreError> {
    query(COUNT_LASTING)
        .bind(role.as_str())
        .bind(now)
        .bind(false)
        .fetch_one(conn)
        .await
}
