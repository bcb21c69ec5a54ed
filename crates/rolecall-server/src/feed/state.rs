use std::{collections::HashSet, sync::Arc};

use rolecall_core::{Floor, FloorKind, Revision, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::store::Head;

/// Clients that wait at the same time; more are told to come back.
const PLACES: usize = 4_000;

/// What this node tells guards elsewhere: the floors as the watch took them in, by revision.
///
/// INVARIANT: only the watch writes it, so that up to its revision no floor is missing. What this process
/// itself has just done can be ahead of what another one did before.
pub(crate) struct Feed {
    current: watch::Sender<Arc<Known>>,
    places: Semaphore,
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
        Self::with_places(PLACES)
    }
}

impl Feed {
    pub(super) fn with_places(places: usize) -> Self {
        Self {
            current: watch::Sender::default(),
            places: Semaphore::new(places),
        }
    }

    /// Takes in the whole state.
    pub(crate) fn replace(&self, head: &Head, floors: Vec<Floor>) {
        self.current.send_replace(Arc::new(Known::of(head, floors)));
    }

    /// Takes in what has happened since.
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

    /// Forgets the floors that no living token lies under at `now`.
    pub(crate) fn prune(&self, now: Timestamp) {
        self.current.send_if_modified(|known| {
            if known.floors.iter().any(|floor| floor.until <= now) {
                Arc::make_mut(known)
                    .floors
                    .retain(|floor| floor.until > now);
            }
            // nobody has to hear of it
            false
        });
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Known>> {
        self.current.subscribe()
    }

    /// Room for one more that waits.
    pub(super) fn place(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
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

    /// The floors above `after`, at most `most` and a few: those of one change are never parted. And the
    /// revision up to which they are complete, where that is not all.
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
    fn a_floor_that_was_raised_again_is_told_once_and_at_its_new_place() {
        let feed = Feed::default();
        feed.replace(&head(2), vec![floor("b", 2), floor("a", 1)]);
        feed.raise(&head(3), &[floor("a", 3)]);
        let known = known(&feed);
        assert_eq!(keys(known.above(0, 10).0), ["b", "a"]);
        assert_eq!(keys(known.above(2, 10).0), ["a"]);
        assert_eq!(keys(known.above(3, 10).0), [""; 0]);
    }

    #[test]
    fn what_is_cut_off_is_not_skipped_and_one_change_is_never_parted() {
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
    fn pruning_wakes_nobody_and_forgets_what_has_ended() {
        let feed = Feed::default();
        feed.replace(&head(2), vec![floor("a", 1), floor("b", 2)]);
        let receiver = feed.subscribe();
        feed.prune(Timestamp::from_seconds(1_001));
        assert!(!receiver.has_changed().unwrap());
        assert_eq!(keys(receiver.borrow().above(0, 10).0), ["b"]);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let feed = Feed::with_places(1);
        let place = feed.place();
        assert!(place.is_some() && feed.place().is_none());
        drop(place);
        assert!(feed.place().is_some());
    }
}
