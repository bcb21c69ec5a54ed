//! How the server is operated: its settings, and the problems that can be found at any time.

use rolecall::PermissionName as _;

use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    config::Setting,
    doctor::{finding::Finding, running},
    error::ApiError,
};

/// The permission of those who operate the server. Nobody needs it to administrate users, and settings show how the
/// server is protected.
pub(crate) const OPERATE: &str = may::RotateKeys::NAME;

/// Returns all settings with their sources, the secrets hidden; `None` if an application sets them in its code.
///
/// # Errors
///
/// 403 without the permission to rotate keys.
pub(crate) async fn settings(
    app: &App,
    caller: Caller<'_>,
) -> Result<Option<Vec<Setting>>, ApiError> {
    reads::require(app, caller, OPERATE).await?;
    let config = app.settings().config.as_deref();
    Ok(config.map(|config| config.show().0))
}

/// Returns the problems that can be found without waiting for anything but short queries.
///
/// # Errors
///
/// 403 without the permission to rotate keys.
pub(crate) async fn problems(app: &App, caller: Caller<'_>) -> Result<Vec<Finding>, ApiError> {
    reads::require(app, caller, OPERATE).await?;
    Ok(running::problems(app).await)
}
