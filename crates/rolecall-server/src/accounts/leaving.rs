//! Users who delete their own account.

use super::{
    service::{name_references, remove},
    store,
};
use crate::{
    app::App,
    authority::rights::Rights,
    error::ApiError,
    factors::owner::Owner,
    login::password::{self, LoginError, Typed},
    quota::Quota,
};

/// Deletes the account of the user who typed their password, with all that goes when an administrator deletes it. An account
/// with a second factor needs a fresh sign-in with it, as for another address.
///
/// # Errors
///
/// [`LoginError::Wrong`] if the password is wrong, [`ApiError::StepUp`] without the second factor, and [`ApiError::Rule`] for
/// the last administrator.
pub(crate) async fn leave(
    app: &App,
    owner: &Owner<'_>,
    typed: &Typed<'_>,
) -> Result<(), LoginError> {
    let subject = owner.subject;
    if !app.settings().self_delete {
        return Err(ApiError::Forbidden("Accounts are deleted by administrators").into());
    }
    owner
        .prove_beside_password(app, &mut app.store().read().await?)
        .await?;
    let proven = password::prove(app, typed).await?;
    // a reset code proves only that somebody was given it
    if proven.id != subject || proven.by_reset_code {
        return Err(LoginError::Wrong);
    }
    // before any event, so that one right password fills no log
    if let Err(used_up) = app.take_quota(Quota::OwnChanges, subject) {
        password::count_refused(app, &proven, typed.origin.address).await?;
        return Err(used_up.into());
    }
    let caller = owner.caller();
    let left = app.change(caller, async |change| {
        Rights::load(app, change, caller).await?;
        let now = change.now();
        let stored = store::find_credentials(change.conn(), &proven.username).await?;
        // guesses that were under way elsewhere count here too
        let failed = proven.slot.failures(change.conn()).await?;
        if stored.as_ref() != Some(&proven.credentials) || failed.is_locked() {
            return Ok(false);
        }
        owner.prove_beside_password(app, change.conn()).await?;
        let user = store::find_user(change.conn(), subject, now).await?;
        let user = user.ok_or_else(|| ApiError::unknown("user", &subject))?;
        remove(app, change, &user).await?;
        Ok(true)
    });
    let left = left.await.map_err(|error| name_references(error, subject));
    match left {
        Ok(true) => Ok(()),
        Ok(false) => Err(LoginError::Wrong),
        Err(error) => {
            // the password was right, which is an event although nothing came of it
            let address = typed.origin.address;
            password::record_refused(app, &proven, address, "not_deleted").await?;
            Err(error.into())
        }
    }
}
