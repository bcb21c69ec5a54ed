//! A check of passkeys: each belongs to the host for which it was made.

use super::finding::Finding;
use crate::{
    app::App,
    error::{ApiError, chain_of},
    factors::passkeys::{self, store},
};

/// Reports passkeys that do not work under `public_url`; `None` if all do.
pub(super) async fn check(app: &App) -> Option<Finding> {
    match count(app).await {
        Ok((_, 0)) => None,
        Ok((host, count)) => Some(Finding::warning(
            "passkeys",
            format!(
                "{count} passkeys were made for another host than {host} and do not work under `public_url`: set it back, \
                or let their owners sign in by a recovery code or an authenticator app and add new ones"
            ),
        )
        .on_pages("admin-doctor-passkeys")
        .counting(count)),
        Err(error) => Some(Finding::fault("passkeys", chain_of(&error))),
    }
}

async fn count(app: &App) -> Result<(String, i64), ApiError> {
    let host = passkeys::host_of(&app.settings().public_url).unwrap_or_default();
    let count = store::count_of_other_hosts(&mut app.store().read().await?, &host).await?;
    let host = if host.is_empty() {
        "this address".to_owned()
    } else {
        format!("`{host}`")
    };
    Ok((host, count))
}
