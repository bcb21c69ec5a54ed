//! Hands the entries of the outbox to the hooks of this process.

use std::{sync::Weak, time::Duration};

use rolecall_core::Timestamp;
use tokio::task::JoinSet;

use super::{
    event::AccountEvent,
    registered::{HookError, Hooks},
};
use crate::{
    app::{App, Parts},
    error::{ApiError, chain_of},
    store::{Conn, StoreError, outbox, release_lease, take_lease},
};

/// The name of the lease.
const LEASE_NAME: &str = "outbox";
/// How long a node keeps the lease after it took an entry: longer than a hook may take.
const LEASE: Duration = Duration::from_mins(1);
/// The time that a hook has for one event.
const HOOK_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval at which entries of other processes are looked for.
const POLL: Duration = Duration::from_millis(250);
/// The attempts for one event, in about ten hours.
const MAX_ATTEMPTS: i64 = 20;
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How long events are written after the last process that had a hook for them ran.
const READER: Duration = Duration::from_hours(30 * 24);
/// The interval at which a process says that it still reads.
const RENEW: Duration = Duration::from_hours(1);

/// Has the entries for these hooks written from now on.
pub(crate) async fn subscribe(app: &App, hooks: &Hooks) -> Result<(), StoreError> {
    let (kinds, now) = (hooks.kinds(), app.now());
    app.store()
        .write(async |conn: &mut Conn| outbox::put_readers(conn, &kinds, now, READER).await)
        .await
}

/// Runs until the application is dropped. `node` is the name of this process among those of its database, and `renewed`
/// the time at which it last subscribed.
pub(crate) async fn run(app: Weak<Parts>, node: String, hooks: Hooks, mut renewed: Timestamp) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_failing = false;
    while wait(&app, &mut poll).await.is_some() {
        let Some(parts) = app.upgrade() else { return };
        let app = App::from_parts(parts);
        let done = async {
            // also after the clock was set back
            if app.now().since(renewed) >= RENEW || app.now() < renewed {
                subscribe(&app, &hooks).await?;
                renewed = app.now();
            }
            send_all(&app, &node, &hooks).await
        };
        match done.await {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                let error = ApiError::from(error);
                tracing::warn!(error = %chain_of(&error), "the outbox could not be read: hooks wait");
            }
            Err(_) => {}
        }
    }
}

/// Waits for the next poll, or for a change of this process; `None` once the application is dropped.
async fn wait(app: &Weak<Parts>, poll: &mut tokio::time::Interval) -> Option<()> {
    let parts = app.upgrade()?;
    tokio::select! {
        _ = poll.tick() => {}
        () = parts.send_now.notified() => {}
    }
    Some(())
}

/// Sends everything that is due, unless another node does.
async fn send_all(app: &App, node: &str, hooks: &Hooks) -> Result<(), StoreError> {
    let kinds = hooks.kinds();
    if !is_due(app, &kinds).await? {
        return Ok(());
    }
    while send_next(app, node, hooks, &kinds).await? {}
    app.store()
        .write(async |conn: &mut Conn| release_lease(conn, (LEASE_NAME, node)).await)
        .await
}

/// Looks before the lease is taken, so that a poll writes nothing.
async fn is_due(app: &App, kinds: &[&str]) -> Result<bool, StoreError> {
    let now = app.now();
    let mut conn = app.store().read_for_watch().await?;
    Ok(outbox::find_due(&mut conn, kinds, now).await?.is_some())
}

/// Hands the next entry to its hook. Returns false if there is none, or if another node has the lease.
pub(crate) async fn send_next(
    app: &App,
    node: &str,
    hooks: &Hooks,
    kinds: &[&str],
) -> Result<bool, StoreError> {
    let now = app.now();
    let due = app
        .store()
        .write(async |conn: &mut Conn| {
            if !take_lease(conn, (LEASE_NAME, node), now, LEASE).await? {
                return Ok(None);
            }
            let due = outbox::find_due(conn, kinds, now).await?;
            if let Some(due) = &due {
                let next = now.plus(pause_after(due.attempts + 1));
                outbox::begin_attempt(conn, &due.id, next).await?;
            }
            Ok::<_, StoreError>(due)
        })
        .await?;
    let Some(due) = due else { return Ok(false) };
    let (id, kind, attempts) = (due.id.clone(), due.kind.clone(), due.attempts + 1);
    let outcome = match AccountEvent::read(due) {
        Ok(event) => call(hooks, &kind, event).await,
        Err(malformed) => Err(malformed.into()),
    };
    let has_ended = attempts >= MAX_ATTEMPTS;
    if let Err(error) = &outcome {
        let error = error.to_string();
        if has_ended {
            tracing::error!(
                event = id,
                kind,
                attempts,
                error,
                "a hook failed for the last time: the event is given up"
            );
        } else {
            tracing::warn!(
                event = id,
                kind,
                attempts,
                error,
                "a hook failed: the event is sent again"
            );
        }
    }
    app.store()
        .write(async |conn: &mut Conn| match outcome {
            Ok(()) => outbox::delete(conn, &id).await,
            Err(_) if has_ended => outbox::give_up(conn, &id, now).await,
            Err(_) => Ok(()),
        })
        .await?;
    Ok(true)
}

/// Runs a hook in a task of its own: it may panic, or never return.
async fn call(hooks: &Hooks, kind: &str, event: AccountEvent) -> Result<(), HookError> {
    let Some(outcome) = hooks.call(kind, event) else {
        return Err(format!("no hook for `{kind}`").into());
    };
    // dropped with the sender, and then ends with it
    let mut task = JoinSet::new();
    task.spawn(outcome);
    match tokio::time::timeout(HOOK_TIMEOUT, task.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(Some(Err(error))) if error.is_panic() => Err("the hook panicked".into()),
        Ok(_) => Err("the hook was stopped".into()),
        Err(_) => Err(format!("the hook took longer than {} s", HOOK_TIMEOUT.as_secs()).into()),
    }
}

/// Returns the pause after an attempt, counted from 1: a second, two, four and so on, up to an hour.
fn pause_after(attempt: i64) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(12);
    Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_end_within_half_a_day() {
        assert_eq!(pause_after(1), Duration::from_secs(1));
        assert_eq!(pause_after(4), Duration::from_secs(8));
        assert_eq!(pause_after(13), LONGEST_PAUSE);
        let all: Duration = (1..MAX_ATTEMPTS).map(pause_after).sum();
        assert!(
            all > Duration::from_hours(6) && all < Duration::from_hours(12),
            "{all:?}"
        );
        assert!(LEASE > HOOK_TIMEOUT);
    }
}
