//! People on the pages: found by what somebody enters, and named where the audit log has an id.

use super::visit::Visit;
use crate::{accounts::service as accounts, authority::may, error::ApiError};
use rolecall::PermissionName as _;

/// Returns the id of the user with this name, or the text as an id. Only a caller who may read users can use names.
pub(super) async fn find(visit: &Visit, text: &str) -> Result<Option<String>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    if visit.may_globally(may::ReadUsers::NAME) {
        let found = accounts::list(&visit.app, visit.caller(), "", Some(text), "", 1).await?;
        if let Some(found) = found.into_iter().next() {
            return Ok(Some(found.id.clone()));
        }
    }
    Ok(Some(text.to_owned()))
}

/// Returns the name of an actor of the audit log, as far as the caller may see it.
pub(super) async fn actor(visit: &Visit, actor: &str) -> Result<String, ApiError> {
    let id = actor.strip_prefix("user:");
    if let Some(id) = id.filter(|_| visit.may_globally(may::ReadUsers::NAME)) {
        match accounts::get(&visit.app, visit.caller(), id).await {
            Ok(found) => return Ok(found.username.clone()),
            Err(ApiError::Unknown { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(actor.to_owned())
}
