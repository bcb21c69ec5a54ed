//! Background work of a node: it polls the database for revocations and policy changes of other nodes, four times a
//! second, and once a minute deletes expired rows and maintains the signing keys.

use std::{sync::Weak, time::Duration};

use rolecall_core::Revision;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    app::{App, Parts},
    clean_up::{self, Outcome},
    error::{self, ApiError},
    keys,
    login::sampling,
    policy::history,
    recovery::lost_revisions,
    store::{read_floors, read_position},
};

/// The interval of polls.
const POLL: Duration = Duration::from_millis(250);
/// The greatest age of what this node knows while its polls are answered. An older state means that the node stood still.
pub(crate) const USUAL_AGE: Duration = Duration::from_millis(900);
/// The time after which a poll has failed, so that the state does not look fresh while the database hangs.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);

/// The revisions that the node has loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The era to which the revisions belong.
    era: String,
    revision: Revision,
    /// The mark of that revision in the audit log. A database that went back and caught up has another one there.
    mark: String,
    policy_revision: Revision,
}

/// Loads the whole state: at the start, and after a restored backup.
pub(crate) async fn load_all(app: &App) -> Result<Seen, ApiError> {
    let parts = app.parts();
    let asked_at = parts.clock.monotonic();
    let question = parts.live.question();
    let mut conn = app.store().read_for_poll().await?;
    let position = read_position(&mut conn, Revision::MIN).await?;
    let head = position.head;
    let floors = read_floors(&mut conn, Revision::MIN).await?;
    app.policy().forget();
    app.load_policy(&mut conn).await?;
    parts.live.replace(&head.era, &floors);
    parts.live.answer(question, head.revision);
    app.reload_keys(&mut conn).await?;
    drop(conn);
    parts.feed.replace(&head, &position.mark, &floors);
    parts
        .live
        .mark_fresh_with_age(parts.clock.monotonic().saturating_sub(asked_at));
    parts.metrics.note_revision(head.revision);
    Ok(Seen {
        era: head.era.clone(),
        revision: head.revision,
        mark: position.mark,
        policy_revision: head.policy_revision,
    })
}

/// Loads the changes since `seen`.
pub(crate) async fn apply_updates(app: &App, seen: &Seen) -> Result<Seen, ApiError> {
    let parts = app.parts();
    let asked_at = parts.clock.monotonic();
    let question = parts.live.question();
    let mut conn = app.store().read_for_poll().await?;
    let position = read_position(&mut conn, seen.revision).await?;
    let head = position.head;
    // the guards may know the era already from a load that failed halfway; its revisions are unknown then
    if *head.era != *parts.live.era() || *head.era != *seen.era {
        drop(conn);
        return load_all(app).await;
    }
    let claimed = parts.live.claimed_revision().unwrap_or(Revision::MIN);
    let known = seen.revision.max(claimed);
    if head.revision < known {
        drop(conn);
        return if lost_revisions::renew_if_behind(app, &head.era, known).await? {
            load_all(app).await
        } else {
            Err(ApiError::internal(std::io::Error::other(
                "a copy of the database that lags behind answered",
            )))
        };
    }
    // a mark that is gone was deleted by somebody, which `audit verify` shows; a copy of the database has another one
    let is_replaced = ![&position.mark_before, &seen.mark]
        .iter()
        .any(|mark| mark.is_empty())
        && position.mark_before != seen.mark;
    if is_replaced {
        drop(conn);
        let known = (seen.revision, seen.mark.as_str());
        lost_revisions::renew_if_replaced(app, &head.era, known).await?;
        return load_all(app).await;
    }
    let mut floors = Vec::new();
    if head.revision != seen.revision {
        // the head was read first, so that these include every floor up to its revision
        floors = read_floors(&mut conn, seen.revision).await?;
        parts.live.raise(&floors);
    }
    if head.policy_revision != seen.policy_revision {
        app.load_policy(&mut conn).await?;
    }
    app.catch_up_keys(&mut conn, &head).await?;
    drop(conn);
    // last, so that a guard that is notified finds the policy and keys of this revision
    parts.feed.raise(&head, &position.mark, &floors);
    parts.live.answer(question, head.revision);
    parts
        .live
        .mark_fresh_with_age(parts.clock.monotonic().saturating_sub(asked_at));
    parts.metrics.note_revision(head.revision);
    Ok(Seen {
        era: head.era.clone(),
        revision: head.revision,
        mark: position.mark,
        policy_revision: head.policy_revision,
    })
}

/// Waits for the next poll, or until a change of this process or a token requests one. Returns `None` once the application is
/// dropped.
async fn wait_for_poll(
    app: &Weak<Parts>,
    poll: &mut tokio::time::Interval,
    questions: &mut watch::Receiver<u64>,
) -> Option<()> {
    // a reference held forever would keep the application alive
    let parts = app.upgrade()?;
    tokio::select! {
        _ = poll.tick() => {}
        () = parts.look_now.notified() => {}
        // a token is above the newest revision that this node knows of
        Ok(()) = questions.changed() => {}
    }
    Some(())
}

fn is_idle(task: Option<&JoinHandle<()>>) -> bool {
    task.is_none_or(JoinHandle::is_finished)
}

/// Runs until the application is dropped. `node` is the name of this process among the nodes of its database, and `started`
/// the monotonic time at which it opened it.
pub(crate) async fn run(app: Weak<Parts>, node: String, mut seen: Seen, started: Duration) {
    let Some(mut questions) = app.upgrade().map(|parts| parts.live.questions()) else {
        return;
    };
    let mut cleaned = started;
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut chores: Option<JoinHandle<()>> = None;
    let mut refill: Option<JoinHandle<()>> = None;
    let mut failing = false;
    loop {
        if wait_for_poll(&app, &mut poll, &mut questions)
            .await
            .is_none()
        {
            return;
        }
        let Some(parts) = app.upgrade() else { return };
        let app = App::from_parts(parts);
        let polled = tokio::time::timeout(POLL_TIMEOUT, apply_updates(&app, &seen)).await;
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
                tracing::error!(error = %error::chain_of(&error), "revocations could not be read: the database did not answer");
            }
            Err(_) if !failing => {
                failing = true;
                tracing::error!("revocations could not be read: the database timed out");
            }
            _ => {}
        }
        if !failing && is_idle(refill.as_ref()) && app.store().needs_refill() {
            let store = app.store().clone();
            refill = Some(tokio::spawn(async move { store.refill().await }));
        }
        let now = app.parts().clock.monotonic();
        if is_idle(chores.as_ref()) && !failing && now.saturating_sub(cleaned) >= clean_up::INTERVAL
        {
            cleaned = now;
            // in a task of its own: it can wait for other transactions, and the poll must go on meanwhile
            chores = Some(tokio::spawn(do_chores(app, node.clone())));
        }
    }
}

/// Deletes expired rows and maintains the signing keys.
async fn do_chores(app: App, node: String) {
    let parts = app.parts();
    match clean_up::clock::observe(&app).await {
        Ok(longest) => {
            let before = parts.known_time.floors_before(longest);
            parts.live.prune(before);
            parts.feed.prune(before);
        }
        Err(error) => {
            tracing::warn!(error = %error::chain_of(&error), "the database's time could not be read");
        }
    }
    let outcome = match clean_up::run(&app, &node).await {
        Ok(Outcome::Done(rows)) => {
            tracing::debug!(rows, "expired rows deleted");
            "done"
        }
        Ok(Outcome::Skipped) => "left",
        Err(error) => {
            tracing::warn!(error = %error::chain_of(&error), "clean-up failed");
            "failed"
        }
    };
    parts.metrics.clean_ups.add_one(outcome);
    if let Err(error) = history::note(&app).await {
        tracing::warn!(error = %error::chain_of(&error), "the policy could not be kept in its history");
    }
    if let Err(error) = sampling::refresh(&app).await {
        tracing::warn!(error = %error::chain_of(&error), "the costs of password hashes could not be read");
    }
    if let Err(error) = keys::maintenance::maintain(&app).await {
        tracing::warn!(error = %error::chain_of(&error), "maintenance of the signing keys failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authority::caller::Caller,
        store::{Conn, StoreError, query, read_head, testing::postgres_database},
    };
    use rolecall::{ManualClock, Timestamp};
    use rolecall_core::FloorKind;
    use sqlx::{Connection as _, PgConnection};
    use std::{
        future::poll_fn,
        pin::Pin,
        sync::{Arc, Mutex},
        task::Poll,
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_waiting_clean_up_does_not_stop_the_poll() {
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
                clock.advance(clean_up::INTERVAL);
                // the first of these polls starts a clean-up, which waits for the end of this transaction
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

    /// Takes all connections for requests; the poll, readiness and a loss go on.
    async fn check_with_all_connections_taken(url: &str) {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let server = crate::Embedded::builder(url)
            .clock(clock.clone())
            .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
            .open()
            .await
            .unwrap();
        let (app, live) = (server.app(), &server.app().parts().live);
        let most = app.store().connections().first().unwrap().max;
        let mut held = Vec::new();
        for _ in 0..most {
            held.push(app.store().read().await.unwrap());
        }
        let goes_on = async {
            app.check_ready().await.unwrap();
            let loss = app.change(Caller::System, async |change| {
                change.raise_floor(FloorKind::Jti, "x");
                change.record(serde_json::json!({ "action": "test" }));
                change.policy_changed();
                Ok(())
            });
            loss.await.unwrap();
            clock.advance(Duration::from_secs(1));
            while !live.age().is_zero() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // less than the time that a request waits for a connection
        let in_time = tokio::time::timeout(Duration::from_secs(4), goes_on).await;
        assert!(in_time.is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y026_a_starved_pool_stops_neither_poll_nor_loss_nor_readiness_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        check_with_all_connections_taken(&url).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y026_a_starved_pool_stops_neither_poll_nor_loss_nor_readiness_on_postgresql() {
        if let Some(url) = postgres_database("y026_starved").await {
            check_with_all_connections_taken(&url).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y549_a_node_holds_all_its_connections_again_after_a_restart_of_the_database() {
        const KILL: &str = "SELECT pg_terminate_backend(pid), CAST(clock_timestamp() AS TEXT) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name = 'rolecall'";
        const NEW: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND application_name = 'rolecall' AND backend_start > CAST($1 AS TIMESTAMPTZ)";
        let Some(url) = postgres_database("y549_watch").await else {
            return;
        };
        let builder = crate::Embedded::builder(&url)
            .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        let _server = builder.open().await.unwrap();
        let mut other = PgConnection::connect(&url).await.unwrap();
        let killed: Vec<(bool, String)> = sqlx::query_as(KILL).fetch_all(&mut other).await.unwrap();
        let (_, at) = killed.first().unwrap();
        let all_again = async {
            loop {
                let new = sqlx::query_scalar(NEW).bind(at.as_str());
                let new: i64 = new.fetch_one(&mut other).await.unwrap();
                // one to poll, two to watch, four for changes, one for requests
                if new >= 8 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), all_again).await;
        assert!(in_time.is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y026_a_loss_waits_behind_one_other_writer_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        let server = crate::Embedded::builder(&url).open().await.unwrap();
        let app = server.app().clone();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
        for _ in 0..8 {
            let (app, order) = (app.clone(), Arc::clone(&order));
            waiting.push(Box::pin(async move {
                let write = app.store().write(async |_: &mut Conn| {
                    order.lock().unwrap().push("write");
                    Ok::<_, StoreError>(())
                });
                write.await.unwrap();
            }));
        }
        let (changing, ordered) = (app.clone(), Arc::clone(&order));
        waiting.push(Box::pin(async move {
            let loss = changing.change(Caller::System, async |change| {
                ordered.lock().unwrap().push("loss");
                change.record(serde_json::json!({ "action": "test" }));
                Ok(())
            });
            loss.await.unwrap();
        }));
        // one after the other begins to wait while another transaction writes
        let ahead = app.store().write(async |_: &mut Conn| {
            for one in &mut waiting {
                poll_fn(|context| Poll::Ready(one.as_mut().poll(context).is_pending())).await;
            }
            Ok::<_, StoreError>(())
        });
        ahead.await.unwrap();
        let waiting: Vec<_> = waiting.into_iter().map(tokio::spawn).collect();
        for one in waiting {
            one.await.unwrap();
        }
        let order = order.lock().unwrap();
        let place = order.iter().position(|one| *one == "loss").unwrap();
        assert!(order.len() == 9 && place <= 1, "{order:?}");
    }

    #[tokio::test]
    async fn the_policy_of_a_restored_database_replaces_a_newer_one() {
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
                    query(text).execute(conn).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        load_all(app).await.unwrap();
        let mut conn = app.store().read().await.unwrap();
        let policy = app.policy().at_least(&mut conn, older).await.unwrap();
        assert!(policy.role("taken-back").is_none());
    }
}
