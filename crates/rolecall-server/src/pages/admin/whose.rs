//! Whoever has a role or is to get one: a user or a client, by page and name.

use rolecall::PermissionName as _;

use super::{clients, user_actions::shown_name, users, visit::Visit};
use crate::{authority::may, clients::service, error::ApiError, roles::assigning::Assignee};

/// Returns the address of the page of a user or client.
pub(super) fn path_of(whose: Assignee<'_>) -> String {
    match whose {
        Assignee::User(id) => users::path_of(id),
        Assignee::Client(id) => clients::path_of(id),
    }
}

/// Returns the name of a user or client; the id for a caller who may not read it.
///
/// # Errors
///
/// [`ApiError::Unknown`] to a caller who may read it.
pub(super) async fn name_of(visit: &Visit, whose: Assignee<'_>) -> Result<String, ApiError> {
    match whose {
        Assignee::User(id) => shown_name(visit, id).await,
        Assignee::Client(id) if visit.may_globally(may::ReadClients::NAME) => {
            let found = service::get(&visit.app, visit.caller(), id).await?;
            Ok(found.client.name)
        }
        Assignee::Client(id) => Ok(id.to_owned()),
    }
}
