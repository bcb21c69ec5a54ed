//! Log-ins of an account that are in progress at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::delay::{MAX_FAILURES, account_delay};

/// Counts the log-ins of each account that are in progress. The failures in the database are read before a log-in and
/// written after it, so that without this count simultaneous guesses could exceed the limit.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    counts: Arc<Mutex<HashMap<String, u32>>>,
}

impl InFlight {
    /// Counts one more log-in of `account` until the guard is dropped.
    ///
    /// INVARIANT: the caller enters first, then reads the failures, then asks [`InFlightGuard::may_try`], and writes a
    /// failure before it drops the guard. So every other guess is counted in the failures or in the guard.
    pub fn enter(&self, account: &str) -> InFlightGuard {
        let mut counts = self.lock();
        let count = counts.entry(account.to_owned()).or_default();
        let before = *count;
        *count = count.saturating_add(1);
        InFlightGuard {
            in_flight: self.clone(),
            account: account.to_owned(),
            before,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log-in in progress.
#[derive(Debug)]
#[must_use = "the log-in is counted only until the guard is dropped"]
pub struct InFlightGuard {
    in_flight: InFlight,
    account: String,
    before: u32,
}

impl InFlightGuard {
    /// Whether this log-in may verify a password, for an account with `failures` consecutive failures: failures and
    /// log-ins in progress must be below [`MAX_FAILURES`], and once failures cause a delay, only one log-in at a time
    /// may.
    #[must_use]
    pub fn may_try(&self, failures: u32) -> bool {
        let alone = self.before == 0;
        failures.saturating_add(self.before) < MAX_FAILURES
            && (alone || account_delay(failures).is_zero())
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut counts = self.in_flight.lock();
        if let Some(count) = counts.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x023_parallel_guesses_never_exceed_the_limit() {
        let in_flight = InFlight::default();
        let failures = Mutex::new(0_u32);
        let evaluated = Mutex::new(0_u32);
        std::thread::scope(|scope| {
            for _ in 0..400 {
                scope.spawn(|| {
                    let guard = in_flight.enter("alice");
                    let read = *failures.lock().unwrap();
                    if guard.may_try(read) {
                        *evaluated.lock().unwrap() += 1;
                        std::thread::yield_now();
                        *failures.lock().unwrap() += 1;
                    }
                    drop(guard);
                });
            }
        });
        assert!(*evaluated.lock().unwrap() <= MAX_FAILURES);
        assert!(in_flight.lock().is_empty());
    }

    #[test]
    fn one_log_in_at_a_time_once_failures_cause_a_delay() {
        let in_flight = InFlight::default();
        let first = in_flight.enter("alice");
        let second = in_flight.enter("alice");
        let other = in_flight.enter("bob");
        assert!(first.may_try(5) && second.may_try(5));
        assert!(first.may_try(6) && !second.may_try(6) && other.may_try(6));
        assert!(first.may_try(99) && !first.may_try(100) && !first.may_try(u32::MAX));
        drop(first);
        assert!(
            !second.may_try(6),
            "it may have read the failures before the first one ended"
        );
        assert!(!in_flight.enter("alice").may_try(6));
    }
}
