//! Reading and checking the audit log.

use rolecall_core::Revision;

use super::store::{self, Event};
use crate::{
    app::App,
    error::ApiError,
    store::{Entry, read_head},
};

/// How many entries are checked at a time.
const BATCH: i64 = 1000;

/// Up to `limit` entries before `revision`, newest first.
pub(crate) async fn list(
    app: &App,
    before: Option<Revision>,
    limit: i64,
) -> Result<Vec<Entry>, ApiError> {
    let mut conn = app.store().read().await?;
    Ok(store::list_before(&mut conn, before.unwrap_or(Revision::MAX), limit).await?)
}

/// Up to `limit` events before `id`, newest first.
pub(crate) async fn list_events(
    app: &App,
    before: &str,
    limit: i64,
) -> Result<Vec<Event>, ApiError> {
    let mut conn = app.store().read().await?;
    // ids are hexadecimal and sort by time: nothing lies above this
    let before = if before.is_empty() { "g" } else { before };
    Ok(store::list_events(&mut conn, before, limit).await?)
}

/// What checking the log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All `entries` follow each other, and the last is that of the newest revision.
    Whole { entries: u64 },
    /// The entry of `revision` is not as it was written, or what stood before it is missing.
    Altered { revision: Revision },
    /// The newest entries are missing: the last is that of `last`, the newest revision is `head`.
    CutShort { last: Revision, head: Revision },
}

/// Checks every entry of the log.
pub(crate) async fn verify(app: &App) -> Result<Verdict, ApiError> {
    let mut conn = app.store().read().await?;
    // read first: entries that are written meanwhile lie above it
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
        Ok(Verdict::CutShort {
            last: last.max(0),
            head,
        })
    } else {
        Ok(Verdict::Whole { entries: count })
    }
}
