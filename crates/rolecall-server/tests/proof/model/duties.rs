//! Separation of duties.

use std::collections::BTreeSet;

use super::{Answer, Model, Names, Refusal, Token, USER, act::Against};
use crate::command::{Act, Constraint, Name};

/// How a refusal by a constraint is called.
pub(crate) const SEPARATION: &str = "separation_of_duties";

/// At most so many of some roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Duty {
    pub(crate) is_static: bool,
    pub(crate) roles: Names,
    pub(crate) at_most: usize,
}

impl Duty {
    pub(crate) fn of(constraint: &Constraint) -> Self {
        Self {
            is_static: constraint.kind == "static",
            roles: constraint.roles.iter().cloned().collect(),
            at_most: constraint.at_most,
        }
    }

    pub(crate) fn is_possible(&self) -> bool {
        self.at_most >= 1 && self.at_most < self.roles.len()
    }

    /// The members that are held together, if they are too many.
    pub(crate) fn broken_by(&self, held: &Names) -> Option<Names> {
        let together: Names = self.roles.intersection(held).cloned().collect();
        (together.len() > self.at_most).then_some(together)
    }

    /// Whether something that was allowed by `before` is not any more.
    pub(super) fn is_stricter_than(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| {
            self.is_static != before.is_static
                || self.at_most < before.at_most
                || !self.roles.is_subset(&before.roles)
        })
    }
}

impl Model {
    /// Whether roles may not be active at once.
    pub(super) fn breaks_dynamic(&self, active: &Names) -> bool {
        self.choose(active).is_some()
    }

    /// What is answered to a log-in that would make too many roles active.
    pub(super) fn choose(&self, active: &Names) -> Option<Answer> {
        let dynamic = self.constraints.iter().filter(|(_, duty)| !duty.is_static);
        let broken = dynamic.filter_map(|(name, duty)| {
            let roles = duty.broken_by(active)?;
            let names = std::iter::once(name.clone()).chain(roles);
            Some(Refusal::naming(400, "invalid_scope", names))
        });
        let broken: Against = broken.collect();
        (!broken.is_empty()).then_some(Answer::Refused(broken))
    }

    /// What stands against things as they are: whoever has roles together, now or at any time from now on, in
    /// any tenant or in none, that a static constraint keeps apart.
    pub(super) fn against_duties(&self) -> Against {
        let mut against = Against::new();
        let statics = self.constraints.iter().filter(|(_, duty)| duty.is_static);
        for (name, duty) in statics {
            let breakers: Vec<(&Name, BTreeSet<Names>)> = self
                .users
                .iter()
                .map(|(user, is)| (user, self.breaches(duty, is.id)))
                .filter(|(_, breaches)| !breaches.is_empty())
                .collect();
            let users: Vec<Name> = breakers.iter().map(|(user, _)| (*user).clone()).collect();
            for roles in breakers.into_iter().flat_map(|(_, breaches)| breaches) {
                against.insert(separation(name, roles, &users));
            }
        }
        against
    }

    /// What of a constraint a user has together, at each moment and in each tenant where it is too much.
    pub(crate) fn breaches(&self, duty: &Duty, user: usize) -> BTreeSet<Names> {
        let given: Vec<_> = self.assignments_of(user).collect();
        let starts = given.iter().filter_map(|(_, times)| times.from);
        let mut moments: BTreeSet<i64> = starts.filter(|from| *from > self.now).collect();
        moments.insert(self.now);
        let mut tenants: BTreeSet<Option<&str>> =
            given.iter().map(|(key, _)| key.tenant.as_deref()).collect();
        tenants.insert(None);
        let mut breaches = BTreeSet::new();
        for tenant in tenants {
            for moment in &moments {
                let held = self.counted(user, tenant, |times| times.counts(*moment));
                breaches.extend(duty.broken_by(&held.roles()));
            }
        }
        breaches
    }

    /// What stands against a dynamic constraint that is new or stricter: sessions in which too much is active.
    pub(super) fn against_sessions(&self, wanted: &Self, name: &Name, duty: &Duty) -> Against {
        let live = self.sessions.iter().filter(|session| self.lives(session));
        // whoever cannot have the roles afterwards will not have them active
        let live = live.filter(|session| !wanted.breaches(duty, session.user).is_empty());
        let breaking: Vec<(Name, Names)> = live
            .filter_map(|session| {
                let active = self.active_of(session);
                // one that would have too much already gets nothing until its owner chooses
                let roles = duty
                    .broken_by(&active)
                    .filter(|_| !self.breaks_dynamic(&active))?;
                let mut users = self.users.iter();
                let user = users.find(|(_, user)| user.id == session.user)?;
                Some((user.0.clone(), roles))
            })
            .collect();
        let users: Names = breaking.iter().map(|(user, _)| user.clone()).collect();
        let users = Vec::from_iter(users);
        let all = breaking.into_iter();
        all.map(|(_, roles)| separation(name, roles, &users))
            .collect()
    }

    /// Makes, changes or deletes a constraint.
    pub(super) fn constrain(
        &mut self,
        token: &Token,
        act: &Act,
        permission: &str,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, permission, None)?;
        let (name, status) = match act {
            Act::AddConstraint(one) => (&one.name, 201),
            Act::Limit { constraint, .. } => (constraint, 200),
            Act::AddMember { constraint, .. }
            | Act::RemoveMember { constraint, .. }
            | Act::DeleteConstraint(constraint) => (constraint, 204),
            _ => return Ok(Answer::Done(0)),
        };
        let before = self.constraints.get(name).cloned();
        let after = match (act, &before) {
            (Act::AddConstraint(one), _) => Some(Duty::of(one)),
            (Act::DeleteConstraint(_), _) => None,
            (_, None) => return Ok(Refusal::status(404).into()),
            (act, Some(before)) => Some(edited(before.clone(), act)),
        };
        let mut against = Against::new();
        if matches!(act, Act::AddConstraint(_)) && before.is_some() {
            against.insert(Refusal::status(409));
        }
        let roles = [&before, &after].into_iter().flatten();
        let roles: Names = roles.flat_map(|duty| duty.roles.clone()).collect();
        // those of before and those of afterwards may be asked for together or one after the other
        for of in [Some(&roles), before.as_ref().map(|duty| &duty.roles)] {
            against.extend(
                of.into_iter()
                    .flat_map(|of| self.against(&authority, of, false)),
            );
        }
        if let Some(after) = &after {
            if !after.is_possible() {
                let too_few = matches!(act, Act::RemoveMember { .. });
                against.insert(if too_few {
                    Refusal::rule(409, SEPARATION)
                } else {
                    Refusal::status(422)
                });
            }
            if !after.roles.is_subset(&self.roles) {
                against.insert(Refusal::status(404));
            }
            if !after.is_static && after.is_stricter_than(before.as_ref()) {
                against.extend(self.against_sessions(self, name, after));
            }
        }
        let mut wanted = self.clone();
        wanted.constraints.remove(name);
        wanted
            .constraints
            .extend(after.clone().map(|duty| (name.clone(), duty)));
        against.extend(wanted.against_registration());
        against.extend(wanted.against_duties());
        Ok(self.change(against, status, |model| {
            let old = model.clone();
            model.constraints = wanted.constraints;
            model.lose_activation(&old);
            before != after
        }))
    }

    /// Tokens may be under way that have more active than a stricter constraint allows, and such as come to lead
    /// to more by what is inherited from now on.
    pub(super) fn lose_activation(&mut self, before: &Self) {
        let dynamic = || self.constraints.iter().filter(|(_, duty)| !duty.is_static);
        let stricter = dynamic().filter(|(name, duty)| {
            let known = before.constraints.get(*name);
            duty.is_stricter_than(known)
        });
        let mut lost: Names = stricter.flat_map(|(_, duty)| duty.roles.clone()).collect();
        let members: Names = dynamic().flat_map(|(_, duty)| duty.roles.clone()).collect();
        for (senior, junior) in self.juniors.difference(&before.juniors) {
            if !self.below([junior]).is_disjoint(&members) {
                lost.insert(senior.clone());
            }
        }
        self.lose_roles(lost);
    }

    /// Whoever registers must be able to get what registration gives.
    pub(super) fn against_registration(&self) -> Option<Refusal> {
        let given = self.below([&USER.to_owned()]);
        let mut statics = self.constraints.values().filter(|duty| duty.is_static);
        let broken = statics.any(|duty| duty.broken_by(&given).is_some());
        broken.then(|| Refusal::rule(409, SEPARATION))
    }
}

/// A constraint after an edit.
fn edited(mut duty: Duty, act: &Act) -> Duty {
    match act {
        Act::AddMember { role, .. } => {
            duty.roles.insert(role.clone());
        }
        Act::RemoveMember { role, .. } => {
            duty.roles.remove(role);
        }
        Act::Limit { at_most, .. } => duty.at_most = *at_most,
        _ => {}
    }
    duty
}

fn separation(name: &Name, roles: Names, users: &[Name]) -> Refusal {
    let names = std::iter::once(name.clone()).chain(roles);
    let names = names.chain(["of".to_owned()]).chain(users.iter().cloned());
    Refusal::naming(409, SEPARATION, names)
}
