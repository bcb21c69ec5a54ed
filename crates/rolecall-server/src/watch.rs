//! What a node does on its own: it learns within a quarter of a second what others took away, and forgets
//! what no longer matters.

use std::{sync::Weak, time::Duration};

use rolecall_core::Revision;
use tokio::task::JoinHandle;

use crate::{
    app::{App, Parts},
    clean_up::{self, Turn},
    error::{self, ApiError},
    keys,
    store::{read_floors, read_head},
};

/// How often a node asks the database for news.
const POLL: Duration = Duration::from_millis(250);
/// A poll that takes longer counts as failed, so that a hanging database does not look fresh.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the node has taken in so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    revision: Revision,
    policy_revision: Revision,
}

/// Reads the whole state: at the start.
pub(crate) async fn load_all(app: &App) -> Result<Seen, ApiError> {
    let parts = app.parts();
    let asked_at = parts.clock.monotonic();
    let mut conn = app.store().read().await?;
    let head = read_head(&mut conn).await?;
    let floors = read_floors(&mut conn, Revision::MIN).await?;
    app.policy().forget();
    app.load_policy(&mut conn).await?;
    parts.live.replace(&head.era, &floors);
    app.reload_keys(&mut conn).await?;
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
        return load_all(app).await;
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
    app.catch_up_keys(&mut conn, &head).await?;
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

/// Runs until the application has gone. `node` is what this process is called among those of its database.
pub(crate) async fn run(app: Weak<Parts>, node: String, mut seen: Seen) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cleaned = Duration::ZERO;
    let mut chores: Option<JoinHandle<()>> = None;
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
                tracing::error!(error = %error::chain_of(&error), "revocations could not be read: the database did not answer");
            }
            Err(_) if !failing => {
                failing = true;
                tracing::error!("revocations could not be read: the database timed out");
            }
            _ => {}
        }
        let now = app.parts().clock.monotonic();
        let idle = chores.as_ref().is_none_or(JoinHandle::is_finished);
        if idle && !failing && now.saturating_sub(cleaned) >= clean_up::EVERY {
            cleaned = now;
            // beside the poll: it may wait for others who write, while they take something away
            chores = Some(tokio::spawn(do_chores(app, node.clone())));
        }
    }
}

/// What is done once a minute.
async fn do_chores(app: App, node: String) {
    let parts = app.parts();
    parts.live.prune(app.now());
    parts.feed.prune(app.now());
    let outcome = match clean_up::run(&app, &node).await {
        Ok(Turn::Done(rows)) => {
            tracing::debug!(rows, "what had ended was forgotten");
            "done"
        }
        Ok(Turn::Left) => "left",
        Err(error) => {
            tracing::warn!(error = %error::chain_of(&error), "clean-up failed");
            "failed"
        }
    };
    parts.metrics.clean_ups.add_one(outcome);
    if let Err(error) = keys::service::maintain(&app).await {
        tracing::warn!(error = %error::chain_of(&error), "the signing keys are not kept up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Conn, StoreError, query};
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
                clock.advance(clean_up::EVERY);
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
