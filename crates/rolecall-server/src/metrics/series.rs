//! Counters and histograms; counting is one atomic addition, without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.add(1);
    }

    fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for each value of one label. The values are fixed, so that clients cannot create new ones.
#[derive(Debug)]
pub(crate) struct Family {
    values: &'static [&'static str],
    counters: Vec<Counter>,
    /// Counts all other values.
    other: Counter,
}

/// The label of all other values.
const OTHER: &str = "other";

impl Family {
    pub(crate) fn new(values: &'static [&'static str]) -> Self {
        Self {
            values,
            counters: values.iter().map(|_| Counter::default()).collect(),
            other: Counter::default(),
        }
    }

    pub(crate) fn add_one(&self, value: &str) {
        self.add(value, 1);
    }

    pub(crate) fn add(&self, value: &str, count: u64) {
        let known = self.values.iter().position(|known| *known == value);
        known
            .and_then(|place| self.counters.get(place))
            .unwrap_or(&self.other)
            .add(count);
    }

    /// Returns each value with its count; `other` only if it was counted.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = self.values.iter().copied();
        let known = known.zip(self.counters.iter().map(Counter::get));
        known.chain(Some((OTHER, self.other.get())).filter(|(_, count)| *count > 0))
    }
}

/// The distribution of durations over buckets.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The upper bound of each bucket in microseconds; the last bucket has none.
    bounds: &'static [u64],
    buckets: Vec<Counter>,
    sum_micros: AtomicU64,
}

/// The content of a [`Histogram`] at one moment.
pub(crate) struct Distribution {
    /// Upper bounds in microseconds with the number of durations at or below them.
    pub(crate) cumulative: Vec<(u64, u64)>,
    pub(crate) count: u64,
    pub(crate) sum_micros: u64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            buckets: (0..=bounds.len()).map(|_| Counter::default()).collect(),
            sum_micros: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = self.bounds.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add_one();
        }
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Distribution {
        let mut count = 0;
        let mut cumulative = Vec::with_capacity(self.bounds.len());
        let mut counts = self.buckets.iter().map(Counter::get);
        for (bound, in_bucket) in self.bounds.iter().zip(counts.by_ref()) {
            count += in_bucket;
            cumulative.push((*bound, count));
        }
        // the sum of the buckets as they were read, so that count and buckets always agree
        count += counts.sum::<u64>();
        Distribution {
            cumulative,
            count,
            sum_micros: self.sum_micros.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_value_is_counted_as_other() {
        let family = Family::new(&["wrong", "success"]);
        for value in ["wrong", "alice", "wrong", "bob"] {
            family.add_one(value);
        }
        let counts: Vec<_> = family.counts().collect();
        assert_eq!(counts, [("wrong", 2), ("success", 0), ("other", 2)]);
    }

    #[test]
    fn a_duration_at_a_bound_belongs_to_that_bucket_and_the_last_bucket_has_no_bound() {
        let histogram = Histogram::new(&[1_000, 10_000]);
        for micros in [0, 1_000, 1_001, 10_000, 10_001, 5_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let read = histogram.read();
        assert_eq!(read.cumulative, [(1_000, 2), (10_000, 4)]);
        assert_eq!(read.count, 6);
        assert_eq!(read.sum_micros, 5_022_002);
    }
}
