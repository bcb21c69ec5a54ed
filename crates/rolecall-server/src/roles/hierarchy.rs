//! The roles and what they inherit, read as a whole.

use std::sync::Arc;

use rolecall::PermissionName as _;
use rolecall_core::Policy;

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
