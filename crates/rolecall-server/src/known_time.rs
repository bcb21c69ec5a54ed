//! The time by which expired rows are deleted.
//!
//! A clock may be wrong for a minute, and what is deleted does not come back when it is set right: a floor that was
//! forgotten too early lets a revoked token in again. So the time that counts here is the database's, it advances no
//! faster than the monotonic clock of the process allows, and it is stored, so that a restart does not trust a wrong
//! clock either. See docs/adr/0014-nothing-is-forgotten-on-the-word-of-one-clock.md.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rolecall_core::Timestamp;

/// The factor by which the known time may advance faster than the monotonic clock, to catch up after the service was
/// stopped.
const CATCH_UP: u32 = 2;
/// A clock that moves this much against the monotonic clock, between two observations, has been set.
const JUMP: Duration = Duration::from_secs(10);
/// The least time for which floors are kept after the last token below them has expired.
const MIN_FLOOR_SLACK: Duration = Duration::from_mins(10);

/// The known time of this process.
pub(crate) struct KnownTime(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    known: Timestamp,
    /// The database's time at the last observation.
    database: Timestamp,
    /// The monotonic time of the last observation.
    at: Duration,
    jump: Option<Jump>,
    /// The monotonic time of the last jump, or of the start.
    steady_since: Duration,
    /// The latest time that a clock has shown, right or wrong: tokens may have been issued at it.
    latest: Timestamp,
}

/// A clock that was set, or runs wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The known time at which it was noticed.
    pub(crate) noticed_at: Timestamp,
    /// The jump forward or, if negative, back, in microseconds.
    pub(crate) by: i64,
}

/// The news of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// Nothing unusual.
    Steady,
    /// The clock has jumped. Nothing is deleted on its word.
    Jumped(Jump),
    /// The known time has reached the clock again.
    Settled,
}

impl KnownTime {
    /// Creates the known time from the one that was `stored`, if any, and the database's time at the monotonic time
    /// `at`.
    pub(crate) fn new(stored: Option<Timestamp>, database: Timestamp, at: Duration) -> Self {
        Self(Mutex::new(State {
            known: stored.map_or(database, |stored| stored.min(database)),
            database,
            at,
            jump: None,
            steady_since: at,
            latest: database,
        }))
    }

    /// Notes that a clock shows `now`, or has shown it before the process started.
    pub(crate) fn note(&self, now: Timestamp) {
        let mut state = self.state();
        state.latest = state.latest.max(now);
    }

    /// Returns the latest time that a clock has shown. A token may have been issued at it, which a floor must outlive.
    pub(crate) fn latest(&self) -> Timestamp {
        self.state().latest
    }

    /// Advances the known time: `database` is the database's time at the monotonic time `at`.
    pub(crate) fn observe(&self, database: Timestamp, at: Duration) -> Observed {
        let mut state = self.state();
        let elapsed = at.saturating_sub(state.at);
        let drift = database
            .micros()
            .saturating_sub(state.database.plus(elapsed).micros());
        let is_jump = drift.unsigned_abs() >= micros(JUMP);
        // a jump does not catch up at once
        let pace = if is_jump { 1 } else { CATCH_UP };
        let most = state.known.plus(elapsed.saturating_mul(pace));
        state.known = database.min(most);
        state.database = database;
        state.latest = state.latest.max(database);
        state.at = at;
        if is_jump {
            state.steady_since = at;
            let before = state.jump.map_or(0, |jump| jump.by);
            let jump = Jump {
                noticed_at: state.known,
                by: before.saturating_add(drift),
            };
            // a clock that was set back to where it was is right again
            state.jump = Some(jump).filter(|jump| jump.by.unsigned_abs() >= micros(JUMP));
            return state.jump.map_or(Observed::Settled, Observed::Jumped);
        }
        if state.jump.is_some() && state.known == database {
            state.jump = None;
            return Observed::Settled;
        }
        Observed::Steady
    }

    /// Returns the known time, which is never after the database's.
    pub(crate) fn known(&self) -> Timestamp {
        self.state().known
    }

    /// Returns the jump that the known time has not caught up with yet.
    pub(crate) fn jump(&self) -> Option<Jump> {
        self.state().jump
    }

    /// Returns the time, until the monotonic time `at`, for which the clock has not jumped while this process ran.
    pub(crate) fn steady_for(&self, at: Duration) -> Duration {
        at.saturating_sub(self.state().steady_since)
    }

    /// Returns the time before which floors must have ended to be forgotten, for tokens that live for at most
    /// `longest`.
    ///
    /// The known time may advance twice as fast as the real one. With a slack of a whole lifetime, a floor stays for as
    /// long as a token below it lives, whatever the clocks do after it was written.
    pub(crate) fn floors_before(&self, longest: Duration) -> Timestamp {
        self.known().minus(longest.max(MIN_FLOOR_SLACK))
    }

    /// Returns the database's time at the monotonic time `at`, by the last observation.
    pub(crate) fn database_at(&self, at: Duration) -> Timestamp {
        let state = self.state();
        state.database.plus(at.saturating_sub(state.at))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn y023_a_clock_an_hour_ahead_for_a_minute_moves_the_known_time_by_a_minute() {
        let known = KnownTime::new(None, at(100_000), Duration::ZERO);
        let jumped = known.observe(at(100_060).plus(HOUR), MINUTE);
        let Observed::Jumped(jump) = jumped else {
            panic!("{jumped:?}");
        };
        assert_eq!(jump.by, 3_600_000_000);
        assert_eq!(known.known(), at(100_060));
        // and when it is set right
        assert_eq!(known.observe(at(100_120), MINUTE * 2), Observed::Settled);
        assert_eq!(known.known(), at(100_120));
        assert_eq!(known.jump(), None);
    }

    #[test]
    fn y523_the_latest_time_of_a_wrong_clock_is_remembered() {
        let known = KnownTime::new(None, at(100_000), Duration::ZERO);
        known.observe(at(100_060).plus(HOUR), MINUTE);
        known.observe(at(100_120), MINUTE * 2);
        assert_eq!(known.latest(), at(100_060).plus(HOUR));
        known.note(at(100_180));
        assert_eq!(known.latest(), at(100_060).plus(HOUR));
        known.note(at(200_000));
        assert_eq!(known.latest(), at(200_000));
    }

    #[test]
    fn the_known_time_follows_a_clock_that_is_set_back_and_never_passes_it() {
        let known = KnownTime::new(None, at(100_000), Duration::ZERO);
        assert!(matches!(
            known.observe(at(90_000), MINUTE),
            Observed::Jumped(_)
        ));
        assert_eq!(known.known(), at(90_000));
        assert_eq!(known.observe(at(90_060), MINUTE * 2), Observed::Settled);
    }

    #[test]
    fn y023_a_wrong_clock_at_the_start_is_not_trusted() {
        let known = KnownTime::new(Some(at(1_000)), at(1_000).plus(HOUR), Duration::ZERO);
        assert_eq!(known.known(), at(1_000));
        assert_eq!(
            known.observe(at(1_060).plus(HOUR), MINUTE),
            Observed::Steady
        );
        assert_eq!(known.known(), at(1_120), "it catches up slowly");
        let behind = KnownTime::new(Some(at(5_000)), at(1_000), Duration::ZERO);
        assert_eq!(behind.known(), at(1_000));
    }

    #[test]
    fn a_clock_that_stays_ahead_is_trusted_after_as_long() {
        let known = KnownTime::new(None, at(0), Duration::ZERO);
        known.observe(at(0).plus(HOUR), Duration::ZERO);
        assert!(known.jump().is_some());
        let mut settled = None;
        for minute in 1..=120 {
            let elapsed = MINUTE * minute;
            if known.observe(at(0).plus(HOUR + elapsed), elapsed) == Observed::Settled {
                settled = settled.or(Some(minute));
            }
        }
        assert_eq!(settled, Some(60));
    }

    #[test]
    fn y546_a_clock_is_steady_since_its_last_jump() {
        let known = KnownTime::new(None, at(100_000), MINUTE);
        assert_eq!(known.steady_for(MINUTE * 3), MINUTE * 2);
        known.observe(at(100_000).plus(MINUTE * 4), MINUTE * 5);
        assert_eq!(known.steady_for(MINUTE * 5), MINUTE * 4);
        known.observe(at(100_000).minus(HOUR), MINUTE * 6);
        assert_eq!(known.steady_for(MINUTE * 7), MINUTE);
    }

    proptest! {
        /// Whatever the clock shows, a floor is not forgotten while a token below it may live: its end is the
        /// database's time plus the lifetime, and the token lives for that long by the monotonic clock.
        #[test]
        fn y023_no_floor_is_forgotten_while_a_token_below_it_lives(
            steps in proptest::collection::vec((1u64..600, prop_oneof![Just(0i64), -100_000i64..100_000]), 1..60),
            written in 0usize..60, longest in 1u64..7_200,
        ) {
            let lifetime = Duration::from_secs(longest);
            let (mut clock, mut now) = (at(10_000_000), Duration::ZERO);
            let known = KnownTime::new(None, clock, now);
            let mut floor = None;
            for (number, (elapsed, jump)) in steps.into_iter().enumerate() {
                let elapsed = Duration::from_secs(elapsed);
                now += elapsed;
                clock = Timestamp::from_micros(clock.plus(elapsed).micros() + jump * 1_000_000);
                known.observe(clock, now);
                if number == written {
                    floor = Some((clock.plus(lifetime), now + lifetime));
                }
                if let Some((until, token_ends)) = floor {
                    let is_forgotten = until < known.floors_before(lifetime);
                    prop_assert!(!is_forgotten || now >= token_ends);
                }
                prop_assert!(known.known() <= clock);
            }
        }
    }
}
