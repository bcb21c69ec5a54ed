//! Delays after failures.

use std::time::Duration;

/// Consecutive failures after which an account accepts no more passwords (NIST SP 800-63B-4 section 3.2.2).
pub const MAX_FAILURES: u32 = 100;

/// Consecutive failures of an account that cause no delay.
pub(super) const FREE_ACCOUNT_FAILURES: u32 = 5;

/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// Returns how long an account accepts no password after the last of `failures` consecutive failures.
///
/// ```
/// use rolecall_server::throttle::account_delay;
///
/// assert_eq!(account_delay(5).as_secs(), 0);
/// assert_eq!(account_delay(6).as_secs(), 1);
/// assert_eq!(account_delay(99).as_secs(), 60);
/// ```
#[must_use]
pub fn account_delay(failures: u32) -> Duration {
    backoff(failures.saturating_sub(FREE_ACCOUNT_FAILURES))
}

/// Returns zero for no excess, then a second that doubles with each failure up to [`LONGEST_DELAY`].
pub(super) fn backoff(excess: u32) -> Duration {
    match excess {
        0 => Duration::ZERO,
        count => Duration::from_secs(1 << (count - 1).min(6)).min(LONGEST_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_delayed_after_five_failures_and_by_a_minute_at_most() {
        let delays: Vec<u64> = (0..=14)
            .map(|failures| account_delay(failures).as_secs())
            .collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(account_delay(u32::MAX), Duration::from_mins(1));
    }
}
