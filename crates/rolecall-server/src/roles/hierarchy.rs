//! The roles and what they inherit, read as a whole.

use std::sync::Arc;

use rolecall::PermissionName as _;
use rolecall_core::{PermissionPattern, Policy, RoleName};

use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// Returns the policy in force, for a caller who may read roles.
pub(crate) async fn policy(app: &App, caller: Caller<'_>) -> Result<Arc<Policy>, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    let newest = app.policy().newest(&mut conn).await?;
    Ok(Arc::clone(&newest.policy))
}

/// Returns true if a role gives a permission of rolecall itself, also by inheritance, or has a reserved name; false for
/// another one that does not exist. It answers for the server and shows nothing, so that it needs no permission.
pub(crate) async fn gives_own(app: &App, role: &RoleName) -> Result<bool, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    Ok(is_own(&policy, role))
}

/// Returns true if a role gives something of rolecall itself under a policy.
pub(crate) fn is_own(policy: &Policy, role: &RoleName) -> bool {
    let given = policy.patterns_of([role]);
    role.is_reserved() || given.iter().any(PermissionPattern::is_reserved)
}
