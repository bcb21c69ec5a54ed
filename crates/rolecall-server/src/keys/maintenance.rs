//! Maintenance of the signing keys: they are rotated when it is due, and end when their last token has expired.
//!
//! INVARIANT: keys end by the known time, as expired rows do, and never after a jump of the clock: the private half of a
//! retired key does not come back when a clock is set right. See
//! docs/adr/0014-nothing-is-forgotten-on-the-word-of-one-clock.md.

use rolecall_core::Timestamp;

use super::{
    fresh::Fresh,
    lifecycle::{self, IMPOSSIBLY_AHEAD},
    master,
    service::{LISTED_FOR, nexts, retire_key, rotate_now},
    store::{self, Listed, Slot},
};
use crate::{app::App, authority::caller::Caller, error::ApiError, store::Conn};

/// Rotates the keys when it is due, and removes keys whose last token has expired, unless the clock has jumped. Every node
/// calls it; the first one does the work.
pub(crate) async fn maintain(app: &App) -> Result<(), ApiError> {
    let known_time = &app.parts().known_time;
    if known_time.jump().is_some() {
        return Ok(());
    }
    let (known, database) = (known_time.known(), app.database_now());
    let listed = store::list(&mut app.store().read().await?).await?;
    let due = due_slots(app, &listed, known);
    if due.is_empty() && lifecycle::ended(&listed, known).next().is_none() {
        return Ok(());
    }
    let mut fresh = Fresh::generate(nexts(&listed, &due)).await?;
    app.change(Caller::System, async |change| {
        let (listed, master) = master::list_keys(change.conn(), &app.parts().masters).await?;
        for key in lifecycle::ended(&listed, known) {
            retire_key(change, &key.kid).await?;
        }
        for slot in due_slots(app, &listed, known) {
            let terms = (&mut fresh, false);
            rotate_now(change, &listed, master, (slot, database), terms).await?;
        }
        Ok(())
    })
    .await?;
    app.store()
        .write(async |conn: &mut Conn| store::forget(conn, known.minus(LISTED_FOR)).await)
        .await?;
    Ok(())
}

/// Returns the slots whose keys are to be rotated.
fn due_slots(app: &App, listed: &Listed, known: Timestamp) -> Vec<Slot> {
    let parts = app.parts();
    let every = app.settings().rotate_every;
    // a key that is dated ahead: either it was dated by a wrong clock, or the clock is behind now, which is more
    // likely until it has shown the same for long
    let is_trusted = parts.known_time.steady_for(parts.clock.monotonic()) >= IMPOSSIBLY_AHEAD;
    let mut slots = listed.slots();
    slots.retain(|slot| {
        lifecycle::is_due(listed, *slot, known, every)
            && (is_trusted || !lifecycle::is_misdated(listed, *slot, known))
    });
    slots
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rolecall::{Clock as _, ManualClock};

    use super::*;
    use crate::{
        Embedded, SigningAlgorithm, clean_up,
        keys::{service, store::State},
        store::testing::postgres_database,
    };

    const HOUR: Duration = Duration::from_hours(1);
    const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const DAY: Duration = Duration::from_hours(24);

    fn clock() -> ManualClock {
        ManualClock::at(Timestamp::from_seconds(1_900_000_000))
    }

    /// Opens a node with a clock of its own.
    async fn open(url: &str, own: &ManualClock, database: &ManualClock) -> Embedded {
        Embedded::builder(url)
            .clock(own.clone())
            .database_clock(database.clone())
            .master_key(MASTER_KEY)
            .open()
            .await
            .unwrap()
    }

    fn file(folder: &tempfile::TempDir) -> String {
        format!("sqlite:{}", folder.path().join("rolecall.db").display())
    }

    /// Does what a node does each minute.
    async fn do_chores(node: &Embedded) {
        clean_up::clock::observe(node.app()).await.unwrap();
        maintain(node.app()).await.unwrap();
    }

    async fn kids(node: &Embedded, state: State) -> Vec<String> {
        let listed = store::list(&mut node.app().store().read().await.unwrap()).await;
        let keys = listed.unwrap().keys.into_iter();
        let of_state = keys.filter(|key| key.state == state);
        of_state.map(|key| key.kid).collect()
    }

    async fn rotate(node: &Embedded) {
        let rotated = service::rotate(node.app(), Caller::System, true).await;
        assert!(rotated.is_ok());
    }

    /// Two nodes, of which one has a clock of its own that is wrong.
    async fn check_nodes_with_wrong_clocks(url: &str) {
        let right = clock();
        let node = open(url, &right, &right).await;
        let ahead = ManualClock::at(right.now().plus(HOUR));
        let node_ahead = open(url, &ahead, &right).await;
        rotate(&node).await;
        let retiring = kids(&node, State::Retiring).await;
        assert_eq!(retiring.len(), 1);
        do_chores(&node_ahead).await;
        assert_eq!(kids(&node, State::Retiring).await, retiring);

        let behind = ManualClock::at(right.now().minus(DAY * 3));
        let node_behind = open(url, &behind, &right).await;
        let active = kids(&node, State::Active).await;
        do_chores(&node_behind).await;
        assert_eq!(kids(&node, State::Active).await, active);
        // by hand, the former key verifies for as long as elsewhere
        rotate(&node_behind).await;
        do_chores(&node).await;
        assert_eq!(kids(&node, State::Retiring).await.len(), 2);

        // the time passes; the clock that wakes a node moves last
        right.advance(HOUR);
        ahead.advance(HOUR);
        do_chores(&node_ahead).await;
        assert!(kids(&node, State::Retiring).await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y546_no_key_ends_or_rotates_on_the_word_of_one_node_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        check_nodes_with_wrong_clocks(&file(&folder)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y546_no_key_ends_or_rotates_on_the_word_of_one_node_on_postgresql() {
        if let Some(url) = postgres_database("y546_keys").await {
            check_nodes_with_wrong_clocks(&url).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y546_a_key_that_a_node_behind_publishes_signs_no_earlier() {
        let folder = tempfile::tempdir().unwrap();
        let right = clock();
        let node = open(&file(&folder), &right, &right).await;
        let active = kids(&node, State::Active).await;
        let next = kids(&node, State::Next).await;
        let behind = Embedded::builder(&file(&folder))
            .clock(ManualClock::at(right.now().minus(DAY * 3)))
            .database_clock(right.clone())
            .master_key(MASTER_KEY)
            .algorithm(SigningAlgorithm::EdDsa)
            .open()
            .await
            .unwrap();
        assert_ne!(kids(&behind, State::Next).await, next);
        do_chores(&node).await;
        assert_eq!(kids(&node, State::Active).await, active);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y546_no_key_ends_or_rotates_after_a_jump() {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let node = open(&file(&folder), &clock, &clock).await;
        let start = clock.now();
        rotate(&node).await;
        let (active, retiring) = (
            kids(&node, State::Active).await,
            kids(&node, State::Retiring).await,
        );
        for jump in [
            start.plus(HOUR),
            start.plus(DAY * 400),
            start.minus(DAY * 3),
        ] {
            clock.set(jump);
            // once more, when the known time may have settled
            for _ in 0..2 {
                do_chores(&node).await;
                assert_eq!(kids(&node, State::Active).await, active);
                assert_eq!(kids(&node, State::Retiring).await, retiring);
            }
        }
        // three days behind, by hand
        rotate(&node).await;
        clock.set(start);
        let listed = store::list(&mut node.app().store().read().await.unwrap()).await;
        let keys = listed.unwrap().keys;
        let former = keys.iter().find(|key| key.kid == active[0]).unwrap();
        assert!(former.ends_at.unwrap() > start);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn y546_a_key_dated_years_ahead_is_rotated_once_the_clock_was_steady_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let node = open(&file(&folder), &clock, &clock).await;
        let start = clock.now();
        clock.set(start.plus(DAY * 3650));
        rotate(&node).await;
        clock.set(start);
        let active = kids(&node, State::Active).await;
        do_chores(&node).await;
        assert_eq!(kids(&node, State::Active).await, active);
        clock.advance(DAY + HOUR);
        do_chores(&node).await;
        assert_ne!(kids(&node, State::Active).await, active);
    }
}
