//! Roles that need approval.

use std::collections::BTreeSet;

use super::{
    Key, Model, Names, Outcome, Refusal, Times, Token,
    act::{ASSIGNMENTS, Refusals},
};
use crate::command::{AssignmentKey, Name};

const APPROVAL: &str = "approval";

/// A request for an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) by: usize,
    pub(crate) times: Times,
}

fn approval_refusal() -> Refusal {
    Refusal::rule(409, APPROVAL)
}

impl Model {
    /// Returns whether an assignment needs approval: the role or one that it inherits does, and the validity grows.
    fn needs_approval(&self, key: &Key, times: Times) -> bool {
        let needs = !self.closure([&key.role]).is_disjoint(&self.approval);
        let begin = |times: Times| times.from.unwrap_or(i64::MIN).max(self.now);
        let end = |times: Times| times.until.unwrap_or(i64::MAX);
        let before = self.assigned.get(key).copied();
        let gains = before.is_none_or(|old| end(times) > end(old) || begin(times) < begin(old));
        needs && gains
    }

    /// Assigns a role or requests it; returns the reasons to refuse that, and the status, which is 202 for a
    /// request.
    pub(super) fn assign_or_request(
        &mut self,
        by: usize,
        key: &Key,
        times: Times,
    ) -> (Refusals, u16) {
        if self.assigned.get(key) == Some(&times) {
            return (Refusals::new(), 204);
        }
        let mut trial = self.clone();
        trial.assigned.insert(key.clone(), times);
        let mut refusals = trial.static_refusals();
        if !self.needs_approval(key, times) {
            self.requests.remove(key);
            self.set_times(key, times);
            return (refusals, 204);
        }
        let pending = self.requests.get(key);
        if pending.is_some_and(|pending| pending.by != by && !pending.times.is_over(self.now)) {
            refusals.insert(approval_refusal());
        }
        self.requests.insert(key.clone(), Request { by, times });
        (refusals, 202)
    }

    fn key_of(&self, named: &AssignmentKey) -> Option<Key> {
        Some(Key {
            user: self.id_of(&named.user)?,
            role: named.role.clone(),
            tenant: named.tenant.clone(),
        })
    }

    /// Confirms a request. The caller must be another person than the author, and both must be able to assign it.
    pub(super) fn confirm(
        &mut self,
        token: &Token,
        requested: &AssignmentKey,
    ) -> Result<Outcome, Outcome> {
        if !token.permissions.contains(ASSIGNMENTS) {
            return Err(Refusal::rule(403, ASSIGNMENTS).into());
        }
        let key = self.key_of(requested);
        let found = key.and_then(|key| Some((*self.requests.get(&key)?, key)));
        let Some((request, key)) = found else {
            return Ok(Refusal::status(404).into());
        };
        let tenant = key.tenant.as_deref();
        let authority = self.require(token, ASSIGNMENTS, tenant)?;
        let mut refusals = self.delegation_refusals(&authority, [&key.role], tenant.is_some());
        let mut active = self.users.values().filter(|user| !user.disabled);
        let may = active.any(|user| user.id == request.by)
            && self.may_assign(request.by, &key.role, tenant);
        if request.by == token.user || !may || request.times.is_over(self.now) {
            refusals.insert(approval_refusal());
        }
        let mut trial = self.clone();
        trial.assigned.insert(key.clone(), request.times);
        refusals.extend(trial.static_refusals());
        Ok(self.change(refusals, 204, |model| {
            model.requests.remove(&key);
            model.set_times(&key, request.times);
            true
        }))
    }

    pub(super) fn end_request(
        &mut self,
        token: &Token,
        requested: &AssignmentKey,
    ) -> Result<Outcome, Outcome> {
        if !token.permissions.contains(ASSIGNMENTS) {
            return Err(Refusal::rule(403, ASSIGNMENTS).into());
        }
        let key = self.key_of(requested);
        let found = key.and_then(|key| Some((*self.requests.get(&key)?, key)));
        let Some((request, key)) = found else {
            return Ok(Outcome::Done(204));
        };
        let mut refusals = Refusals::new();
        if request.by != token.user {
            let tenant = key.tenant.as_deref();
            let authority = self.require(token, ASSIGNMENTS, tenant)?;
            refusals = self.delegation_refusals(&authority, [&key.role], tenant.is_some());
        }
        let ended = |model: &mut Self| model.requests.remove(&key).is_some();
        Ok(self.change(refusals, 204, ended))
    }

    /// Refuses a new policy in which a user would gain, through inheritance, a role that needs approval.
    pub(super) fn bypass_refusal(&self, target: &Self) -> Option<Refusal> {
        let round = self
            .users
            .values()
            .any(|user| self.gains_without_approval(target, user.id));
        round.then(approval_refusal)
    }

    fn gains_without_approval(&self, target: &Self, user: usize) -> bool {
        let assignments: Vec<_> = self.assignments_of(user).collect();
        let turns = assignments
            .iter()
            .flat_map(|(_, times)| [times.from, times.until]);
        let turns = turns.flatten().filter(|moment| *moment > self.now);
        let moments: BTreeSet<i64> = turns.chain([self.now]).collect();
        let mut tenants: BTreeSet<Option<&str>> = assignments
            .iter()
            .map(|(key, _)| key.tenant.as_deref())
            .collect();
        tenants.insert(None);
        tenants.iter().any(|tenant| {
            moments.iter().any(|moment| {
                let held = |model: &Self| -> Names {
                    let counts = |times: Times| times.counts(*moment);
                    model.counted(user, *tenant, counts).roles()
                };
                let before = held(self);
                let mut gained = held(target)
                    .into_iter()
                    .filter(|role| !before.contains(role));
                gained.any(|role| target.approval.contains(&role))
            })
        })
    }

    pub(super) fn set_approval(&mut self, refusals: Refusals, role: &Name, on: bool) -> Outcome {
        self.change(refusals, 200, |model| {
            if on {
                model.approval.insert(role.clone())
            } else {
                model.approval.remove(role)
            }
        })
    }
}
