//! A bounded queue that is fair to those who wait in it.

use std::collections::VecDeque;

/// The place of a job in the queue. Sources take turns, and so do the accounts of a source, so that nobody waits for
/// all the jobs of somebody else.
///
/// When the queue is full, the source with the most jobs gives one up for a source with fewer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lane {
    /// The source of the job, such as the network of a client.
    pub source: u64,
    /// The account whose password it is.
    pub account: u64,
}

/// Jobs by source and account. Each list is short: all of them together hold at most `capacity` jobs.
pub(super) struct FairQueue<T> {
    sources: VecDeque<Source<T>>,
    length: usize,
    capacity: usize,
}

struct Source<T> {
    key: u64,
    accounts: VecDeque<Account<T>>,
    length: usize,
}

struct Account<T> {
    key: u64,
    jobs: VecDeque<T>,
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            sources: VecDeque::new(),
            length: 0,
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a job. If the queue is full, returns the job that has no place: this one, or one of a source that has more.
    pub(super) fn push(&mut self, lane: Lane, job: T) -> Option<T> {
        let displaced = if self.length >= self.capacity {
            match self.displace(lane) {
                Some(displaced) => Some(displaced),
                None => return Some(job),
            }
        } else {
            None
        };
        self.length += 1;
        let source = find_or_add(
            &mut self.sources,
            |source| source.key == lane.source,
            || Source {
                key: lane.source,
                accounts: VecDeque::new(),
                length: 0,
            },
        );
        if let Some(source) = source {
            source.push(lane.account, job);
        }
        displaced
    }

    /// Takes the first job of the next account of the next source.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut source = self.sources.pop_front()?;
        let mut account = source.accounts.pop_front()?;
        let job = account.jobs.pop_front();
        if !account.jobs.is_empty() {
            source.accounts.push_back(account);
        }
        source.length -= 1;
        self.length -= 1;
        if source.length > 0 {
            self.sources.push_back(source);
        }
        job
    }

    /// Removes the newest job of the longest account of the longest source to make room for a job of `lane`. Returns
    /// `None` if that would be the account of `lane` itself.
    fn displace(&mut self, lane: Lane) -> Option<T> {
        // the new job counts, so that it displaces nobody who has only as many
        let with_new = |source: &Source<T>| {
            let own = source.key == lane.source;
            (source.length + usize::from(own), own)
        };
        let longest = index_of_greatest(&self.sources, with_new)?;
        let source = self.sources.get_mut(longest)?;
        let is_own_source = source.key == lane.source;
        if source.length <= 1 && !is_own_source {
            return None;
        }
        let with_new = |account: &Account<T>| {
            let own = is_own_source && account.key == lane.account;
            (account.jobs.len() + usize::from(own), own)
        };
        let place = index_of_greatest(&source.accounts, with_new)?;
        let account = source.accounts.get_mut(place)?;
        let is_own = is_own_source && account.key == lane.account;
        if is_own || (is_own_source && account.jobs.len() <= 1) {
            return None;
        }
        let displaced = account.jobs.pop_back();
        if account.jobs.is_empty() {
            source.accounts.remove(place);
        }
        source.length -= 1;
        self.length -= 1;
        displaced
    }
}

impl<T> Source<T> {
    fn push(&mut self, key: u64, job: T) {
        self.length += 1;
        let account = find_or_add(
            &mut self.accounts,
            |account| account.key == key,
            || Account {
                key,
                jobs: VecDeque::new(),
            },
        );
        if let Some(account) = account {
            account.jobs.push_back(job);
        }
    }
}

/// Finds an item or adds one at the end; never `None`.
fn find_or_add<T>(
    items: &mut VecDeque<T>,
    is_wanted: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Option<&mut T> {
    let place = items.iter().position(is_wanted);
    let place = place.unwrap_or_else(|| {
        items.push_back(new());
        items.len() - 1
    });
    items.get_mut(place)
}

fn index_of_greatest<T, K: Ord>(items: &VecDeque<T>, key: impl Fn(&T) -> K) -> Option<usize> {
    let keys = items.iter().map(key).enumerate();
    keys.max_by(|(_, one), (_, other)| one.cmp(other))
        .map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const fn lane(source: u64, account: u64) -> Lane {
        Lane { source, account }
    }

    /// Takes all jobs out.
    fn drain<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn y050_sources_and_the_accounts_of_a_source_take_turns() {
        let mut queue = FairQueue::new(100);
        for (lane, job) in [
            (lane(1, 1), "1a"),
            (lane(1, 1), "1a again"),
            (lane(1, 1), "1a once more"),
            (lane(1, 2), "1b"),
            (lane(2, 1), "2a"),
        ] {
            assert_eq!(queue.push(lane, job), None);
        }
        assert_eq!(
            drain(&mut queue),
            ["1a", "2a", "1b", "1a again", "1a once more"]
        );
        assert!(queue.is_empty() && queue.sources.is_empty());
    }

    #[test]
    fn y050_a_flood_of_one_source_gives_way_to_others_and_never_to_itself() {
        let mut queue = FairQueue::new(10);
        for job in 0..10 {
            assert_eq!(queue.push(lane(1, job), job), None);
        }
        // each of its accounts has one job: the eleventh is the one too many
        assert_eq!(queue.push(lane(1, 10), 10), Some(10));
        assert_eq!(queue.push(lane(1, 3), 11), Some(11));
        let displaced = queue.push(lane(2, 0), 100);
        assert!(displaced.is_some_and(|job| job < 10));
        assert_eq!(queue.len(), 10);
        assert_eq!(queue.pop(), Some(0));
        assert_eq!(queue.pop(), Some(100), "the second to be served");
    }

    #[test]
    fn y050_within_a_source_an_account_with_many_jobs_gives_way() {
        let mut queue = FairQueue::new(4);
        for job in 0..4 {
            assert_eq!(queue.push(lane(1, 1), job), None);
        }
        assert_eq!(queue.push(lane(1, 2), 10), Some(3), "the newest goes");
        assert_eq!(queue.push(lane(1, 1), 11), Some(11));
        assert_eq!(queue.push(lane(1, 2), 12), Some(2));
        assert_eq!(queue.push(lane(1, 2), 13), Some(13));
        assert_eq!(drain(&mut queue), [0, 10, 1, 12]);
    }

    #[test]
    fn y050_as_many_sources_as_places_displace_nobody() {
        let mut queue = FairQueue::new(3);
        for source in 0..3 {
            assert_eq!(queue.push(lane(source, 0), source), None);
        }
        assert_eq!(queue.push(lane(3, 0), 3), Some(3));
        let mut none = FairQueue::new(0);
        assert_eq!(none.push(lane(0, 0), 1), Some(1));
    }

    proptest::proptest! {
        #[test]
        fn y050_no_job_is_lost_and_nobody_waits_longer_than_a_round(
            pushes in proptest::collection::vec((0_u64..5, 0_u64..4), 0..200),
            capacity in 0_usize..40,
        ) {
            let mut queue = FairQueue::new(capacity);
            let (mut refused, count) = (0, pushes.len());
            for (number, (source, account)) in pushes.into_iter().enumerate() {
                let returned = queue.push(lane(source, account), (source, number));
                refused += usize::from(returned.is_some());
                proptest::prop_assert!(queue.len() <= capacity);
            }
            proptest::prop_assert_eq!(queue.len() + refused, count);
            let mut waiting: HashMap<u64, usize> = HashMap::new();
            for source in &queue.sources {
                waiting.insert(source.key, source.length);
            }
            // in each round of turns, each source that waits is served once
            while !queue.is_empty() {
                let mut round: Vec<u64> = Vec::new();
                for _ in 0..waiting.len() {
                    let (source, _) = queue.pop().unwrap();
                    proptest::prop_assert!(!round.contains(&source));
                    round.push(source);
                }
                waiting.retain(|_, left| {
                    *left -= 1;
                    *left > 0
                });
            }
        }
    }
}
