//! Observes the database's clock, by which expired rows are deleted.

use std::time::Duration;

use rolecall_core::Timestamp;

use crate::{
    app::App,
    known_time::{KnownTime, Observed},
    store::{
        Conn, StoreError, StoredTime, read_head, read_known_time, read_time, write_known_time,
    },
};

/// The difference between the clocks of a node and the database beyond which there is a warning.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(5);

/// Returns how far the clock `now` of this node is ahead of the database's or, if negative, behind, in seconds; `None`
/// if the difference does not matter.
pub(crate) fn offset_seconds(now: Timestamp, database: Timestamp) -> Option<i64> {
    let offset = now.micros().saturating_sub(database.micros());
    let matters = u128::from(offset.unsigned_abs()) >= TOLERANCE.as_micros();
    matters.then_some(offset / 1_000_000)
}

/// Reads the time of the database, and returns the known time of the process that starts at the monotonic time `at`.
pub(crate) async fn start(
    conn: &mut Conn,
    now: Timestamp,
    at: Duration,
    has_own_clock: bool,
) -> Result<KnownTime, StoreError> {
    let database = if has_own_clock {
        read_time(conn).await?
    } else {
        None
    };
    let stored = read_known_time(conn).await?;
    let known_at = stored.map(|stored| stored.known_at);
    let known = KnownTime::new(known_at, database.unwrap_or(now), at);
    if let Some(latest) = stored.and_then(|stored| stored.latest_at) {
        known.note(latest);
    }
    Ok(known)
}

/// Advances the known time and logs a clock that is wrong. Returns the longest lifetime of a token.
pub(crate) async fn observe(app: &App) -> Result<Duration, StoreError> {
    let parts = app.parts();
    let at = parts.clock.monotonic();
    let mut conn = app.store().read_for_watch().await?;
    let database = app.read_database_time(&mut conn).await?;
    let head = read_head(&mut conn).await?;
    drop(conn);
    match parts.known_time.observe(database, at) {
        Observed::Steady => {}
        Observed::Jumped(jump) => tracing::error!(
            seconds = jump.by / 1_000_000,
            "the database's clock has jumped: nothing is deleted on its word; set it right, or wait until the time is trusted again"
        ),
        Observed::Settled => tracing::info!("the database's clock is trusted again"),
    }
    if let Some(seconds) = offset_seconds(app.now(), database) {
        tracing::warn!(
            seconds,
            "the clock of this machine differs from the database's: synchronize both"
        );
    }
    Ok(Duration::from_secs(
        u64::try_from(head.longest_ttl_seconds).unwrap_or(0),
    ))
}

/// Stores the known time of this node.
pub(super) async fn store(conn: &mut Conn, known: &KnownTime) -> Result<(), StoreError> {
    let jump = known.jump();
    let stored = StoredTime {
        known_at: known.known(),
        jumped_at: jump.map(|jump| jump.noticed_at),
        jumped_by: jump.map_or(0, |jump| jump.by),
        latest_at: Some(known.latest()),
    };
    write_known_time(conn, &stored).await
}
