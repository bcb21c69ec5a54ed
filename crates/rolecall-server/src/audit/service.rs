//! Reads and verifies the audit log.

use rolecall::PermissionName as _;
use rolecall_core::Revision;

use super::store::{self, Event};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    store::{Entry, read_head},
};

/// Entries that are read and verified at a time.
const BATCH: i64 = 1000;

/// Returns up to `limit` entries before revision `before`, newest first.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    before: Option<Revision>,
    limit: i64,
) -> Result<Vec<Entry>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    Ok(store::list_before(&mut conn, before.unwrap_or(Revision::MAX), limit).await?)
}

/// Returns up to `limit` events before the event with id `before`, newest first.
pub(crate) async fn list_events(
    app: &App,
    caller: Caller<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Event>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    // ids are hexadecimal, so `g` sorts after every id
    let before = if before.is_empty() { "g" } else { before };
    Ok(store::list_events(&mut conn, before, limit).await?)
}

/// The result of verifying the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All entries follow each other up to the newest revision.
    Intact { entries: u64 },
    /// The entry of `revision` was changed, or entries before it are missing.
    Altered { revision: Revision },
    /// The newest entries are missing: the last entry has revision `last`, but the newest revision is `head`.
    Truncated { last: Revision, head: Revision },
}

/// Verifies every entry of the log.
pub(crate) async fn verify(app: &App, caller: Caller<'_>) -> Result<Verdict, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    // read first, so that an entry written in the meantime does not count as missing
    let head = read_head(&mut conn).await?.revision;
    let (mut last, mut mark, mut count) = (Revision::MIN, None, 0_u64);
    loop {
        let entries = store::list_after(&mut conn, last, BATCH).await?;
        let Some(newest) = entries.last() else { break };
        last = newest.revision;
        count += entries.len() as u64;
        match app.parts().chain.verify(mark, &entries) {
            Ok(next) => mark = Some(next),
            Err(broken) => {
                return Ok(Verdict::Altered {
                    revision: broken.revision,
                });
            }
        }
    }
    if last < head {
        Ok(Verdict::Truncated {
            last: last.max(0),
            head,
        })
    } else {
        Ok(Verdict::Intact { entries: count })
    }
}
