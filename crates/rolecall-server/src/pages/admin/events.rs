//! The events of a user or client, newest first.

use super::{
    links::{cut, link, one_more},
    views::user::Happened,
    visit::Visit,
};
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
    let (app, caller) = (&visit.app, visit.caller());
    let mut events = audit::list_events_of(app, caller, subject, before, one_more(EVENTS)).await?;
    let older = cut(&mut events, EVENTS).map_or_else(String::new, |last| {
        format!("{}#events", link(path, &[("events", &last.id)]))
    });
    let events = events.into_iter().map(|event| Happened {
        kind: event.kind,
        address: event.address,
        at: event.at.into(),
    });
    Ok((events.collect(), older))
}
