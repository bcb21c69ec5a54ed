//! The source of time, which tests can replace.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rolecall_core::Timestamp;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time of day, for claims such as `exp`.
    fn now(&self) -> Timestamp;

    /// Returns the time since some fixed start. It never decreases, even if the time of day is set back.
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

/// The system clock.
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
        reason = "the only place where the time of day is read"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // before 1970 every `iat` is in the future, so that no token is accepted
        Timestamp::default().plus(since.unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock for tests, which stands still until it is moved. Clones share the time.
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
    /// Creates a clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((now, Duration::ZERO))))
    }

    /// Sets the time of day, forward or back, without changing the monotonic time.
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
    fn setting_the_time_of_day_does_not_change_the_monotonic_time() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        clock.advance(Duration::from_secs(10));
        clock.set(Timestamp::from_seconds(1));
        assert_eq!(clock.now(), Timestamp::from_seconds(1));
        assert_eq!(clock.monotonic(), Duration::from_secs(10));
    }

    #[test]
    fn clones_share_the_time() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        clock.clone().advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::from_seconds(101));
    }

    #[test]
    fn the_monotonic_time_of_the_system_clock_increases() {
        let before = SystemClock.monotonic();
        assert!(SystemClock.monotonic() >= before);
        assert!((0..10_000_000).any(|_| SystemClock.monotonic() > before));
    }
}
