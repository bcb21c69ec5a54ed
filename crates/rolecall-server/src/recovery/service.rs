//! Recovery. INVARIANT: after it, every token issued before is refused.

use rolecall::PermissionName as _;
use serde_json::json;

use super::store;
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
};

/// Starts a new era, so that all tokens issued so far are refused, and ends all sessions. Returns the number of ended
/// sessions.
pub(crate) async fn recover(app: &App, caller: Caller<'_>) -> Result<u64, ApiError> {
    let era = ids::random_token(128).map_err(ApiError::internal)?;
    app.change(caller, async |change| {
        // it ends the sessions of all users, so that no caller with limits may do it
        let revoke = may::RevokeSessions::NAME;
        let rights = Rights::require(app, change, caller, revoke).await?;
        if !rights.authority.is_unlimited() {
            return Err(ApiError::Lacks(Some(builtin::ANY.clone())));
        }
        let sessions = store::renew_era(change, &era).await?;
        change.record(json!({ "action": "era.renewed", "sessions": sessions }));
        change.policy_changed();
        change.keys_changed();
        Ok(sessions)
    })
    .await
}
