//! Who has a role, and what it gives: the review functions of NIST RBAC.

use rolecall_core::{Permission, RoleName};

use super::assignment_store::{self, Held};
use crate::{app::App, error::ApiError};

/// Where a list of holders goes on: after this assignment, whose tenant is empty for a global one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct After<'a> {
    pub(crate) role: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) tenant: &'a str,
}

/// Up to `limit` assignments of `role`, and with `inherited` of every role that inherits it (`AssignedUsers` and
/// `AuthorizedUsers` of ANSI INCITS 359), ordered by role, subject and tenant. Those that do not count at the
/// moment are among them.
pub(crate) async fn holders(
    app: &App,
    role: &RoleName,
    inherited: bool,
    after: After<'_>,
    limit: i64,
) -> Result<Vec<Held>, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    if policy.role(role.as_str()).is_none() {
        return Err(ApiError::unknown("role", role));
    }
    let seniors = policy.seniors(role);
    let given = assignment_store::roles_given(&mut conn, after.role).await?;
    let concerned = |given: &&RoleName| *given == role || (inherited && seniors.contains(*given));
    let mut found = Vec::new();
    for given in given.iter().filter(concerned) {
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

/// What a role gives, inheritance and wildcards worked out, and which roles inherit it.
pub(crate) struct Reach {
    pub(crate) permissions: Vec<Permission>,
    pub(crate) juniors: Vec<RoleName>,
    pub(crate) seniors: Vec<RoleName>,
}

/// How far a role reaches (`RolePermissions` of ANSI INCITS 359), up and down the hierarchy.
pub(crate) async fn reach(app: &App, role: &RoleName) -> Result<Reach, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    if policy.role(role.as_str()).is_none() {
        return Err(ApiError::unknown("role", role));
    }
    let others = |roles: std::collections::BTreeSet<RoleName>| {
        roles.into_iter().filter(|one| one != role).collect()
    };
    Ok(Reach {
        permissions: policy.permissions_of([role]).into_iter().collect(),
        juniors: others(policy.closure([role])),
        seniors: others(policy.seniors(role)),
    })
}
