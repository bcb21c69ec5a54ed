//! People on the pages: found by what somebody enters, and named where the audit log has an id, for callers who may read users.

use std::collections::BTreeMap;

use rolecall::PermissionName as _;

use super::visit::Visit;
use crate::{
    accounts::{find_service, service as accounts},
    authority::may,
    error::ApiError,
    store::Actor,
};

/// Names of users by their ids.
pub(super) type Names = BTreeMap<String, String>;

/// Returns the names of the users among actors, as the audit log writes them; none for a caller who may not read users.
pub(super) async fn of_actors(
    visit: &Visit,
    actors: impl Iterator<Item = &str>,
) -> Result<Names, ApiError> {
    if !visit.may_globally(may::ReadUsers::NAME) {
        return Ok(Names::new());
    }
    let mut ids: Vec<&str> = actors.filter_map(Actor::subject_in).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(find_service::MOST_USERS);
    let found = find_service::by_ids(&visit.app, visit.caller(), &ids).await?;
    let names = found
        .into_iter()
        .map(|user| (user.id.clone(), user.username.clone()));
    Ok(names.collect())
}

/// Returns the name of an actor; the text of the audit log for one that has none.
pub(super) fn shown(names: &Names, actor: &str) -> String {
    let name = Actor::subject_in(actor).and_then(|id| names.get(id));
    name.map_or_else(|| actor.to_owned(), Clone::clone)
}

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
