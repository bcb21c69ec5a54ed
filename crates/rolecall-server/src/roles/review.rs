//! The review functions of NIST RBAC: the holders of a role or permission, and the permissions, juniors and seniors of a
//! role.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{Permission, PermissionPattern, RoleName, TenantName, counts_in_tenant};

use super::assignment_store::{self, SubjectAssignment, Tenants};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    store::{Conn, StoreError},
};

/// The assignment after which a list of holders continues. The tenant of a global assignment is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct After<'a> {
    pub(crate) role: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) tenant: &'a str,
}

/// Returns up to `limit` assignments of `role`, by role, subject and tenant; with `inherited` also those of every role
/// that inherits it (`AssignedUsers` and `AuthorizedUsers` of ANSI INCITS 359). It includes assignments that are not
/// valid now.
pub(crate) async fn holders(
    app: &App,
    caller: Caller<'_>,
    role: &RoleName,
    inherited: bool,
    after: After<'_>,
    limit: i64,
) -> Result<Vec<SubjectAssignment>, ApiError> {
    reads::require(app, caller, may::ReadAssignments::NAME).await?;
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    if policy.role(role.as_str()).is_none() {
        return Err(ApiError::unknown("role", role));
    }
    let seniors = policy.seniors(role);
    let is_listed = |given: &RoleName| given == role || (inherited && seniors.contains(given));
    Ok(assignments_of(&mut conn, is_listed, Tenants::All, after, limit).await?)
}

/// Returns up to `limit` assignments in a tenant after `(subject, role)`, in this order. Names are left empty for a caller
/// who may not read users.
///
/// # Errors
///
/// 403 without the permission to read role assignments in the tenant.
pub(crate) async fn in_tenant(
    app: &App,
    caller: Caller<'_>,
    tenant: &TenantName,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<SubjectAssignment>, ApiError> {
    reads::require_in(app, caller, Some(tenant), may::ReadAssignments::NAME).await?;
    let sees_names = reads::may(app, caller, may::ReadUsers::NAME).await?;
    let mut conn = app.store().read().await?;
    let mut found = assignment_store::in_tenant(&mut conn, tenant, after, limit).await?;
    if !sees_names {
        for one in &mut found {
            one.name.clear();
        }
    }
    Ok(found)
}

/// Returns up to `limit` assignments of the roles for which `is_listed` is true, by role, subject and tenant.
async fn assignments_of(
    conn: &mut Conn,
    is_listed: impl Fn(&RoleName) -> bool,
    tenants: Tenants,
    after: After<'_>,
    limit: i64,
) -> Result<Vec<SubjectAssignment>, StoreError> {
    let given = assignment_store::roles_given(conn, after.role).await?;
    let mut found = Vec::new();
    for given in given.iter().filter(|given| is_listed(given)) {
        let begin = if given.as_str() == after.role {
            (after.subject, after.tenant)
        } else {
            ("", "")
        };
        let left = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        found.extend(assignment_store::holders_of(conn, given, tenants, begin, left).await?);
        if i64::try_from(found.len()).is_ok_and(|count| count >= limit) {
            break;
        }
    }
    Ok(found)
}

/// An assignment that gives a permission.
pub(crate) struct PermissionHolder {
    pub(crate) held: SubjectAssignment,
    /// The roles from the assigned one down to the one that holds the permission itself, both included.
    pub(crate) path: Vec<RoleName>,
    /// The permission or wildcard that the last of these roles holds.
    pub(crate) grant: PermissionPattern,
}

/// Returns up to `limit` assignments that give `permission` to users and clients, by role, subject and tenant. It
/// includes assignments that are not valid now, and leaves out those in a tenant that cannot give it.
pub(crate) async fn permission_holders(
    app: &App,
    caller: Caller<'_>,
    permission: &Permission,
    after: After<'_>,
    limit: i64,
) -> Result<Vec<PermissionHolder>, ApiError> {
    reads::require(app, caller, may::ReadAssignments::NAME).await?;
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    if !policy.knows(&permission.clone().into()) {
        return Err(ApiError::unknown("permission", permission));
    }
    let tenants = if counts_in_tenant(permission) {
        Tenants::All
    } else {
        Tenants::None
    };
    let giving = policy.roles_giving(permission);
    let is_listed = |given: &RoleName| giving.contains(given);
    let found = assignments_of(&mut conn, is_listed, tenants, after, limit).await?;
    let derived = found.into_iter().filter_map(|held| {
        let (path, grant) = policy.derivation(&held.assignment.role, permission)?;
        Some(PermissionHolder { held, path, grant })
    });
    Ok(derived.collect())
}

/// The permissions of a role with inheritance and wildcards expanded, and the roles below and above it.
pub(crate) struct Reach {
    pub(crate) permissions: Vec<Permission>,
    pub(crate) juniors: Vec<RoleName>,
    pub(crate) seniors: Vec<RoleName>,
}

/// Returns the reach of a role, up and down the hierarchy (`RolePermissions` of ANSI INCITS 359).
pub(crate) async fn reach(
    app: &App,
    caller: Caller<'_>,
    role: &RoleName,
) -> Result<Reach, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    if policy.role(role.as_str()).is_none() {
        return Err(ApiError::unknown("role", role));
    }
    let others = |roles: BTreeSet<RoleName>| roles.into_iter().filter(|one| one != role).collect();
    Ok(Reach {
        permissions: policy.permissions_of([role]).into_iter().collect(),
        juniors: others(policy.closure([role])),
        seniors: others(policy.seniors(role)),
    })
}
