//! Failures of the database, and what they mean for other connections and for readiness.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The times of the last failures, in milliseconds after `base`; 0 for never.
pub(super) struct Failures {
    base: Instant,
    /// PostgreSQL refused to write, because it had become a standby or read-only. Every connection that was opened
    /// before leads to the same server, and would refuse in turn: the pools replace them.
    demoted: AtomicU64,
    /// A connection was dead. Those that have been idle since before may be dead too: the pools ping them first.
    broken: AtomicU64,
    /// A write failed since the disk was full. A small write, such as that of a health check, may succeed all the same.
    full: AtomicU64,
    /// SQLite found damaged pages, or another kind of file.
    damaged: AtomicBool,
    /// The connections that are held were opened again.
    refilled: AtomicU64,
    /// The database gave fewer connections than are held.
    lacking: AtomicBool,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            demoted: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            full: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
            refilled: AtomicU64::new(0),
            lacking: AtomicBool::new(false),
        }
    }
}

impl Failures {
    pub(super) fn note_demoted(&self) {
        self.demoted.fetch_max(self.now().max(1), Ordering::Relaxed);
    }

    pub(super) fn note_broken(&self) {
        self.broken.fetch_max(self.now().max(1), Ordering::Relaxed);
    }

    pub(super) fn note_full(&self) {
        self.full.fetch_max(self.now().max(1), Ordering::Relaxed);
    }

    /// Notes that the file is damaged. Returns true if that is news.
    pub(super) fn note_damaged(&self) -> bool {
        !self.damaged.swap(true, Ordering::Relaxed)
    }

    /// Returns true if the file was ever found damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Notes that the connections that are held are being opened again.
    pub(super) fn note_refill(&self) {
        self.refilled.store(self.now(), Ordering::Relaxed);
    }

    /// Returns the time since the connections that are held were last opened.
    pub(super) fn since_refill(&self) -> Duration {
        let refilled = self.refilled.load(Ordering::Relaxed);
        Duration::from_millis(self.now().saturating_sub(refilled))
    }

    /// Returns true if a connection was found dead since then.
    pub(super) fn is_broken_since_refill(&self) -> bool {
        let broken = self.broken.load(Ordering::Relaxed);
        broken > 0 && broken >= self.refilled.load(Ordering::Relaxed)
    }

    /// Notes whether the database gives fewer connections than are held. Returns true if that is news.
    pub(super) fn note_lacking(&self, is_lacking: bool) -> bool {
        self.lacking.swap(is_lacking, Ordering::Relaxed) != is_lacking
    }

    /// Returns true if the disk was full at most this long ago.
    pub(super) fn was_full_within(&self, ago: Duration) -> bool {
        self.is_before(ago, &self.full)
    }

    /// Returns true if a connection of this age was opened before the server refused to write.
    pub(super) fn is_demoted(&self, age: Duration) -> bool {
        self.is_before(age, &self.demoted)
    }

    /// Returns true if a connection that has been idle for this long may be dead, as another one was.
    pub(super) fn is_suspect(&self, idle: Duration) -> bool {
        self.is_before(idle, &self.broken)
    }

    /// Returns true if what began this long ago began before the failure.
    fn is_before(&self, ago: Duration, failure: &AtomicU64) -> bool {
        let at = failure.load(Ordering::Relaxed);
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        at > 0 && self.now().saturating_sub(ago) <= at
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_from_before_a_failure_are_concerned() {
        let failures = Failures {
            base: Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            ..Failures::default()
        };
        assert!(!failures.is_demoted(Duration::from_hours(1)));
        assert!(!failures.is_suspect(Duration::from_hours(1)));
        failures.demoted.store(30_000, Ordering::Relaxed);
        assert!(failures.is_demoted(Duration::from_secs(45)));
        assert!(failures.is_demoted(Duration::from_hours(1)));
        assert!(!failures.is_demoted(Duration::from_secs(15)));
        assert!(!failures.is_suspect(Duration::from_secs(45)));
        failures.note_demoted();
        assert!(failures.is_demoted(Duration::from_secs(15)));
        failures.note_broken();
        assert!(failures.is_suspect(Duration::ZERO));
    }

    #[test]
    fn y549_a_dead_connection_is_news_until_the_next_refill() {
        let failures = Failures {
            base: Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            ..Failures::default()
        };
        assert!(!failures.is_broken_since_refill());
        assert!(failures.since_refill() >= Duration::from_mins(1));
        failures.broken.store(30_000, Ordering::Relaxed);
        assert!(failures.is_broken_since_refill());
        failures.note_refill();
        assert!(!failures.is_broken_since_refill());
        assert!(failures.since_refill() < Duration::from_mins(1));
        failures.note_broken();
        assert!(failures.is_broken_since_refill());
        assert!(!failures.note_lacking(false));
        assert!(failures.note_lacking(true) && !failures.note_lacking(true));
        assert!(failures.note_lacking(false));
    }

    #[test]
    fn y385_a_full_disk_is_remembered_for_a_while() {
        let failures = Failures {
            base: Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            ..Failures::default()
        };
        assert!(!failures.was_full_within(Duration::from_mins(2)));
        failures.full.store(30_000, Ordering::Relaxed);
        assert!(failures.was_full_within(Duration::from_secs(45)));
        assert!(!failures.was_full_within(Duration::from_secs(15)));
        failures.note_full();
        assert!(failures.was_full_within(Duration::from_secs(15)));
    }
}
