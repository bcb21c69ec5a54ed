//! Reads of the feed, which can wait for news.

use std::time::Duration;

use rolecall::{Denial, Principal};
use rolecall_core::{Floor, Revision, Timestamp};

use super::state::{Known, Newest};
use crate::{
    app::App,
    error::{ApiError, FieldError},
    store::read_mark,
};

/// The most floors in an answer, about 3 MB.
const MAX_FLOORS: usize = 20_000;

/// The position of a guard in the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    era: String,
    revision: Revision,
    /// The mark of the revision in the audit log; empty in a cursor of an older release.
    mark: String,
}

impl Position {
    /// Parses the text within a cursor; an empty text is the beginning.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let parsed = || {
            let (era, rest) = text.split_once('\n')?;
            let (revision, mark) = rest.split_once('\n').unwrap_or((rest, ""));
            Some(Self {
                era: era.to_owned(),
                revision: revision.parse().ok().filter(|revision| *revision >= 0)?,
                mark: mark.to_owned(),
            })
        };
        parsed().ok_or_else(|| {
            let msg = "after is not a valid cursor; leave it empty to read everything";
            ApiError::Invalid(FieldError::query("after", "value_error", msg))
        })
    }

    pub(super) fn text(&self) -> String {
        format!("{}\n{}\n{}", self.era, self.revision, self.mark)
    }
}

/// The news since a position.
pub(crate) struct News {
    pub(super) position: Position,
    pub(super) age: Duration,
    pub(super) floors: Vec<Floor>,
    pub(super) revision: Revision,
    pub(super) forget_before: Timestamp,
    pub(super) policy_revision: Revision,
    pub(super) keys_revision: Revision,
    pub(super) more: bool,
}

impl News {
    pub(super) fn era(&self) -> &str {
        &self.position.era
    }
}

/// Returns the news since `after`: at once if there is any, otherwise as soon as there is, and at the latest after
/// `wait` or when the server stops.
///
/// Waiting needs no queries: the watch of this node wakes all waiting clients.
pub(crate) async fn read(
    app: &App,
    caller: &Principal,
    after: &Position,
    wait: Duration,
    stopping: impl Future<Output = ()>,
) -> Result<News, ApiError> {
    let feed = &app.parts().feed;
    let mut newest = feed.subscribe();
    let is_news = |newest: &Newest| after.is_before(newest);
    let has_news = is_news(&newest.borrow());
    if !has_news && !wait.is_zero() {
        let _place = feed.try_wait(caller.subject()).ok_or(ApiError::Busy)?;
        tokio::select! {
            biased;
            () = caller.lost() => return Err(ApiError::Denied(Denial::EndedToken)),
            _ = newest.wait_for(is_news) => {}
            () = tokio::time::sleep(wait) => {}
            () = stopping => {}
        }
    }
    let after = confirmed(app, after).await?;
    // read before the floors, which are at least as fresh
    let age = app.parts().live.age();
    Ok(after.news(&feed.known(), age, MAX_FLOORS))
}

/// Returns the position if its revision is still the one that the guard has seen, and otherwise the beginning: after a
/// fail-over the same number may stand for another change, whose floors the guard lacks.
///
/// The newest position, which guards wait at, is compared with what this node knows; only others cost a query.
async fn confirmed(app: &App, after: &Position) -> Result<Position, ApiError> {
    let newest = app.parts().feed.known().newest.clone();
    if after.mark.is_empty() || after.era != *newest.era {
        return Ok(after.clone());
    }
    let is_same = if after.revision == newest.revision {
        after.mark == *newest.mark
    } else {
        let mut conn = app.store().read().await?;
        let mark = read_mark(&mut conn, after.revision).await?;
        mark.is_none_or(|mark| mark == after.mark)
    };
    Ok(if is_same {
        after.clone()
    } else {
        Position::default()
    })
}

impl Position {
    fn is_before(&self, newest: &Newest) -> bool {
        let is_other =
            self.revision == newest.revision && !self.mark.is_empty() && self.mark != *newest.mark;
        self.era != *newest.era || self.revision < newest.revision || is_other
    }

    /// Returns the news since this position. For another era that is the whole state. A position ahead of this node,
    /// from another node or from before a restore, is set back to this node's revision.
    fn news(&self, known: &Known, age: Duration, most: usize) -> News {
        let newest = &known.newest;
        let after = if self.era == *newest.era {
            self.revision
        } else {
            0
        };
        let (floors, complete) = known.above(after, most);
        News {
            position: Self {
                era: newest.era.to_string(),
                revision: complete.unwrap_or(newest.revision),
                // a guard that has read a part of the floors soon reads the rest
                mark: complete.map_or_else(|| newest.mark.to_string(), |_| String::new()),
            },
            age,
            floors,
            revision: newest.revision,
            forget_before: known.forget_before,
            policy_revision: known.policy_revision,
            keys_revision: known.keys_revision,
            more: complete.is_some(),
        }
    }
}
