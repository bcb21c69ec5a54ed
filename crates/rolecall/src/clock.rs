//! Where the time comes from: a parameter, so that a test can stop it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rolecall_core::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, for claims such as `exp`.
    fn now(&self) -> Timestamp;

    /// How long it is since some fixed start; never goes back, whatever happens to the time of day.
    fn monotonic(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// The clock of the machine.
///
/// ```
/// use rolecall::{Clock, SystemClock};
///
/// assert!(SystemClock.now().seconds() > 1_700_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the time of day is read"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // a machine that believes to live before 1970 trusts no token: every `iat` is in its future
        Timestamp::default().plus(since.unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that stands still until it is moved; its clones show the same time.
///
/// ```
/// use rolecall::{Clock, ManualClock, Timestamp};
/// use std::time::Duration;
///
/// let clock = ManualClock::at(Timestamp::from_seconds(1_000));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now().seconds(), 1_005);
/// assert_eq!(clock.monotonic(), Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<(Timestamp, Duration)>>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((now, Duration::ZERO))))
    }

    /// Sets the time of day, forwards or back; the monotonic time stays.
    pub fn set(&self, now: Timestamp) {
        self.with(|times| times.0 = now);
    }

    /// Moves both times forward.
    pub fn advance(&self, by: Duration) {
        self.with(|times| *times = (times.0.plus(by), times.1.saturating_add(by)));
    }

    fn with<T>(&self, f: impl FnOnce(&mut (Timestamp, Duration)) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.with(|times| times.0)
    }

    fn monotonic(&self) -> Duration {
        self.with(|times| times.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_time_of_day_back_does_not_move_the_monotonic_time() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        clock.advance(Duration::from_secs(10));
        clock.set(Timestamp::from_seconds(1));
        assert_eq!(clock.now(), Timestamp::from_seconds(1));
        assert_eq!(clock.monotonic(), Duration::from_secs(10));
    }

    #[test]
    fn a_clone_shows_the_same_time() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        clock.clone().advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::from_seconds(101));
    }

    #[test]
    fn the_monotonic_time_of_the_machine_neither_goes_back_nor_stands_still() {
        let before = SystemClock.monotonic();
        assert!(SystemClock.monotonic() >= before);
        assert!((0..10_000_000).any(|_| SystemClock.monotonic() > before));
    }
}
