//! Users who delete their own account.

use super::{
    service::{name_references, remove},
    store,
};
use crate::{
    app::App,
    authority::{caller::Caller, rights::Rights},
    error::ApiError,
    login::password::{self, LoginError, Typed},
    quota::Quota,
};

/// Deletes the account of the user who typed their password, with all that goes when an administrator deletes it.
///
/// # Errors
///
/// [`LoginError::Wrong`] if the password is wrong, and [`ApiError::Rule`] for the last administrator.
pub(crate) async fn leave(app: &App, subject: &str, typed: &Typed<'_>) -> Result<(), LoginError> {
    if !app.settings().self_delete {
        return Err(ApiError::Forbidden("Accounts are deleted by administrators").into());
    }
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
    let caller = Caller::Own { user_id: subject };
    let left = app.change(caller, async |change| {
        Rights::load(app, change, caller).await?;
        let now = change.now();
        let stored = store::find_credentials(change.conn(), &proven.username).await?;
        // guesses that were under way elsewhere count here too
        let failed = proven.slot.failures(change.conn()).await?;
        if stored.as_ref() != Some(&proven.credentials) || failed.is_locked() {
            return Ok(false);
        }
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
