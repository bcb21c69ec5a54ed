//! The numbers of a [`Hasher`](crate::Hasher) that an operator watches.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The load of a [`Hasher`](crate::Hasher) at one moment, and its totals since the start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Load {
    /// Threads, which is the number of hashes that can be computed at the same time.
    pub threads: usize,
    /// Jobs that are being computed.
    pub running: usize,
    /// Jobs in the queue.
    pub waiting: usize,
    /// Jobs that fit into the queue.
    pub capacity: usize,
    /// Jobs that were begun since the start: one for each call that was neither refused nor
    /// abandoned by its caller.
    pub started: u64,
    /// Calls that were refused since the start because the queue was full.
    pub refused: u64,
    /// The time that jobs spent in the queue.
    pub waits: WaitTimes,
}

/// A histogram of the time that jobs spent in the queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitTimes {
    /// Upper bounds in microseconds, each with the number of jobs that waited at most so long.
    pub cumulative: Vec<(u64, u64)>,
    /// All jobs, including those that waited longer than the last bound.
    pub count: u64,
    /// The sum of all waits in microseconds.
    pub sum_micros: u64,
}

/// Upper bounds of the buckets in microseconds.
const BOUNDS: [u64; 10] = [
    1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
];

/// The counters behind [`Load`], which all threads write without a lock.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) threads: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) started: AtomicU64,
    pub(super) refused: AtomicU64,
    waits: [AtomicU64; BOUNDS.len()],
    longer_waits: AtomicU64,
    wait_micros: AtomicU64,
}

impl Counters {
    /// Counts a job that leaves the queue.
    pub(super) fn record_wait(&self, wait: Duration) {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        let bucket = self.waits.get(bucket).unwrap_or(&self.longer_waits);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.wait_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Reads all counters, beside a queue of `waiting` jobs with room for `capacity`.
    pub(super) fn read(&self, waiting: usize, capacity: usize) -> Load {
        Load {
            threads: self.threads.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            waiting,
            capacity,
            started: self.started.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            waits: self.read_waits(),
        }
    }

    fn read_waits(&self) -> WaitTimes {
        let mut count = 0;
        let cumulative = BOUNDS.iter().zip(&self.waits).map(|(bound, bucket)| {
            count += bucket.load(Ordering::Relaxed);
            (*bound, count)
        });
        let cumulative = cumulative.collect();
        // The count is the sum of the buckets that were read, so the two always agree.
        count += self.longer_waits.load(Ordering::Relaxed);
        WaitTimes {
            cumulative,
            count,
            sum_micros: self.wait_micros.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_at_a_bound_is_in_its_bucket_and_a_longer_one_than_all_is_counted() {
        let counters = Counters::default();
        for micros in [0, 1_000, 1_001, 2_500_000, 2_500_001] {
            counters.record_wait(Duration::from_micros(micros));
        }
        let waits = counters.read(0, 0).waits;
        assert_eq!(waits.cumulative[..2], [(1_000, 2), (5_000, 3)]);
        assert_eq!(waits.cumulative.last(), Some(&(2_500_000, 4)));
        assert_eq!((waits.count, waits.sum_micros), (5, 5_002_002));
    }
}
