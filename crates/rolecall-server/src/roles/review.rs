//! The review functions of NIST RBAC: the holders of a role, and its permissions, juniors and seniors.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{Permission, RoleName};

use super::assignment_store::{self, SubjectAssignment};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
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
    let given = assignment_store::roles_given(&mut conn, after.role).await?;
    let is_listed = |given: &&RoleName| *given == role || (inherited && seniors.contains(*given));
    let mut found = Vec::new();
    for given in given.iter().filter(is_listed) {
        let begin = if given.as_str() == after.role {
            (after.subject, after.tenant)
        } else {
            ("", "")
        };
        let left = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        found.extend(assignment_store::holders_of(&mut conn, given, begin, left).await?);
        if i64::try_from(found.len()).is_ok_and(|count| count >= limit) {
            break;
        }
    }
    Ok(found)
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
