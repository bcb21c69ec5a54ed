//! The floors that this node serves to guards in other processes.

use std::{collections::HashSet, sync::Arc};

use rolecall_core::{Floor, FloorKind, Revision, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::store::Head;

/// Clients that can wait at the same time; others get status 503.
const MAX_WAITING: usize = 4_000;

/// The floors that the watch has loaded, by revision.
///
/// INVARIANT: only the watch writes it, so that no floor up to its revision is missing. A change of this process can be
/// ahead of a change of another process that the watch has not loaded yet.
pub(crate) struct Feed {
    current: watch::Sender<Arc<Known>>,
    waiting: Semaphore,
}

/// The floors of one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) era: String,
    pub(super) revision: Revision,
    pub(super) policy_revision: Revision,
    pub(super) keys_revision: Revision,
    /// In the order of their revisions.
    floors: Vec<Floor>,
}

impl Default for Feed {
    fn default() -> Self {
        Self::with_max_waiting(MAX_WAITING)
    }
}

impl Feed {
    pub(super) fn with_max_waiting(max_waiting: usize) -> Self {
        Self {
            current: watch::Sender::default(),
            waiting: Semaphore::new(max_waiting),
        }
    }

    /// Replaces the whole state.
    pub(crate) fn replace(&self, head: &Head, floors: Vec<Floor>) {
        self.current.send_replace(Arc::new(Known::of(head, floors)));
    }

    /// Adds the floors of newer revisions.
    pub(crate) fn raise(&self, head: &Head, floors: &[Floor]) {
        self.current.send_if_modified(|known| {
            let is_news = known.revision != head.revision;
            if is_news {
                let new: HashSet<(FloorKind, &str)> = floors
                    .iter()
                    .map(|floor| (floor.kind, floor.key.as_str()))
                    .collect();
                let older = known
                    .floors
                    .iter()
                    .filter(|floor| !new.contains(&(floor.kind, floor.key.as_str())));
                let all = older.chain(floors).cloned().collect();
                *known = Arc::new(Known::of(head, all));
            }
            is_news
        });
    }

    /// Removes the floors that have ended at `now`: all tokens below them have expired.
    pub(crate) fn prune(&self, now: Timestamp) {
        self.current.send_if_modified(|known| {
            if known.floors.iter().any(|floor| floor.until <= now) {
                Arc::make_mut(known)
                    .floors
                    .retain(|floor| floor.until > now);
            }
            // no waiting client needs to wake up for this
            false
        });
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Known>> {
        self.current.subscribe()
    }

    /// Returns a permit for one more waiting client; `None` if too many are waiting.
    pub(super) fn try_wait(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.waiting.try_acquire().ok()
    }
}

impl Known {
    fn of(head: &Head, mut floors: Vec<Floor>) -> Self {
        floors.sort_by_key(|floor| floor.revision);
        Self {
            era: head.era.clone(),
            revision: head.revision,
            policy_revision: head.policy_revision,
            keys_revision: head.keys_revision,
            floors,
        }
    }

    /// Returns about `most` floors above revision `after`, since the floors of one revision are never split. If there
    /// are more, also returns the revision up to which they are complete.
    pub(super) fn above(&self, after: Revision, most: usize) -> (&[Floor], Option<Revision>) {
        let start = self.floors.partition_point(|floor| floor.revision <= after);
        let all = self.floors.get(start..).unwrap_or_default();
        let Some(last) = most.checked_sub(1).and_then(|last| all.get(last)) else {
            return (all, None);
        };
        let end = all.partition_point(|floor| floor.revision <= last.revision);
        match all.get(..end) {
            Some(part) if end < all.len() => (part, Some(last.revision)),
            _ => (all, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(revision: Revision) -> Head {
        Head {
            revision,
            policy_revision: 1,
            keys_revision: 1,
            era: "e1".into(),
            longest_ttl_seconds: 1800,
        }
    }

    fn floor(key: &str, revision: Revision) -> Floor {
        Floor {
            kind: FloorKind::Subject,
            key: key.into(),
            revision,
            until: Timestamp::from_seconds(1_000 + revision),
        }
    }

    fn known(feed: &Feed) -> Arc<Known> {
        Arc::clone(&feed.subscribe().borrow())
    }

    fn keys(floors: &[Floor]) -> Vec<&str> {
        floors.iter().map(|floor| floor.key.as_str()).collect()
    }

    #[test]
    fn a_floor_raised_again_is_listed_once_at_its_new_revision() {
        let feed = Feed::default();
        feed.replace(&head(2), vec![floor("b", 2), floor("a", 1)]);
        feed.raise(&head(3), &[floor("a", 3)]);
        let known = known(&feed);
        assert_eq!(keys(known.above(0, 10).0), ["b", "a"]);
        assert_eq!(keys(known.above(2, 10).0), ["a"]);
        assert_eq!(keys(known.above(3, 10).0), [""; 0]);
    }

    #[test]
    fn the_next_page_continues_and_one_revision_is_never_split() {
        let feed = Feed::default();
        let floors = vec![floor("a", 1), floor("b", 2), floor("c", 2), floor("d", 3)];
        feed.replace(&head(5), floors);
        let known = known(&feed);
        assert_eq!(known.above(0, 1).1, Some(1));
        let (part, complete) = known.above(1, 1);
        assert_eq!((keys(part), complete), (vec!["b", "c"], Some(2)));
        assert_eq!(known.above(2, 1), (&[floor("d", 3)][..], None));
        assert_eq!(known.above(3, 1).0, []);
    }

    #[test]
    fn pruning_removes_ended_floors_and_wakes_no_client() {
        let feed = Feed::default();
        feed.replace(&head(2), vec![floor("a", 1), floor("b", 2)]);
        let receiver = feed.subscribe();
        feed.prune(Timestamp::from_seconds(1_001));
        assert!(!receiver.has_changed().unwrap());
        assert_eq!(keys(receiver.borrow().above(0, 10).0), ["b"]);
    }

    #[test]
    fn only_a_limited_number_of_clients_can_wait() {
        let feed = Feed::with_max_waiting(1);
        let permit = feed.try_wait();
        assert!(permit.is_some() && feed.try_wait().is_none());
        drop(permit);
        assert!(feed.try_wait().is_some());
    }
}
