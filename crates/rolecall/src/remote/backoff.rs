use std::time::Duration;

/// Waits that grow while something fails, each shortened at random by up to a half: guards that lost the
/// same issuer must not come back all at once.
pub(super) struct Backoff {
    shortest: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(shortest: Duration) -> Self {
        Self {
            shortest,
            failures: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait, at most `longest`.
    pub(super) fn next(&mut self, longest: Duration) -> Duration {
        let doubled = 1_u32 << self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let wait = self.shortest.saturating_mul(doubled).min(longest);
        let mut random = [0];
        // without randomness the wait is the longest
        let _ = aws_lc_rs::rand::fill(&mut random);
        let [random] = random;
        wait.saturating_sub(wait * u32::from(random) / 512)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_never_come_down_to_nothing() {
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
    fn waits_differ() {
        let wait = |_| Backoff::new(Duration::from_secs(1)).next(Duration::from_secs(1));
        let waits: std::collections::HashSet<Duration> = (0..32).map(wait).collect();
        assert!(waits.len() > 1);
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(900)));
    }
}
