//! Finds stored values that the declarations would refuse by now.

use std::collections::BTreeMap;

use super::{declared::ProfileFields, store};
use crate::{error::ApiError, store::Store};

/// The users that are read at once.
const PAGE: i64 = 500;
/// The users of a field that are named.
pub(crate) const NAMED: usize = 3;

/// The users whose value of a field could not be written now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outdated {
    pub(crate) users: usize,
    /// The first few of them.
    pub(crate) names: Vec<String>,
}

/// Returns the fields with values that could not be written now, because the declaration is newer than they are.
pub(crate) async fn find_outdated(
    store: &Store,
    fields: &ProfileFields,
) -> Result<BTreeMap<String, Outdated>, ApiError> {
    let mut found: BTreeMap<String, Outdated> = BTreeMap::new();
    let mut after = String::new();
    while !fields.is_empty() {
        let mut conn = store.read().await?;
        let page = store::list_stored(&mut conn, &after, PAGE).await?;
        drop(conn);
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for user in page {
            for field in fields.iter() {
                let value = user.profile.0.get(&field.name);
                if value.is_none_or(|value| field.check(value).is_ok()) {
                    continue;
                }
                let outdated = found.entry(field.name.clone()).or_default();
                outdated.users += 1;
                if outdated.names.len() < NAMED {
                    outdated.names.push(user.username.clone());
                }
            }
        }
    }
    Ok(found)
}
