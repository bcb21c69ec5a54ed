//! The reference model: sets and loops instead of a server.

use std::collections::{BTreeMap, BTreeSet};

use super::SUBJECTS;

pub(super) type Key = (usize, usize);

/// The way in which a subject got a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Assigned by one person, while that was enough.
    OnePerson,
    /// Requested by the first person and confirmed by the second.
    TwoPeople(usize, usize),
}

#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) by: usize,
    pub(super) end: Option<i64>,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) roles: BTreeSet<usize>,
    pub(super) approval_roles: BTreeSet<usize>,
    pub(super) juniors: BTreeSet<Key>,
    pub(super) assigned: BTreeMap<Key, (Option<i64>, Origin)>,
    pub(super) pending: BTreeMap<Key, Pending>,
}

fn is_later(one: Option<i64>, other: Option<i64>) -> bool {
    one.unwrap_or(i64::MAX) > other.unwrap_or(i64::MAX)
}

fn closure(role: usize, edges: &BTreeSet<Key>) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([role]);
    loop {
        let more: BTreeSet<usize> = edges
            .iter()
            .filter(|(senior, _)| found.contains(senior))
            .map(|(_, junior)| *junior)
            .collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

impl Model {
    fn needs_two(&self, role: usize) -> bool {
        let below = closure(role, &self.juniors);
        below.iter().any(|role| self.approval_roles.contains(role))
    }

    /// The approval roles that a subject holds at an hour.
    fn held(&self, subject: usize, hour: i64, edges: &BTreeSet<Key>) -> BTreeSet<usize> {
        let counting = self.assigned.iter().filter(|((holder, _), (end, _))| {
            *holder == subject && end.is_none_or(|end| hour < end)
        });
        let held = counting.flat_map(|((_, role), _)| closure(*role, edges));
        held.filter(|role| self.approval_roles.contains(role))
            .collect()
    }

    pub(super) fn all_held(&self) -> BTreeSet<Key> {
        let held = (0..SUBJECTS.len()).flat_map(|subject| {
            let held = self.held(subject, self.now, &self.juniors);
            held.into_iter().map(move |role| (subject, role))
        });
        held.collect()
    }

    pub(super) fn put(&mut self, by: usize, key: Key, end: Option<i64>) -> (u16, bool) {
        if !self.roles.contains(&key.1) {
            return (404, false);
        }
        if end.is_some_and(|end| end <= self.now) {
            return (422, false);
        }
        let before = self.assigned.get(&key).map(|(end, _)| *end);
        if before == Some(end) {
            return (204, false);
        }
        let gains = before.is_none_or(|before| is_later(end, before));
        if !self.needs_two(key.1) || !gains {
            let origin = match self.assigned.get(&key) {
                Some((_, origin)) if !gains => *origin,
                _ => Origin::OnePerson,
            };
            self.assigned.insert(key, (end, origin));
            self.pending.remove(&key);
            return (204, false);
        }
        match self.pending.get(&key) {
            Some(exists) if exists.by == by => (202, exists.end != end),
            Some(exists) if exists.end.is_none_or(|end| end > self.now) => (409, false),
            _ => (202, true),
        }
    }

    pub(super) fn confirm(&mut self, by: usize, key: Option<Key>) -> u16 {
        let Some(key) = key else {
            return 404;
        };
        let pending = self.pending[&key].clone();
        if pending.by == by || pending.end.is_some_and(|end| end <= self.now) {
            return 409;
        }
        self.pending.remove(&key);
        self.assigned
            .insert(key, (pending.end, Origin::TwoPeople(pending.by, by)));
        204
    }

    pub(super) fn inherit(&mut self, edge: Key) -> u16 {
        if !self.roles.contains(&edge.0) || !self.roles.contains(&edge.1) {
            return 404;
        }
        if closure(edge.1, &self.juniors).contains(&edge.0) {
            return 409;
        }
        let mut after = self.juniors.clone();
        after.insert(edge);
        for subject in 0..SUBJECTS.len() {
            for hour in self.now..40 {
                let had = self.held(subject, hour, &self.juniors);
                if !self.held(subject, hour, &after).is_subset(&had) {
                    return 409;
                }
            }
        }
        self.juniors = after;
        204
    }

    pub(super) fn delete_role(&mut self, role: usize) {
        self.roles.remove(&role);
        self.approval_roles.remove(&role);
        self.juniors
            .retain(|(senior, junior)| *senior != role && *junior != role);
        self.assigned.retain(|(_, origin), _| *origin != role);
        self.pending.retain(|(_, pending), _| *pending != role);
    }

    /// Checks that requester and confirmer differ.
    pub(super) fn check(&self) {
        for origin in self.assigned.values() {
            if let Origin::TwoPeople(pending, confirmed) = origin.1 {
                assert_ne!(pending, confirmed);
            }
        }
    }
}
