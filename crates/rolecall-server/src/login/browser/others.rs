//! The browser sessions of other users: administrators see and end them, as they do the sessions of applications.

use rolecall::PermissionName as _;

use super::{
    service::{end_in, list},
    store::BrowserSession,
};
use crate::{
    accounts::rights_over,
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// Returns the live browser sessions of a user, the last used one first.
pub(crate) async fn list_of(
    app: &App,
    caller: Caller<'_>,
    user: &str,
) -> Result<Vec<BrowserSession>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    list(app, user).await
}

/// Signs another user out of one browser, with the sessions of applications that rest on it. Returns `false` if there is no
/// such session.
pub(crate) async fn end_of(
    app: &App,
    caller: Caller<'_>,
    user: &str,
    id: &str,
) -> Result<bool, ApiError> {
    app.change(caller, async |change| {
        rights_over::require(app, change, caller, may::RevokeSessions::NAME, user).await?;
        Ok(end_in(change, user, id).await?)
    })
    .await
}
