//! Searches the audit log: who did what, to whom, and when.
//!
//! Neither actions nor the values in them have an index. A search therefore reads a limited number of entries and returns
//! the place from which to go on, so that no page waits for the whole log.

use rolecall::PermissionName as _;
use rolecall_core::{Revision, Timestamp};
use serde_json::Value;

use super::{
    filter::Filter,
    store::{self, Event, EventQuery, Window},
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    store::{Conn, Entry, StoreError},
    times::CLOCKS_APART,
};

/// The bounds of a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most rows that are returned.
    pub(crate) rows: usize,
    /// The rows that one query looks at.
    pub(crate) window: i64,
    pub(crate) queries: usize,
}

/// The limits of a page.
pub(crate) const PAGE: Limits = Limits {
    rows: 50,
    window: 20_000,
    queries: 5,
};
/// The limits of a file.
pub(crate) const EXPORT: Limits = Limits {
    rows: 10_000,
    window: 20_000,
    queries: 50,
};

/// What was found, newest first.
#[derive(Debug)]
pub(crate) struct Found<T, K> {
    pub(crate) rows: Vec<T>,
    /// The place before which to go on; `None` at the end of the log.
    pub(crate) next: Option<K>,
}

/// Returns entries that match, before revision `before`, newest first.
///
/// # Errors
///
/// 403 without the permission to read the audit log.
pub(crate) async fn entries(
    app: &App,
    caller: Caller<'_>,
    filter: &Filter,
    before: Option<Revision>,
    limits: Limits,
) -> Result<Found<Entry, Revision>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    let (mut place, floor) = bounds(&mut conn, filter).await?;
    place = place.min(before.unwrap_or(Revision::MAX));
    let (mut rows, limit) = (Vec::new(), limits.rows);
    for _ in 0..limits.queries {
        if place <= floor {
            return Ok(Found { rows, next: None });
        }
        let lowest = place.saturating_sub(limits.window).max(floor);
        let wanted = (limit + 1).saturating_sub(rows.len());
        let window = Window {
            revisions: (lowest, place),
            times: filter.times(),
            limit: i64::try_from(wanted).unwrap_or(i64::MAX),
        };
        let read = store::search(&mut conn, &window, filter).await?;
        let is_full = read.len() >= wanted;
        let last = read.last().map_or(lowest, |entry| entry.revision);
        place = if is_full { last } else { lowest };
        rows.extend(read.into_iter().filter(|one| filter.matches(&one.changes)));
        if rows.len() > limit {
            rows.truncate(limit);
            let next = rows.last().map(|entry: &Entry| entry.revision);
            return Ok(Found { rows, next });
        }
    }
    let next = (place > floor).then_some(place);
    Ok(Found { rows, next })
}

/// Returns the revisions between which the times of a filter lie: the first before which to search, and the lowest.
async fn bounds(conn: &mut Conn, filter: &Filter) -> Result<(Revision, Revision), StoreError> {
    let newest = store::list_before(conn, Revision::MAX, 1).await?;
    let end = newest.first().map_or(1, |entry| entry.revision + 1);
    let first = match filter.from {
        Some(from) => first_from(conn, from.minus(CLOCKS_APART), end).await?,
        None => 1,
    };
    let last = match filter.until {
        Some(until) => first_from(conn, until.plus(CLOCKS_APART), end).await?,
        None => end,
    };
    Ok((last, first))
}

/// Returns the first revision that is not older than `time`. Times rise with revisions, but for clocks that differ.
async fn first_from(
    conn: &mut Conn,
    time: Timestamp,
    end: Revision,
) -> Result<Revision, StoreError> {
    let (mut low, mut high) = (1, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = store::list_before(conn, middle + 1, 1).await?;
        if found.first().is_some_and(|entry| entry.at >= time) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// Returns events that match, before the event with id `before`, newest first.
///
/// # Errors
///
/// 403 without the permission to read the audit log.
pub(crate) async fn events(
    app: &App,
    caller: Caller<'_>,
    filter: &Filter,
    before: &str,
    limits: Limits,
) -> Result<Found<Event, String>, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    // ids are hexadecimal and begin with their time, so `g` sorts after every id
    let end = filter.until.map_or_else(|| "g".to_owned(), id_from);
    let mut place = if before.is_empty() || *before > *end {
        end
    } else {
        before.to_owned()
    };
    let lowest = filter.from.map_or_else(String::new, id_from);
    let (mut rows, limit) = (Vec::new(), limits.rows);
    for _ in 0..limits.queries {
        let wanted = (limit + 1).saturating_sub(rows.len());
        let query = EventQuery {
            ids: (&lowest, &place),
            times: filter.times(),
            kind: &filter.what,
            subject: &filter.who,
            window: limits.window,
            limit: i64::try_from(wanted).unwrap_or(i64::MAX),
        };
        rows.extend(store::search_events(&mut conn, &query).await?);
        if rows.len() > limit {
            rows.truncate(limit);
            let next = rows.last().map(|event: &Event| event.id.clone());
            return Ok(Found { rows, next });
        }
        // an index finds all events of one subject at once
        let skipped = if filter.who.is_empty() {
            store::skip_events(&mut conn, &lowest, &place, limits.window).await?
        } else {
            None
        };
        match skipped {
            Some(skipped) => place = skipped,
            None => return Ok(Found { rows, next: None }),
        }
    }
    Ok(Found {
        rows,
        next: Some(place),
    })
}

/// Returns the beginning of the ids (UUID version 7) that were made at `time`.
fn id_from(time: Timestamp) -> String {
    let milliseconds = u64::try_from(time.micros() / 1000).unwrap_or(0);
    let hex = format!("{:012x}", milliseconds.min(0xffff_ffff_ffff));
    let (first, second) = hex.split_at(8);
    format!("{first}-{second}")
}

/// Returns an entry with the changes beside it, up to `limit`, and the number of all changes beside it.
///
/// # Errors
///
/// 403 without the permission to read the audit log, and 404 if there is none.
pub(crate) async fn entry(
    app: &App,
    caller: Caller<'_>,
    revision: Revision,
    limit: usize,
) -> Result<(Entry, Vec<Value>, usize), ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    let found = super::service::find_entry(&mut conn, revision).await?;
    let found = found.ok_or_else(|| ApiError::unknown("entry", &revision))?;
    let (mut changes, mut count) = (Vec::new(), 0);
    for part in store::list_details(&mut conn, revision).await? {
        let part: Vec<Value> = serde_json::from_str(&part).unwrap_or_default();
        count += part.len();
        let room = limit.saturating_sub(changes.len());
        changes.extend(part.into_iter().take(room));
    }
    Ok((found, changes, count))
}

/// Returns an event.
///
/// # Errors
///
/// 403 without the permission to read the audit log, and 404 if there is none.
pub(crate) async fn event(app: &App, caller: Caller<'_>, id: &str) -> Result<Event, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut conn = app.store().read().await?;
    let found = store::find_event(&mut conn, id).await?;
    found.ok_or_else(|| ApiError::unknown("event", &id))
}

#[cfg(test)]
mod tests;
