//! The rights of a caller over one user.

use super::store::{self, User};
use crate::{
    app::App,
    authority::{caller::Caller, rights::Rights},
    error::ApiError,
    roles::assigning,
    store::Change,
};

/// Requires a permission to act on a user, and the authority to: who can act on a user could act as them, and must hold all
/// that they hold (the delegation limit).
///
/// # Errors
///
/// 403 without either of them, and 404 for an unknown user.
pub(crate) async fn require(
    app: &App,
    change: &mut Change<'_>,
    caller: Caller<'_>,
    permission: &'static str,
    id: &str,
) -> Result<(Rights, User), ApiError> {
    let rights = Rights::require(app, change, caller, permission).await?;
    let user = known(change, id).await?;
    assigning::cover_subject(change, &rights, id).await?;
    Ok((rights, user))
}

/// Returns a user.
///
/// # Errors
///
/// 404 for an unknown one.
pub(super) async fn known(change: &mut Change<'_>, id: &str) -> Result<User, ApiError> {
    let now = change.now();
    store::find_user(change.conn(), id, now)
        .await?
        .ok_or_else(|| ApiError::unknown("user", &id))
}
