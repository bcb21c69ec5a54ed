use std::time::Duration;

use super::Inner;

/// How a guard is doing, as of the moment it was asked.
///
/// What only a guard has that follows an issuer from afar (feature `remote`) is empty elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardStatus {
    /// Keys that tokens are verified with.
    pub keys: usize,
    /// Verified tokens that are remembered.
    pub cached_tokens: usize,
    /// Floors: what was lost during the last token lifetime.
    pub floors: usize,
    /// How long ago the losses were last known to be complete. `None` where none are heard of: fixed keys,
    /// keys without a feed, a feed that never answered.
    pub age: Option<Duration>,
    /// Whether the feed's last request was answered.
    pub connected: bool,
    /// How far the feed was read: opaque, as the issuer gave it.
    pub cursor: Option<String>,
    /// The revision of the policy that the feed named last.
    pub policy_revision: Option<i64>,
    /// How many times the keys were loaded.
    pub key_loads: u64,
    /// How many answers of the feed were taken in.
    pub feed_answers: u64,
    /// How many attempts failed, of both.
    pub failures: u64,
    /// Why the last one that failed did; stays until the next success of its kind.
    pub last_failure: Option<String>,
}

impl GuardStatus {
    pub(super) fn of(guard: &Inner) -> Self {
        let live = guard.checks.live();
        #[cfg_attr(
            not(feature = "remote"),
            expect(unused_mut, reason = "the feature adds to it")
        )]
        let mut status = Self {
            keys: guard.checks.source.load().keys().len(),
            cached_tokens: guard.verified.len(),
            floors: live.map_or(0, super::LiveState::floor_count),
            age: live
                .filter(|state| state.is_known())
                .map(super::LiveState::age),
            ..Self::default()
        };
        #[cfg(feature = "remote")]
        if let Some(remote) = &guard.remote {
            remote.fill(&mut status);
        }
        status
    }
}
