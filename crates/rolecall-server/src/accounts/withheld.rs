//! The part of the own account that an application of somebody else does not see, since its user has not allowed it.

use rolecall::Principal;

use super::shown::ShownUser;
use crate::{
    app::App,
    clients::store::{self as clients, Client},
    error::ApiError,
    sessions::store as sessions,
    tokens::identity::{Identity, IdentityScope},
};

/// Leaves out of an account what the token of `caller` was not granted about it.
///
/// A token of an application of somebody else is narrowed. What its user has allowed lies in the session; without one
/// nothing was.
pub(super) async fn withhold(
    app: &App,
    caller: &Principal,
    user: ShownUser,
) -> Result<ShownUser, ApiError> {
    if !caller.narrowed() {
        return Ok(user);
    }
    let mut conn = app.store().read().await?;
    let session = sessions::find(&mut conn, caller.session().unwrap_or_default()).await?;
    let Some(session) = session else {
        return Ok(user.without_address().without_profile());
    };
    let Some(identity) = session.identity.as_deref().map(Identity::read) else {
        // a password opened it
        return Ok(user);
    };
    let client = clients::find(&mut conn, &session.client_id).await?;
    if client.is_some_and(|client| Client::is_first_party(&client)) {
        return Ok(user);
    }
    let allows = |scope| identity.scopes.contains(&scope);
    let names = |claim: &str| identity.claims.contains(claim);
    let user = if allows(IdentityScope::Email) || names("email") {
        user
    } else {
        user.without_address()
    };
    Ok(if allows(IdentityScope::Profile) {
        user
    } else {
        user.without_profile()
    })
}
