//! Roles that nobody gives alone.

use std::collections::BTreeSet;

use super::{
    Answer, Key, Model, Names, Refusal, Times, Token,
    act::{ASSIGNMENTS, Against},
};
use crate::command::{Given, Name};

const APPROVAL: &str = "approval";

/// An assignment that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) by: usize,
    pub(crate) times: Times,
}

fn against() -> Refusal {
    Refusal::rule(409, APPROVAL)
}

impl Model {
    /// Whether a second person is needed: for the role or one that it inherits, and for more than there is.
    fn needs_second(&self, key: &Key, times: Times) -> bool {
        let needs = !self.below([&key.role]).is_disjoint(&self.approval);
        let begin = |times: Times| times.from.unwrap_or(i64::MIN).max(self.now);
        let end = |times: Times| times.until.unwrap_or(i64::MAX);
        let before = self.assigned.get(key).copied();
        let gains = before.is_none_or(|old| end(times) > end(old) || begin(times) < begin(old));
        needs && gains
    }

    /// Gives a role, or asks for it, and says what stands against that; the answer's status is 202 if it was
    /// only asked for.
    pub(super) fn give_or_ask(&mut self, by: usize, key: &Key, times: Times) -> (Against, u16) {
        if self.assigned.get(key) == Some(&times) {
            return (Against::new(), 204);
        }
        let mut trial = self.clone();
        trial.assigned.insert(key.clone(), times);
        let mut stands = trial.against_duties();
        if !self.needs_second(key, times) {
            self.requests.remove(key);
            self.set_times(key, times);
            return (stands, 204);
        }
        let there = self.requests.get(key);
        if there.is_some_and(|there| there.by != by && !there.times.is_over(self.now)) {
            stands.insert(against());
        }
        self.requests.insert(key.clone(), Request { by, times });
        (stands, 202)
    }

    fn key_of(&self, given: &Given) -> Option<Key> {
        Some(Key {
            user: self.id_of(&given.user)?,
            role: given.role.clone(),
            tenant: given.tenant.clone(),
        })
    }

    /// Gives what was asked for: another person than who asked, and both must be able to give it.
    pub(super) fn confirm(&mut self, token: &Token, asked: &Given) -> Result<Answer, Answer> {
        if !token.permissions.contains(ASSIGNMENTS) {
            return Err(Refusal::rule(403, ASSIGNMENTS).into());
        }
        let key = self.key_of(asked);
        let found = key.and_then(|key| Some((*self.requests.get(&key)?, key)));
        let Some((request, key)) = found else {
            return Ok(Refusal::status(404).into());
        };
        let tenant = key.tenant.as_deref();
        let authority = self.demand(token, ASSIGNMENTS, tenant)?;
        let mut stands = self.against(&authority, [&key.role], tenant.is_some());
        let mut active = self.users.values().filter(|user| !user.disabled);
        let may = active.any(|user| user.id == request.by)
            && self.may_give(request.by, &key.role, tenant);
        if request.by == token.user || !may || request.times.is_over(self.now) {
            stands.insert(against());
        }
        let mut trial = self.clone();
        trial.assigned.insert(key.clone(), request.times);
        stands.extend(trial.against_duties());
        Ok(self.change(stands, 204, |model| {
            model.requests.remove(&key);
            model.set_times(&key, request.times);
            true
        }))
    }

    pub(super) fn end_request(&mut self, token: &Token, asked: &Given) -> Result<Answer, Answer> {
        if !token.permissions.contains(ASSIGNMENTS) {
            return Err(Refusal::rule(403, ASSIGNMENTS).into());
        }
        let key = self.key_of(asked);
        let found = key.and_then(|key| Some((*self.requests.get(&key)?, key)));
        let Some((request, key)) = found else {
            return Ok(Answer::Done(204));
        };
        let mut stands = Against::new();
        if request.by != token.user {
            let tenant = key.tenant.as_deref();
            let authority = self.demand(token, ASSIGNMENTS, tenant)?;
            stands = self.against(&authority, [&key.role], tenant.is_some());
        }
        let ended = |model: &mut Self| model.requests.remove(&key).is_some();
        Ok(self.change(stands, 204, ended))
    }

    /// What stands against a new policy: whoever would come to hold, by what is inherited, a role that needs a
    /// second person.
    pub(super) fn against_ways_round(&self, wanted: &Self) -> Option<Refusal> {
        let round = self
            .users
            .values()
            .any(|user| self.gains_round(wanted, user.id));
        round.then(against)
    }

    fn gains_round(&self, wanted: &Self, user: usize) -> bool {
        let given: Vec<_> = self.assignments_of(user).collect();
        let turns = given
            .iter()
            .flat_map(|(_, times)| [times.from, times.until]);
        let turns = turns.flatten().filter(|moment| *moment > self.now);
        let moments: BTreeSet<i64> = turns.chain([self.now]).collect();
        let mut tenants: BTreeSet<Option<&str>> =
            given.iter().map(|(key, _)| key.tenant.as_deref()).collect();
        tenants.insert(None);
        tenants.iter().any(|tenant| {
            moments.iter().any(|moment| {
                let held = |model: &Self| -> Names {
                    let counts = |times: Times| times.counts(*moment);
                    model.counted(user, *tenant, counts).roles()
                };
                let before = held(self);
                let mut gained = held(wanted)
                    .into_iter()
                    .filter(|role| !before.contains(role));
                gained.any(|role| wanted.approval.contains(&role))
            })
        })
    }

    pub(super) fn set_approval(&mut self, stands: Against, role: &Name, on: bool) -> Answer {
        self.change(stands, 200, |model| {
            if on {
                model.approval.insert(role.clone())
            } else {
                model.approval.remove(role)
            }
        })
    }
}
