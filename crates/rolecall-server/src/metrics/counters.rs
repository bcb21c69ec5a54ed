//! The counters of one node. They know nothing of the application, so that every part of it can count.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use rolecall_core::{Revision, Timestamp};

use super::series::{Counter, Family};

/// Counters that the features of the server increment.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(super) started_at: Timestamp,
    /// Log-ins, by outcome.
    pub(crate) log_ins: Family,
    /// Uses of refresh tokens, by outcome.
    pub(crate) refreshes: Family,
    /// Floors that this node raised, by kind.
    pub(crate) floors_raised: Family,
    /// Access tokens issued, by grant.
    pub(crate) tokens: Family,
    /// Entries written to the audit log.
    pub(crate) audit_entries: Counter,
    /// Runs that delete expired rows, by outcome.
    pub(crate) clean_ups: Family,
    /// Attempts to send logout tokens to clients, by outcome.
    pub(crate) logout_tokens: Family,
    /// Tries to send mails, by outcome.
    pub(crate) mails: Family,
    /// Polls of the database for revocations, by outcome.
    pub(crate) polls: Family,
    /// Mails that wait to be sent.
    pub(crate) mails_waiting: AtomicI64,
    revision: AtomicI64,
    waiting: AtomicI64,
    oldest_waiting_seconds: AtomicI64,
}

impl Metrics {
    /// Returns counters at zero. `grants` are the names of the OAuth grants.
    pub(crate) fn new(started_at: Timestamp, grants: &'static [&'static str]) -> Self {
        Self {
            started_at,
            log_ins: Family::new(&[
                "success",
                "wrong",
                "wrong_second",
                "change_required",
                "second_required",
                "slowed",
                "busy",
                "refused",
                "failed",
            ]),
            refreshes: Family::new(&[
                "rotated", "grace", "replayed", "slowed", "refused", "busy", "failed",
            ]),
            floors_raised: Family::new(&["subject", "client", "role", "sid", "jti"]),
            tokens: Family::new(grants),
            audit_entries: Counter::default(),
            clean_ups: Family::new(&["done", "left", "failed"]),
            logout_tokens: Family::new(&["delivered", "failed", "given_up", "unwanted", "expired"]),
            mails: Family::new(&["sent", "failed", "given_up"]),
            polls: Family::new(&["done", "failed"]),
            mails_waiting: AtomicI64::new(0),
            revision: AtomicI64::new(0),
            waiting: AtomicI64::new(0),
            oldest_waiting_seconds: AtomicI64::new(0),
        }
    }

    /// Records the newest revision that this node knows.
    pub(crate) fn note_revision(&self, revision: Revision) {
        self.revision.store(revision, Ordering::Relaxed);
    }

    /// Records how many logout tokens wait, and for how long the oldest of them.
    pub(crate) fn note_waiting(&self, count: i64, oldest: Duration) {
        let seconds = i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX);
        self.waiting.store(count, Ordering::Relaxed);
        self.oldest_waiting_seconds
            .store(seconds, Ordering::Relaxed);
    }

    /// Returns how many logout tokens wait, and for how many seconds the oldest of them, as they were counted last.
    pub(super) fn waiting(&self) -> (i64, i64) {
        let count = self.waiting.load(Ordering::Relaxed);
        (count, self.oldest_waiting_seconds.load(Ordering::Relaxed))
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision.load(Ordering::Relaxed)
    }
}
