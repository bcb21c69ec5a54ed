//! A database that has gone back behind a revision that it had, as after a fail-over to a standby that lagged behind.

use rolecall_core::Revision;
use serde_json::json;

use super::store;
use crate::{app::App, authority::caller::Caller, error::ApiError, ids};

/// Starts a new era if the database is behind `known`, a revision that it has had in the era `era`. Returns true if
/// there is a new era.
///
/// Tokens of the lost revisions would be above every floor that is still to come, so nothing could end them.
pub(crate) async fn renew_if_behind(
    app: &App,
    era: &str,
    known: Revision,
) -> Result<bool, ApiError> {
    let new_era = ids::random_token(128).map_err(ApiError::internal)?;
    let (is_new, renewed) = app
        .change(Caller::System, async |change| {
            let head = change.head();
            // the change has raised the revision
            let found = head.revision.saturating_sub(1);
            if *head.era != *era || found >= known {
                // another node was first, or the revision was read from a copy that lags behind
                return Ok((*head.era != *era, None));
            }
            let sessions = store::renew_era(change, &new_era).await?;
            change.record(json!({
                "action": "era.renewed", "reason": "revisions_lost", "known": known, "found": found, "sessions": sessions,
            }));
            change.policy_changed();
            change.keys_changed();
            Ok((true, Some((found, sessions))))
        })
        .await?;
    if let Some((found, sessions)) = renewed {
        tracing::error!(
            known,
            found,
            sessions,
            "the database has lost revisions, as after a fail-over to a standby that lagged behind: a new era begins, and everybody must log in again"
        );
    }
    Ok(is_new)
}
