//! The events of a user or client, newest first.

use super::{links::link, views::user::Happened, visit::Visit};
use crate::{audit::service as audit, error::ApiError};

/// The events on a page.
const EVENTS: usize = 20;

/// Returns the events of a subject from the place that the query of its page at `path` names (`events`), and the address of
/// older ones, which is empty if there are none.
///
/// # Errors
///
/// The caller may not read the audit log.
pub(super) async fn of(
    visit: &Visit,
    subject: &str,
    path: &str,
) -> Result<(Vec<Happened>, String), ApiError> {
    let before = visit.query.get("events");
    let limit = i64::try_from(EVENTS + 1).unwrap_or(i64::MAX);
    let caller = visit.caller();
    let mut events = audit::list_events_of(&visit.app, caller, subject, before, limit).await?;
    let mut older = String::new();
    if events.len() > EVENTS {
        events.truncate(EVENTS);
        let last = events.last().map_or("", |event| event.id.as_str());
        older = format!("{}#events", link(path, &[("events", last)]));
    }
    let events = events.into_iter().map(|event| Happened {
        kind: event.kind,
        address: event.address,
        at: event.at.into(),
    });
    Ok((events.collect(), older))
}
