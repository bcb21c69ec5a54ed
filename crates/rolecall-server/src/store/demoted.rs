//! Connections to a PostgreSQL server that no longer takes writes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The time at which PostgreSQL last refused to write, because it had become a standby or read-only.
///
/// Every connection that was opened before leads to the same server, and would refuse in turn: the pool replaces them
/// before it hands them out.
pub(super) struct Demoted {
    base: Instant,
    /// Milliseconds after `base`; 0 for never.
    at: AtomicU64,
}

impl Default for Demoted {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            at: AtomicU64::new(0),
        }
    }
}

impl Demoted {
    pub(super) fn note(&self) {
        self.at.fetch_max(self.now().max(1), Ordering::Relaxed);
    }

    /// Returns true if a connection of this age was opened before the refusal.
    pub(super) fn concerns(&self, age: Duration) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        at > 0 && self.now().saturating_sub(age) <= at
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_from_before_the_refusal_are_replaced() {
        let demoted = Demoted {
            base: Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            at: AtomicU64::new(0),
        };
        assert!(!demoted.concerns(Duration::from_hours(1)));
        demoted.at.store(30_000, Ordering::Relaxed);
        assert!(demoted.concerns(Duration::from_secs(45)));
        assert!(demoted.concerns(Duration::from_hours(1)));
        assert!(!demoted.concerns(Duration::from_secs(15)));
        demoted.note();
        assert!(demoted.concerns(Duration::from_secs(15)));
    }
}
