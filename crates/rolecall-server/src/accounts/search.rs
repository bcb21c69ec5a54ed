//! Searching users for the pages of administrators.

use rolecall::PermissionName as _;
use rolecall_core::TenantName;

use super::{
    find_store,
    search_store::{self, FoundUser, InTenant, Search},
    store::User,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// A user that was found, with the global roles that are valid now.
pub(crate) struct Found {
    pub(crate) user: User,
    pub(crate) more: FoundUser,
}

/// Returns up to `limit` users that match, in the order of the search. A filter by role or tenant shows who has roles, which
/// needs the permission to read role assignments.
///
/// # Errors
///
/// 403 without a permission.
pub(crate) async fn search(
    app: &App,
    caller: Caller<'_>,
    wanted: &Search<'_>,
    limit: i64,
) -> Result<Vec<Found>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    if !wanted.role.is_empty() || !wanted.tenant.is_empty() {
        reads::require(app, caller, may::ReadAssignments::NAME).await?;
    }
    let texts = [wanted.text, wanted.role, wanted.tenant, wanted.after.0];
    // PostgreSQL takes no NUL, and nothing contains one
    if texts.iter().any(|text| text.contains('\0')) {
        return Ok(Vec::new());
    }
    let now = app.now();
    let mut conn = app.store().read().await?;
    let found = search_store::search(&mut conn, wanted, limit).await?;
    let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    let mut users = find_store::find_users(&mut conn, &ids, now).await?;
    // somebody may be deleted in between
    let with_users = found.into_iter().filter_map(|more| {
        let place = users.iter().position(|user| user.id == more.id)?;
        let user = users.swap_remove(place);
        Some(Found { user, more })
    });
    Ok(with_users.collect())
}

/// Returns the first roles that users have in `tenant`, or in all tenants, up to `limit` for each user: those that are valid
/// now, in the order of their names.
///
/// # Errors
///
/// 403 without the permission to read role assignments there.
pub(crate) async fn roles_in_tenants(
    app: &App,
    caller: Caller<'_>,
    ids: &[&str],
    tenant: Option<&TenantName>,
    limit: i64,
) -> Result<Vec<InTenant>, ApiError> {
    reads::require_in(app, caller, tenant, may::ReadAssignments::NAME).await?;
    let now = app.now();
    let mut conn = app.store().read().await?;
    Ok(search_store::in_tenants(&mut conn, ids, tenant, limit, now).await?)
}
