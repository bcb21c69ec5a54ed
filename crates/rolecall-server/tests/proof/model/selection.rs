//! The assignments that a token rests on: what others assign neither shortens nor blocks it, unless it was requested.

use super::{
    Counted, Key, Model, Names, Times,
    held::counts_locally,
    token::{LIFETIME, lasts, split},
};
use crate::command::Name;

/// An assignment that ends earlier is left out unless it was requested, in seconds.
const SHORTEST_UNASKED: i64 = 300;

/// Assignments with their validity.
pub(super) type Assignments = Vec<(Key, Times)>;

impl Model {
    /// The roles from which a token may take some: of assignments that last, or are requested.
    pub(super) fn whole(
        &self,
        user: usize,
        tenant: Option<&Name>,
        requested: &[&Names],
    ) -> Counted {
        self.counted_among(&self.long_enough(user, tenant, requested))
    }

    /// The roles of some assignments, with all that they inherit.
    pub(super) fn counted_among(&self, assignments: &[(Key, Times)]) -> Counted {
        let roles = |local: bool| {
            let those = assignments
                .iter()
                .filter(|(key, _)| key.tenant.is_some() == local);
            self.closure(those.map(|(key, _)| &key.role))
        };
        Counted {
            global: roles(false),
            local: roles(true),
        }
    }

    fn long_enough(&self, user: usize, tenant: Option<&Name>, requested: &[&Names]) -> Assignments {
        let least = SHORTEST_UNASKED.min(LIFETIME);
        let all = self
            .assignments_of(user)
            .filter(|(key, _)| key.tenant.is_none() || key.tenant.as_ref() == tenant)
            .filter(|(_, times)| lasts(*times, self.now))
            .map(|(key, times)| (key.clone(), times));
        let is_long = |times: &Times| times.until.is_none_or(|until| until - self.now >= least);
        let (mut kept, mut short): (Assignments, Assignments) =
            all.partition(|(_, times)| is_long(times));
        // the longest first
        short.sort_by_key(|(_, times)| std::cmp::Reverse(times.until));
        let (roles, permissions) = wanted(requested);
        for one in short {
            let opens = |(key, times): &(Key, Times)| {
                key.tenant.is_some() && !self.clash(&[(key.clone(), *times)], requested)
            };
            let only_one_there = one.0.tenant.is_some() && !kept.iter().any(opens);
            let gives_missing = permissions.iter().any(|permission| {
                self.lends(&one.0, permission)
                    && !kept.iter().any(|(key, _)| self.lends(key, permission))
            });
            if only_one_there || gives_missing || self.leads_to_any(&one.0, &roles) {
                kept.push(one);
            }
        }
        kept
    }

    /// The assignments of a token: requested ones first, then the oldest, as long as no dynamic constraint is violated.
    pub(super) fn chosen(
        &self,
        user: usize,
        tenant: Option<&Name>,
        requested: &[&Names],
    ) -> Assignments {
        let mut waiting = self.long_enough(user, tenant, requested);
        if !self.clash(&waiting, requested) {
            return waiting;
        }
        let (roles, permissions) = wanted(requested);
        let age = |key: &Key| self.since.get(key).copied().unwrap_or_default();
        waiting.sort_by_key(|(key, _)| (age(key), key.tenant.is_some(), key.role.clone()));
        let (mut chosen, mut waiting): (Assignments, Assignments) = waiting
            .into_iter()
            .partition(|(key, _)| self.leads_to_any(key, &roles));
        for permission in &permissions {
            if !chosen.iter().any(|(key, _)| self.lends(key, permission)) {
                self.take_one(&mut chosen, &mut waiting, requested, |key| {
                    self.lends(key, permission)
                });
            }
        }
        if chosen.iter().all(|(key, _)| key.tenant.is_none()) {
            self.take_one(&mut chosen, &mut waiting, requested, |key| {
                key.tenant.is_some()
            });
        }
        for one in waiting {
            let mut with = chosen.clone();
            with.push(one);
            if !self.clash(&with, requested) {
                chosen = with;
            }
        }
        chosen
    }

    /// Moves the first wanted assignment that fits, or else the first wanted one.
    fn take_one(
        &self,
        chosen: &mut Assignments,
        waiting: &mut Assignments,
        requested: &[&Names],
        is_wanted: impl Fn(&Key) -> bool,
    ) {
        let wanted: Vec<usize> = (0..waiting.len())
            .filter(|at| is_wanted(&waiting[*at].0))
            .collect();
        let fits = |at: &&usize| {
            let mut with = chosen.clone();
            with.push(waiting[**at].clone());
            !self.clash(&with, requested)
        };
        if let Some(at) = wanted.iter().find(fits).or(wanted.first()) {
            chosen.push(waiting.remove(*at));
        }
    }

    fn clash(&self, assignments: &[(Key, Times)], requested: &[&Names]) -> bool {
        let (mut counted, mut permissions) = (self.counted_among(assignments), None);
        for requested in requested {
            let (next, kept) = self.narrow(counted, permissions, requested);
            (counted, permissions) = (next, Some(kept));
        }
        self.violates_dynamic(&counted.roles())
    }

    fn leads_to_any(&self, key: &Key, roles: &Names) -> bool {
        !self.closure([&key.role]).is_disjoint(roles)
    }

    /// Returns whether an assignment gives a permission.
    fn lends(&self, key: &Key, permission: &str) -> bool {
        (key.tenant.is_none() || counts_locally(permission)) && self.gives(&key.role, permission)
    }
}

/// The roles that a token is requested for, of the last scope that names some, or else its permissions.
fn wanted(requested: &[&Names]) -> (Names, Names) {
    let mut named = requested.iter().rev().map(|scope| split(scope).0);
    let roles = named.find(|roles| !roles.is_empty());
    if let Some(roles) = roles {
        return (roles, Names::new());
    }
    let last = requested.iter().rev().find(|scope| !scope.is_empty());
    let permissions = last.map(|scope| split(scope).1);
    (Names::new(), permissions.unwrap_or_default())
}
