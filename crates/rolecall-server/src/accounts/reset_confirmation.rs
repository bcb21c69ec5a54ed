//! The confirmation of a reset code. Whoever makes one for somebody else knows it, and could use it from anywhere: unless
//! they hold everything anyway, it is worth nothing until the owner of the account or a second person confirms it.

use rolecall::PermissionName as _;
use rolecall_core::SubjectKind;
use serde_json::json;

use super::{
    reset_store::{self as store, ResetOrigin},
    rights_over,
};
use crate::{
    app::App,
    audit::events,
    authority::{caller::Caller, may},
    clients::store as clients,
    error::ApiError,
    login::password::Proven,
    reasons::Reason,
};

/// The ways in which the owner of an account confirms a code.
const BY_DEVICE: &str = "device";
const BY_FACTOR: &str = "second factor";

/// Returns how a code is confirmed: by a second person, by the second factor of its owner, which was checked, or by a
/// device with which the owner has signed in since the last new password. `None` if it need not be. The refusal is an event.
///
/// # Errors
///
/// [`ApiError::Rule`] for a code that nobody has confirmed.
pub(super) async fn check(
    app: &App,
    proven: &Proven,
    has_factor: bool,
    address: &str,
) -> Result<Option<String>, ApiError> {
    let mut conn = app.store().read().await?;
    let origin = store::find_origin(&mut conn, &proven.id).await?;
    drop(conn);
    let Some(origin) = origin.filter(|_| proven.by_reset_code) else {
        return Ok(None);
    };
    if !origin.is_unconfirmed {
        return Ok(origin.confirmed_by);
    }
    if has_factor {
        return Ok(Some(BY_FACTOR.to_owned()));
    }
    if proven.slot.is_device_of(&proven.id) {
        return Ok(Some(BY_DEVICE.to_owned()));
    }
    let by = origin.by.as_deref().unwrap_or_default();
    let detail = format!("not confirmed, made by {by}");
    events::record(app, "reset_refused", Some(&proven.id), address, &detail).await?;
    Err(ApiError::rule(
        "reset_unconfirmed",
        "nobody has confirmed this reset code: use it on a device with which you have signed in since your last new \
         password, or ask another administrator than the one who made it to confirm it",
        Vec::new(),
    ))
}

/// Confirms that the owner of an account wants the reset `reset` that somebody else has started. Nobody confirms one that
/// they have not seen: another help desk may have replaced it since the owner was asked.
///
/// # Errors
///
/// Refused for the maker of the code, for clients, for another reset than the present one, and where there is nothing to
/// confirm; and the delegation limit.
pub(crate) async fn confirm(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    reset: &str,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        rights_over::require(app, change, caller, may::WriteUsers::NAME, id).await?;
        if matches!(caller, Caller::Token(principal) if principal.kind() == SubjectKind::Client) {
            let detail = "a client cannot confirm a reset: a person must, who has talked to the owner of the account";
            return Err(ApiError::rule("not_for_clients", detail, Vec::new()));
        }
        let origin = store::find_origin(change.conn(), id).await?;
        let waits = |origin: &ResetOrigin| origin.is_unconfirmed;
        let Some(origin) = origin.filter(waits) else {
            return Err(ApiError::because(Reason::NothingToConfirm, Vec::new()));
        };
        if origin.id.as_deref() != Some(reset) {
            return Err(ApiError::because(Reason::AnotherReset, Vec::new()));
        }
        let by = caller.actor().to_string();
        if origin.by.as_deref() == Some(by.as_str()) {
            return Err(ApiError::because(Reason::ResetIsOwn, Vec::new()));
        }
        if let Some(client) = origin.by.as_deref().and_then(|by| by.strip_prefix("client:")) {
            let controllers = clients::all_controllers(change.conn(), client).await?;
            let reason = if controllers.is_empty() {
                Some(Reason::ResetOfUnknownClient)
            } else {
                let is_own = controllers.contains(&by);
                is_own.then_some(Reason::ResetOfOwnClient)
            };
            if let Some(reason) = reason {
                return Err(ApiError::because(reason, Vec::new()));
            }
        }
        store::confirm(change, id, reset, &by).await?;
        change.record(json!({
            "action": "user.reset_confirmed", "subject": id, "reset": reset, "reset_by": origin.by,
        }));
        Ok(())
    })
    .await
}
