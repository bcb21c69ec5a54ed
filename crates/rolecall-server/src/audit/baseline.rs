//! The baseline: the access that the tables hold when the log begins to be sealed, so that it can be replayed.

use serde_json::json;

use super::store;
use crate::{
    error::ApiError,
    store::{BASELINE, Change, TAMPERED, read_seal},
};

/// The changes in one part of an entry.
const PART: usize = 50;

/// Records the baseline, unless the log is sealed already.
pub(crate) async fn record(change: &mut Change<'_>) -> Result<(), ApiError> {
    if read_seal(change.conn()).await?.is_some() {
        return Ok(());
    }
    let access = store::read_access(change.conn()).await?;
    change.record(json!({ "action": BASELINE }));
    if change.head().revision == 1 && access.has_assignments() {
        // a new database has none: somebody deleted the log of this one
        change.record(json!({ "action": TAMPERED, "newest": null }));
    }
    for part in access.changes().chunks(PART) {
        change.record_beside(part).await?;
    }
    Ok(())
}
