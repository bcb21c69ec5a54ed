//! A check of the assurance that roles and clients need: some session must be able to reach it.

use super::finding::Finding;
use crate::{
    app::App,
    clients::store as clients,
    config::Mfa,
    error::{ApiError, chain_of},
    roles::store as roles,
};

/// The roles, and the clients, that are named.
const NAMED: usize = 5;

/// Reports roles and clients that need more than one factor where nobody can add a second one.
pub(super) async fn check(app: &App) -> Option<Finding> {
    if app.settings().factors.mfa != Mfa::Off {
        return None;
    }
    match out_of_reach(app).await {
        Ok((None, None)) => None,
        Ok((roles, clients)) => Some(describe(roles, clients)),
        Err(error) => Some(Finding::fault("assurance", chain_of(&error))),
    }
}

/// Says what users without a second factor cannot have or do.
fn describe(roles: Option<String>, clients: Option<String>) -> Finding {
    let key = match (&roles, &clients) {
        (_, None) => "admin-doctor-assurance-roles",
        (None, _) => "admin-doctor-assurance-clients",
        _ => "admin-doctor-assurance-both",
    };
    let never_have = roles
        .as_ref()
        .map(|names| format!("never have the roles that need `aal2` or `phr` ({names})"));
    let never_sign_in = clients
        .as_ref()
        .map(|names| format!("never sign in through the clients that need `aal2` ({names})"));
    let consequences: Vec<String> = never_have.into_iter().chain(never_sign_in).collect();
    let text = format!(
        "`login.mfa` is off, so that users without a second factor cannot add one, and {}: set `login.mfa = \"optional\"`, or lower the `acr` of them",
        consequences.join(", and ")
    );
    let finding = Finding::warning("assurance", text).on_pages(key);
    finding
        .naming(roles.unwrap_or_default())
        .detailed(clients.unwrap_or_default())
}

/// Returns the roles that users without a second factor cannot have, and the clients through which they cannot sign in.
async fn out_of_reach(app: &App) -> Result<(Option<String>, Option<String>), ApiError> {
    let mut conn = app.store().read().await?;
    let most = i64::try_from(NAMED + 1).unwrap_or(i64::MAX);
    let roles = roles::list_needing_more(&mut conn, most).await?;
    let clients = clients::names_needing_more(&mut conn).await?;
    Ok((named(&roles), named(&clients)))
}

/// Lists the first few names; `None` if there are none.
fn named(all: &[impl std::fmt::Display]) -> Option<String> {
    let names = all.iter().take(NAMED).map(|name| format!("`{name}`"));
    let rest = (all.len() > NAMED).then(|| "..".to_owned());
    let names: Vec<_> = names.chain(rest).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
