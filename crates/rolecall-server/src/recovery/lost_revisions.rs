//! A database that has gone back behind a revision that it had, as after a fail-over to a standby that lagged behind.
//!
//! It may have caught up before anybody looked: then a revision has another mark in the audit log than it had.

use rolecall_core::Revision;
use serde_json::{Value, json};

use super::store;
use crate::{
    app::App,
    authority::caller::Caller,
    error::ApiError,
    ids,
    store::{Change, read_mark},
};

/// Starts a new era if the database is behind `known`, a revision that it has had in the era `era`. Returns true if
/// there is a new era.
///
/// Tokens of the lost revisions would be above every floor that is still to come, so nothing could end them.
pub(crate) async fn renew_if_behind(
    app: &App,
    era: &str,
    known: Revision,
) -> Result<bool, ApiError> {
    let renewed = renew(app, era, async |change| {
        // the change has raised the revision
        let found = change.head().revision.saturating_sub(1);
        // not if the revision was read from a copy that lags behind
        Ok((found < known)
            .then(|| json!({ "reason": "revisions_lost", "known": known, "found": found })))
    });
    renewed.await
}

/// Starts a new era if a revision has another mark than the one that was `known`. Returns true if there is a new era.
///
/// What was revoked under that revision and above may never have reached a guard that knows the revision already.
pub(crate) async fn renew_if_replaced(
    app: &App,
    era: &str,
    known: (Revision, &str),
) -> Result<bool, ApiError> {
    let (revision, mark) = known;
    let renewed = renew(app, era, async |change| {
        let found = read_mark(change.conn(), revision).await?;
        let is_replaced = found.is_some_and(|found| found != mark);
        Ok(is_replaced.then(|| json!({ "reason": "revisions_replaced", "known": revision })))
    });
    renewed.await
}

/// Starts a new era where `reason` finds one for it, unless another node was first.
async fn renew(
    app: &App,
    era: &str,
    reason: impl AsyncFnOnce(&mut Change<'_>) -> Result<Option<Value>, ApiError>,
) -> Result<bool, ApiError> {
    let new_era = ids::random_token(128).map_err(ApiError::internal)?;
    let (is_new, renewed) = app
        .change(Caller::System, async |change| {
            if *change.head().era != *era {
                return Ok((true, None));
            }
            let Some(mut entry) = reason(change).await? else {
                return Ok((false, None));
            };
            let sessions = store::renew_era(change, &new_era).await?;
            if let Some(members) = entry.as_object_mut() {
                members.insert("action".to_owned(), json!("era.renewed"));
                members.insert("sessions".to_owned(), json!(sessions));
            }
            let shown = entry.to_string();
            change.record(entry);
            change.policy_changed();
            change.keys_changed();
            Ok((true, Some(shown)))
        })
        .await?;
    if let Some(entry) = renewed {
        tracing::error!(
            entry,
            "the database has lost revisions, as after a fail-over to a standby that lagged behind: a new era begins, and everybody must log in again"
        );
    }
    Ok(is_new)
}
