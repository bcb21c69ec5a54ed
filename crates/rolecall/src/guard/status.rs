use std::time::Duration;

use super::verify::Guard;
use crate::live::LiveState;

/// The health of a guard at the moment of the call, for a health page or metrics.
///
/// Fields that concern the connection to an issuer (feature `remote`) are empty for other guards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardStatus {
    /// The number of keys with which tokens are verified.
    pub keys: usize,
    /// The number of verified tokens in the cache.
    pub cached_tokens: usize,
    /// The number of floors: revocations during the last token lifetime.
    pub floors: usize,
    /// The time since revocations were last known to be complete.
    ///
    /// `None` if the guard does not learn about revocations: with fixed keys, without a feed, or if the feed has never
    /// answered.
    pub age: Option<Duration>,
    /// True if the last request to the feed succeeded.
    pub connected: bool,
    /// The cursor up to which the feed was read, as the issuer gave it.
    pub cursor: Option<String>,
    /// The revision of the policy in the last answer of the feed.
    pub policy_revision: Option<i64>,
    /// The number of times that the keys were loaded.
    pub key_loads: u64,
    /// The number of answers that were read from the feed.
    pub feed_answers: u64,
    /// The number of requests to the issuer that failed.
    pub failures: u64,
    /// The reason for the last failure, until the same kind of request succeeds.
    pub last_failure: Option<String>,
}

impl Guard {
    /// Returns the health of the guard, for a health page or metrics.
    ///
    /// ```
    /// let guard = rolecall::testing::TestIssuer::new().guard();
    /// assert_eq!(guard.status().keys, 1);
    /// ```
    #[must_use]
    pub fn status(&self) -> GuardStatus {
        let guard = &self.inner;
        let live = guard.checks.live();
        let status = GuardStatus {
            keys: guard.checks.source.load().keys().len(),
            cached_tokens: guard.verified.len(),
            floors: live.map_or(0, LiveState::floor_count),
            age: live.filter(|state| state.is_known()).map(LiveState::age),
            ..GuardStatus::default()
        };
        #[cfg(feature = "remote")]
        if let Some(remote) = &guard.remote {
            let progress = remote.progress();
            return GuardStatus {
                connected: progress.connected,
                last_failure: progress.last_failure(),
                cursor: progress.cursor,
                policy_revision: progress.policy_revision,
                key_loads: progress.key_loads,
                feed_answers: progress.feed_answers,
                failures: progress.failures,
                ..status
            };
        }
        status
    }
}
