//! What is going on, as far as the caller may read it.

use std::time::Duration;

use rolecall::PermissionName as _;
use rolecall_core::{TenantName, Timestamp};

use super::store::{self, EventCount};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// The hours that are counted.
pub(crate) const HOURS: usize = 24;
/// The most events that are counted.
const MOST_EVENTS: i64 = 10_000;
/// The most assignments that are counted.
const MOST_COUNTED: i64 = 1000;
/// The time before its end from which an assignment counts as ending soon.
const SOON: Duration = Duration::from_hours(7 * 24);

/// Sign-ins and refusals of the last day by hour, the oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day(pub(crate) [(i64, i64); HOURS]);

/// Returns true for a sign-in, false for a refusal, and `None` for other events.
fn is_sign_in(kind: &str) -> Option<bool> {
    match kind {
        "log_in" => Some(true),
        "log_in_failed" | "reset_refused" | "refresh_replayed" | "code_replayed" => Some(false),
        _ => None,
    }
}

impl Day {
    fn of(events: &[EventCount]) -> Self {
        let mut day = Self::default();
        for event in events {
            let hour = match usize::try_from(event.hour) {
                // at this very moment
                Ok(HOURS) => Some(HOURS - 1),
                hour => hour.ok(),
            };
            let hour = hour.and_then(|hour| day.0.get_mut(hour));
            let (Some(hour), Some(is_sign_in)) = (hour, is_sign_in(&event.kind)) else {
                continue;
            };
            let count = if is_sign_in { &mut hour.0 } else { &mut hour.1 };
            *count += event.count;
        }
        day
    }
}

/// Counts the sign-ins and refusals of the last day.
///
/// # Errors
///
/// 403 without the permission to read the audit log.
pub(crate) async fn last_day(app: &App, caller: Caller<'_>) -> Result<Day, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let since = app.now().minus(Duration::from_hours(24));
    let mut conn = app.store().read().await?;
    let events = store::events_by_hour(&mut conn, since, MOST_EVENTS).await?;
    Ok(Day::of(&events))
}

/// Assignments that end within a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiring {
    pub(crate) count: i64,
    pub(crate) first: Option<Timestamp>,
}

/// Counts the assignments that end soon, in one tenant or all.
///
/// # Errors
///
/// 403 without the permission to read role assignments there.
pub(crate) async fn expiring(
    app: &App,
    caller: Caller<'_>,
    tenant: Option<&TenantName>,
) -> Result<Expiring, ApiError> {
    reads::require_in(app, caller, tenant, may::ReadAssignments::NAME).await?;
    let now = app.now();
    let tenant = tenant.map_or("*", TenantName::as_str);
    let mut conn = app.store().read().await?;
    Ok(Expiring {
        count: store::expiring(&mut conn, (now, now.plus(SOON)), tenant, MOST_COUNTED).await?,
        first: store::first_expiring(&mut conn, now, tenant).await?,
    })
}

/// Returns the number of mails that were given up, and why the last one was.
///
/// # Errors
///
/// 403 without the permission to read users.
pub(crate) async fn failed_mails(
    app: &App,
    caller: Caller<'_>,
) -> Result<(i64, Option<String>), ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let mut conn = app.store().read().await?;
    let count = store::failed_mails(&mut conn).await?;
    Ok((count, store::last_failure(&mut conn).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_count_in_their_hour_and_others_do_not() {
        let event = |kind: &str, hour, count| EventCount {
            kind: kind.to_owned(),
            hour,
            count,
        };
        let day = Day::of(&[
            event("log_in", 0, 3),
            event("log_in_failed", 23, 2),
            event("refresh_replayed", 23, 1),
            event("password_changed", 5, 7),
            event("log_in", 24, 1),
            event("log_in", 25, 9),
            event("log_in", -1, 9),
        ]);
        let mut wanted = Day::default();
        wanted.0[0] = (3, 0);
        wanted.0[23] = (1, 3);
        assert_eq!(day, wanted);
    }
}
