//! A check of the assurance that roles need: some session must be able to reach it.

use super::finding::Finding;
use crate::{
    app::App,
    config::Mfa,
    error::{ApiError, chain_of},
    roles::store,
};

/// The roles that are named.
const NAMED: i64 = 5;

/// Reports roles that need more than one factor where nobody can add a second one.
pub(super) async fn check(app: &App) -> Option<Finding> {
    if app.settings().factors.mfa != Mfa::Off {
        return None;
    }
    match unreachable(app).await {
        Ok(roles) if roles.is_empty() => None,
        Ok(roles) => Some(Finding::warning(
            "assurance",
            format!(
                "`login.mfa` is off, so that users without a second factor cannot add one, and never have the roles that need `aal2` or `phr` ({}): set `login.mfa = \"optional\"`, or lower the `acr` of the roles",
                roles.join(", ")
            ),
        )),
        Err(error) => Some(Finding::fault("assurance", chain_of(&error))),
    }
}

async fn unreachable(app: &App) -> Result<Vec<String>, ApiError> {
    let found = store::list_needing_more(&mut app.store().read().await?, NAMED + 1).await?;
    let named = usize::try_from(NAMED).unwrap_or(usize::MAX);
    let has_more = found.len() > named;
    let roles = found
        .into_iter()
        .take(named)
        .map(|role| format!("`{role}`"));
    Ok(roles.chain(has_more.then(|| "..".to_owned())).collect())
}
