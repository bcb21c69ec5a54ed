//! People on the pages: found by what somebody enters, and named where the audit log has an id, for callers who may read users.

use std::collections::BTreeMap;

use rolecall::PermissionName as _;

use super::visit::Visit;
use crate::{
    accounts::{find_service, service as accounts},
    authority::{may, subject},
    error::ApiError,
    ids,
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

/// Returns the name of an actor; the text of the audit log for one that has none. A user whose name reads like the command
/// line or another actor that is no user is shown with their id.
pub(super) fn shown(names: &Names, actor: &str) -> String {
    match Actor::subject_in(actor).and_then(|id| names.get(id)) {
        None => actor.to_owned(),
        Some(name) if name.contains(':') || name == "system" => format!("{name} ({actor})"),
        Some(name) => name.clone(),
    }
}

/// Returns the id that a text is, or else that of the user with this name; what nobody has, as an id. Only a caller who may
/// read users can use names. What has the form of an id goes first as one: a user can be named like the id of another.
pub(super) async fn find(visit: &Visit, text: &str) -> Result<Option<String>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    if visit.may_globally(may::ReadUsers::NAME) && !is_known_id(visit, text).await? {
        let found = accounts::list(&visit.app, visit.caller(), "", Some(text), "", 1).await?;
        if let Some(found) = found.into_iter().next() {
            return Ok(Some(found.id.clone()));
        }
    }
    Ok(Some(text.to_owned()))
}

/// Returns true if a user or client has this id.
async fn is_known_id(visit: &Visit, text: &str) -> Result<bool, ApiError> {
    if !ids::is_id(text) {
        return Ok(false);
    }
    let mut conn = visit.app.store().read().await?;
    let found = subject::read(&mut conn, text, None, visit.now()).await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y502_a_user_named_like_another_actor_is_shown_with_their_id() {
        let named = |name: &str| Names::from([("u1".to_owned(), name.to_owned())]);
        assert_eq!(shown(&named("alice"), "user:u1"), "alice");
        for name in ["cli:root", "app:billing", "system"] {
            assert_eq!(shown(&named(name), "user:u1"), format!("{name} (user:u1)"));
            assert_eq!(shown(&named("alice"), name), name);
        }
    }
}
