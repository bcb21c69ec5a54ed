//! What a node does on its own: it learns within a quarter of a second what others took away, and forgets
//! what no longer matters.

use std::{sync::Weak, time::Duration};

use rolecall_core::Revision;
use tokio::task::JoinHandle;

use crate::{
    accounts::failures,
    app::{App, Parts},
    audit, error,
    error::ApiError,
    keys::{self, ring},
    sessions,
    store::{Conn, StoreError, on, queries, read_floors, read_head},
    throttle::MAX_FAILURES,
};

queries! {
    PRUNE_FLOORS = "DELETE FROM floors WHERE ends_at < $1";
}

/// How often a node asks the database for news.
const POLL: Duration = Duration::from_millis(250);
/// A poll that takes longer counts as failed, so that a hanging database does not look fresh.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);
const CLEAN_UP: Duration = Duration::from_mins(1);
const KEEP_EVENTS: Duration = Duration::from_hours(90 * 24);
const KEEP_FAILURES: Duration = Duration::from_hours(24);

/// What the node has taken in so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    revision: Revision,
    policy_revision: Revision,
}

/// Reads the whole state: at the start.
pub(crate) async fn take_in_all(app: &App) -> Result<Seen, ApiError> {
    let parts = app.parts();
    let asked_at = parts.clock.monotonic();
    let mut conn = app.store().read().await?;
    let head = read_head(&mut conn).await?;
    let floors = read_floors(&mut conn, Revision::MIN).await?;
    app.policy().forget();
    app.load_policy(&mut conn).await?;
    parts.live.replace(&head.era, &floors);
    ring::load(app, &mut conn).await?;
    drop(conn);
    parts.feed.replace(&head, floors);
    parts
        .live
        .mark_fresh_with_age(parts.clock.monotonic().saturating_sub(asked_at));
    parts.metrics.note_revision(head.revision);
    Ok(Seen {
        revision: head.revision,
        policy_revision: head.policy_revision,
    })
}

/// Takes in what has happened since.
pub(crate) async fn take_in(app: &App, seen: &Seen) -> Result<Seen, ApiError> {
    let parts = app.parts();
    let asked_at = parts.clock.monotonic();
    let mut conn = app.store().read().await?;
    let head = read_head(&mut conn).await?;
    if *head.era != *parts.live.era() {
        drop(conn);
        return take_in_all(app).await;
    }
    let mut floors = Vec::new();
    if head.revision != seen.revision {
        // the head was read first, so every floor up to its revision is among these
        floors = read_floors(&mut conn, seen.revision).await?;
        parts.live.raise(&floors);
    }
    if head.policy_revision != seen.policy_revision {
        app.load_policy(&mut conn).await?;
    }
    ring::catch_up(app, &mut conn, &head).await?;
    drop(conn);
    // last: whoever hears of it finds the policy and the keys that belong to it
    parts.feed.raise(&head, &floors);
    parts
        .live
        .mark_fresh_with_age(parts.clock.monotonic().saturating_sub(asked_at));
    parts.metrics.note_revision(head.revision);
    Ok(Seen {
        revision: head.revision,
        policy_revision: head.policy_revision,
    })
}

/// Waits for the next turn of the poll, or until a change of this process asks for it. `None` once the
/// application has gone.
async fn next_turn(app: &Weak<Parts>, poll: &mut tokio::time::Interval) -> Option<()> {
    // held no longer than until the next turn, or the application would never end
    let parts = app.upgrade()?;
    tokio::select! {
        _ = poll.tick() => {}
        () = parts.look_now.notified() => {}
    }
    Some(())
}

/// Runs until the application has gone.
pub(crate) async fn run(app: Weak<Parts>, mut seen: Seen) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cleaned = Duration::ZERO;
    let mut clean_up: Option<JoinHandle<()>> = None;
    let mut failing = false;
    loop {
        if next_turn(&app, &mut poll).await.is_none() {
            return;
        }
        let Some(parts) = app.upgrade() else { return };
        let app = App::from_parts(parts);
        let polled = tokio::time::timeout(POLL_TIMEOUT, take_in(&app, &seen)).await;
        let outcome = if let Ok(Ok(_)) = polled {
            "done"
        } else {
            "failed"
        };
        app.parts().metrics.polls.add_one(outcome);
        match polled {
            Ok(Ok(now)) => {
                if failing {
                    tracing::info!("the database answers again");
                }
                (seen, failing) = (now, false);
            }
            Ok(Err(error)) if !failing => {
                failing = true;
                tracing::error!(error = %error::chain_of(&error), "cannot learn what was taken away: the database does not answer");
            }
            Err(_) if !failing => {
                failing = true;
                tracing::error!("cannot learn what was taken away: the database hangs");
            }
            _ => {}
        }
        let now = app.parts().clock.monotonic();
        let idle = clean_up.as_ref().is_none_or(JoinHandle::is_finished);
        if idle && !failing && now.saturating_sub(cleaned) >= CLEAN_UP {
            cleaned = now;
            // beside the poll: it may wait for others who write, while they take something away
            clean_up = Some(tokio::spawn(async move {
                let outcome = match forget_what_ended(&app).await {
                    Ok(()) => "done",
                    Err(error) => {
                        tracing::warn!(error = %error::chain_of(&error), "clean-up failed");
                        "failed"
                    }
                };
                app.parts().metrics.clean_ups.add_one(outcome);
                if let Err(error) = keys::service::keep_up(&app).await {
                    tracing::warn!(error = %error::chain_of(&error), "the signing keys are not kept up");
                }
            }));
        }
    }
}

/// Forgets what has ended: floors, sessions, old events and failures.
pub(crate) async fn forget_what_ended(app: &App) -> Result<(), ApiError> {
    let now = app.now();
    let idle = app.settings().sessions.idle;
    app.parts().live.prune(now);
    app.parts().feed.prune(now);
    app.store()
        .write(async |conn: &mut Conn| {
            on!(conn, |c| sqlx::query(PRUNE_FLOORS)
                .bind(now.micros())
                .execute(c)
                .await
                .map(drop))?;
            audit::store::prune_events(conn, now.minus(KEEP_EVENTS)).await?;
            failures::prune(conn, now.minus(KEEP_FAILURES), i64::from(MAX_FAILURES)).await?;
            Ok::<_, StoreError>(())
        })
        .await?;
    // some at a time: others want to write in between
    while app
        .store()
        .write(async |conn: &mut Conn| sessions::store::prune(conn, now, idle).await)
        .await?
        >= sessions::store::PRUNED_AT_ONCE
    {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall::{ManualClock, Timestamp};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_clean_up_that_has_to_wait_does_not_stop_the_poll() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        let server = crate::Embedded::builder(&url)
            .clock(clock.clone())
            .open()
            .await
            .unwrap();
        let (app, live) = (server.app(), &server.app().parts().live);
        let polled = async || {
            clock.advance(Duration::from_secs(1));
            while !live.age().is_zero() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        app.store()
            .write(async |_: &mut Conn| {
                clock.advance(CLEAN_UP);
                // the first of these polls begins a clean-up, which waits until this transaction has ended
                let polls = async {
                    for _ in 0..4 {
                        polled().await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(4), polls)
                    .await
                    .unwrap();
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }

    async fn count(conn: &mut Conn, table: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let (rows,): (i64,) = on!(conn, |c| sqlx::query_as(sql).fetch_one(c).await).unwrap();
        rows
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn x081_what_has_ended_leaves_the_tables_and_what_has_not_stays() {
        const ROWS: i64 = 20_000;
        const TABLES: [&str; 4] = ["sessions", "floors", "audit_events", "login_failures"];
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let server = crate::Embedded::builder("sqlite::memory:")
            .clock(clock.clone())
            .demo_user("alice", "a password of alice", &[])
            .open()
            .await
            .unwrap();
        let app = server.app();
        let now = app.now();
        let made = app
            .store()
            .write(async |conn: &mut Conn| {
                let old = now.minus(KEEP_EVENTS).minus(Duration::from_secs(1)).micros();
                // every second row has ended, the others end or are to be forgotten later
                let numbers = format!(
                    "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS} - 1) \
                     SELECT CASE n % 2 WHEN 0 THEN {old} ELSE {later} END AS t, n FROM n",
                    later = now.micros() + 1,
                );
                for insert in [
                    "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at) \
                     SELECT 's' || n, (SELECT id FROM users), 'rolecall', '', t, t, t FROM",
                    "INSERT INTO floors (kind, subject, revision, ends_at) SELECT 'jti', 'f' || n, 1, t FROM",
                    "INSERT INTO audit_events (id, at, kind, address, detail) SELECT 'e' || n, t, 'x', '', '' FROM",
                    "INSERT INTO login_failures (account, failures, last_failed_at) SELECT 'a' || n, 1 + n % 150, t FROM",
                ] {
                    let sql = sqlx::AssertSqlSafe(format!("{insert} ({numbers})"));
                    on!(conn, |c| sqlx::query(sql).execute(c).await.map(drop))?;
                }
                let mut made = Vec::new();
                for table in TABLES {
                    made.push(count(conn, table).await);
                }
                Ok::<_, StoreError>(made)
            })
            .await
            .unwrap();
        assert!(made.iter().all(|rows| *rows >= ROWS), "{made:?}");
        forget_what_ended(app).await.unwrap();
        let mut conn = app.store().read().await.unwrap();
        for (table, made) in TABLES.into_iter().zip(made) {
            let left = count(&mut conn, table).await;
            // an account that failed too often stays closed, however long ago that was
            let closed = if table == "login_failures" { 3_325 } else { 0 };
            assert_eq!(made - left, ROWS / 2 - closed, "{table}");
        }
        // what changed is told for ever: the audit log is never cut
        assert!(count(&mut conn, "audit").await > 0);
    }

    #[tokio::test]
    async fn the_policy_of_a_database_that_was_put_back_replaces_a_newer_one() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        let head = read_head(&mut app.store().read().await.unwrap()).await;
        let older = head.unwrap().revision;
        let role = "taken-back".parse().unwrap();
        crate::demo::ensure_role(app, &role, "").await.unwrap();
        app.store()
            .write(async |conn: &mut Conn| {
                for text in [
                    "DELETE FROM roles WHERE name = 'taken-back'",
                    "UPDATE head SET revision = revision - 1, policy_revision = policy_revision - 1, era = 'e2'",
                ] {
                    on!(conn, |c| sqlx::query(text).execute(c).await.map(drop))?;
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        take_in_all(app).await.unwrap();
        let mut conn = app.store().read().await.unwrap();
        let policy = app.policy().at_least(&mut conn, older).await.unwrap();
        assert!(policy.1.role("taken-back").is_none());
    }
}
