//! A reset by an administrator whose link goes to the user: the administrator learns no code that opens the account.

use rolecall::PermissionName as _;
use rolecall_core::Timestamp;
use serde_json::json;

use super::{
    registration::ResetCode,
    reset_store::{self, ResetOrigin},
    rights_over,
    service::end_access,
    store,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, subject::Status},
    error::ApiError,
    factors::owner::Owner,
    login::known,
    mail::reset,
    roles::request_ending,
};

/// Takes the password away and sends a link to the proven address of the user; sessions end at once. Returns when the
/// link expires, or `None` if no mail is sent or the user has no such address: then nothing has changed.
pub(crate) async fn start(
    app: &App,
    caller: Caller<'_>,
    id: &str,
) -> Result<Option<Timestamp>, ApiError> {
    if app.settings().mail.is_none() {
        return Ok(None);
    }
    // nobody learns it: it keeps the account from having neither password nor code
    let code = ResetCode::new(app.database_now())?;
    let origin = ResetOrigin {
        id: Some(code.id.clone()),
        at: Some(app.now()),
        by: Some(caller.actor().to_string()),
        ..ResetOrigin::default()
    };
    let sent = app
        .change(caller, async |change| {
            let write = may::WriteUsers::NAME;
            let (_, user) = rights_over::require(app, change, caller, write, id).await?;
            Owner::prove_at_own_account(app, change.conn(), caller, id).await?;
            let address = user.proven_email().map(str::to_owned);
            let Some(address) = address.filter(|_| user.status != Status::Disabled) else {
                return Ok(None);
            };
            store::set_reset_code(change, id, &code.hash, code.expires_at).await?;
            reset_store::set_origin(change, id, &origin).await?;
            known::forget_failures(change.conn(), &app.account_of(&user.username)).await?;
            end_access(change, id).await?;
            request_ending::end_for_subject(change, id).await?;
            // after the code, which ends earlier links
            let expires_at = reset::send(app, change.conn(), &user, &address).await?;
            change.record(json!({
                "action": "user.reset", "subject": id, "means": "mail", "reset": code.id,
            }));
            Ok(expires_at)
        })
        .await?;
    Ok(sent)
}
