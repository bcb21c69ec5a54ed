//! The floors that this node serves to guards in other processes.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use rolecall_core::{Floor, FloorKind, Revision, Timestamp};
use tokio::sync::watch;

use super::waiting::{Place, Waiting};
use crate::store::Head;

/// Clients that can wait at the same time; others get status 503.
const MAX_WAITING: usize = 4_000;

/// The floors that the watch has loaded, by revision.
///
/// INVARIANT: only the watch writes it, so that no floor up to its revision is missing. A change of this process can be
/// ahead of a change of another process that the watch has not loaded yet.
pub(crate) struct Feed {
    known: RwLock<Known>,
    /// Wakes waiting clients, after `known` is written.
    newest: watch::Sender<Newest>,
    waiting: Waiting,
}

/// The newest revision in the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Newest {
    pub(super) era: Arc<str>,
    pub(super) revision: Revision,
    /// The mark of the revision in the audit log.
    pub(super) mark: Arc<str>,
}

/// The floors that are known now. A change adds to them and copies none.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) newest: Newest,
    pub(super) policy_revision: Revision,
    pub(super) keys_revision: Revision,
    /// Floors that ended before can be forgotten.
    pub(super) forget_before: Timestamp,
    /// In the order of their revisions, with their ends.
    floors: BTreeMap<(Revision, FloorKey), Timestamp>,
    /// The revision of each floor.
    revisions: BTreeMap<FloorKey, Revision>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FloorKey {
    kind: FloorKind,
    key: Arc<str>,
    tenant: Option<Arc<str>>,
}

impl FloorKey {
    fn of(floor: &Floor) -> Self {
        Self {
            kind: floor.kind,
            key: floor.key.as_str().into(),
            tenant: floor.tenant.as_deref().map(Into::into),
        }
    }

    /// Returns the key that comes before all others.
    fn first() -> Self {
        Self {
            kind: FloorKind::Subject,
            key: "".into(),
            tenant: None,
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            newest: watch::Sender::default(),
            waiting: Waiting::new(MAX_WAITING),
        }
    }
}

impl Feed {
    /// Replaces the whole state.
    pub(crate) fn replace(&self, head: &Head, mark: &str, floors: &[Floor]) {
        let mut replacement = Known::default();
        replacement.add(head, mark, floors);
        let newest = replacement.newest.clone();
        *self.write() = replacement;
        self.newest.send_replace(newest);
    }

    /// Adds the floors of newer revisions.
    pub(crate) fn raise(&self, head: &Head, mark: &str, floors: &[Floor]) {
        if self.known().newest.revision == head.revision {
            return;
        }
        let newest = {
            let mut known = self.write();
            known.add(head, mark, floors);
            known.newest.clone()
        };
        self.newest.send_replace(newest);
    }

    /// Removes the floors that ended before `before`, by the known time: all tokens below them have expired. No waiting
    /// client wakes up.
    pub(crate) fn prune(&self, before: Timestamp) {
        let mut known = self.write();
        known.forget_before = before;
        known.prune(before);
    }

    /// Returns the state. Do not hold it across an `await`.
    pub(super) fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Newest> {
        self.newest.subscribe()
    }

    /// Returns a place for one more request of `client` that waits; `None` if too many are waiting.
    pub(super) fn try_wait(&self, client: &str) -> Option<Place<'_>> {
        self.waiting.enter(client)
    }
}

impl Known {
    fn add(&mut self, head: &Head, mark: &str, floors: &[Floor]) {
        self.newest = Newest {
            era: head.era.as_str().into(),
            revision: head.revision,
            mark: mark.into(),
        };
        self.policy_revision = head.policy_revision;
        self.keys_revision = head.keys_revision;
        for floor in floors {
            let key = FloorKey::of(floor);
            if floor.tenant.is_none() {
                self.remove_covered(&key, floor.revision);
            }
            if let Some(before) = self.revisions.insert(key.clone(), floor.revision) {
                self.floors.remove(&(before, key.clone()));
            }
            self.floors.insert((floor.revision, key), floor.until);
        }
    }

    /// Removes the floors of single tenants up to `revision`, which a floor for all tokens replaces.
    fn remove_covered(&mut self, all: &FloorKey, revision: Revision) {
        let same = self
            .revisions
            .range(all.clone()..)
            .take_while(|(key, _)| key.kind == all.kind && key.key == all.key);
        let covered: Vec<_> = same
            .filter(|(key, before)| key.tenant.is_some() && **before <= revision)
            .map(|(key, before)| (*before, key.clone()))
            .collect();
        for place in covered {
            self.revisions.remove(&place.1);
            self.floors.remove(&place);
        }
    }

    fn prune(&mut self, now: Timestamp) {
        let revisions = &mut self.revisions;
        self.floors.retain(|(_, key), until| {
            let stays = *until > now;
            if !stays {
                revisions.remove(key);
            }
            stays
        });
    }

    /// Returns about `most` floors above revision `after`, since the floors of one revision are never split. If there
    /// are more, also returns the revision up to which they are complete.
    pub(super) fn above(&self, after: Revision, most: usize) -> (Vec<Floor>, Option<Revision>) {
        let start = (after.saturating_add(1), FloorKey::first());
        let mut floors: Vec<Floor> = Vec::new();
        for ((revision, key), until) in self.floors.range(start..) {
            if floors.len() >= most
                && let Some(last) = floors.last()
                && last.revision != *revision
            {
                let complete = last.revision;
                return (floors, Some(complete));
            }
            floors.push(Floor {
                kind: key.kind,
                key: key.key.to_string(),
                tenant: key.tenant.as_deref().map(str::to_owned),
                revision: *revision,
                until: *until,
            });
        }
        (floors, None)
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
            tenant: None,
            revision,
            until: Timestamp::from_seconds(1_000 + revision),
        }
    }

    fn keys(floors: &[Floor]) -> Vec<&str> {
        floors.iter().map(|floor| floor.key.as_str()).collect()
    }

    #[test]
    fn a_floor_raised_again_is_listed_once_at_its_new_revision() {
        let feed = Feed::default();
        feed.replace(&head(2), "m2", &[floor("b", 2), floor("a", 1)]);
        feed.raise(&head(3), "m3", &[floor("a", 3)]);
        let known = feed.known();
        assert_eq!(keys(&known.above(0, 10).0), ["b", "a"]);
        assert_eq!(keys(&known.above(2, 10).0), ["a"]);
        assert_eq!(keys(&known.above(3, 10).0), [""; 0]);
    }

    #[test]
    fn the_next_page_continues_and_one_revision_is_never_split() {
        let feed = Feed::default();
        let floors = vec![floor("a", 1), floor("b", 2), floor("c", 2), floor("d", 3)];
        feed.replace(&head(5), "m5", &floors);
        let known = feed.known();
        assert_eq!(known.above(0, 1).1, Some(1));
        let (part, complete) = known.above(1, 1);
        assert_eq!((keys(&part), complete), (vec!["b", "c"], Some(2)));
        assert_eq!(known.above(2, 1), (vec![floor("d", 3)], None));
        assert_eq!(known.above(3, 1).0, []);
    }

    #[test]
    fn pruning_removes_ended_floors_and_wakes_no_client() {
        let feed = Feed::default();
        feed.replace(&head(2), "m2", &[floor("a", 1), floor("b", 2)]);
        let receiver = feed.subscribe();
        feed.prune(Timestamp::from_seconds(1_001));
        assert!(!receiver.has_changed().unwrap());
        assert_eq!(keys(&feed.known().above(0, 10).0), ["b"]);
    }

    #[test]
    fn y020_floors_of_tenants_are_apart_until_a_floor_for_all_tokens_replaces_them() {
        let feed = Feed::default();
        let of = |tenant: &str, revision| Floor {
            tenant: Some(tenant.into()),
            ..floor("a", revision)
        };
        feed.replace(
            &head(3),
            "m3",
            &[of("acme", 1), floor("b", 2), of("initech", 3)],
        );
        assert_eq!(feed.known().above(0, 10).0.len(), 3);
        feed.raise(&head(4), "m4", &[of("acme", 4)]);
        let floors = feed.known().above(2, 10).0;
        assert_eq!(floors, [of("initech", 3), of("acme", 4)]);
        feed.raise(&head(5), "m5", &[floor("a", 5)]);
        assert_eq!(feed.known().above(0, 10).0, [floor("b", 2), floor("a", 5)]);
    }
}
