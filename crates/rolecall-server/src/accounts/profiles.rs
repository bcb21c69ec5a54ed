//! Writes of profile fields, as part of a change of a user.

use rolecall_core::FloorKind;
use serde_json::{Value, json};

use super::store::User;
use crate::{
    error::ApiError,
    profile::{declared::ProfileFields, rules::ProfileChanges, store},
    store::Change,
};

/// Writes the changes to the profile of `user`, and adds the names of the fields to the audit entry. Returns false if
/// nothing changes.
///
/// A claim that only administrators write ends the tokens with the old value: applications may rely on it. Sessions go
/// on, and get the new value with their next token.
pub(super) async fn write(
    change: &mut Change<'_>,
    fields: &ProfileFields,
    user: &User,
    changes: &ProfileChanges,
    entry: &mut Value,
) -> Result<bool, ApiError> {
    let Some(applied) = changes.apply(fields, &user.profile)? else {
        return Ok(false);
    };
    store::write(change, &user.id, &applied.profile).await?;
    if applied.ends_tokens {
        change.raise_floor(FloorKind::Subject, &user.id);
    }
    if let Some(members) = entry.as_object_mut() {
        members.insert("profile".to_owned(), json!(applied.names));
    }
    Ok(true)
}
