use std::time::Duration;

/// Exponential backoff with jitter.
///
/// Each wait is shortened at random by up to a half, so that guards that lost the same issuer do not all retry at once.
pub(super) struct Backoff {
    first: Duration,
    failures: u32,
}

impl Backoff {
    /// Creates a backoff whose first wait is at most `first`.
    pub(super) fn new(first: Duration) -> Self {
        Self { first, failures: 0 }
    }

    /// Starts again with the first wait, after a success.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the wait after another failure, at most `longest`.
    pub(super) fn next(&mut self, longest: Duration) -> Duration {
        let factor = 1_u32 << self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let wait = self.first.saturating_mul(factor).min(longest);
        let mut random = [0];
        // if there is no randomness, the wait is not shortened
        let _ = aws_lc_rs::rand::fill(&mut random);
        let [random] = random;
        wait.saturating_sub(wait * u32::from(random) / 512)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_at_least_half() {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        let longest = Duration::from_secs(2);
        for nth in 0..40_u32 {
            let full = Duration::from_millis(100 << nth.min(10)).min(longest);
            let wait = backoff.next(longest);
            assert!(wait <= full && wait >= full / 2, "{nth}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.next(longest) <= Duration::from_millis(100));
    }

    #[test]
    fn waits_are_random() {
        let wait = |_| Backoff::new(Duration::from_secs(1)).next(Duration::from_secs(1));
        let waits: std::collections::HashSet<Duration> = (0..32).map(wait).collect();
        assert!(waits.len() > 1);
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(900)));
    }
}
