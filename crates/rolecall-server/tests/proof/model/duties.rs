//! Separation of duties.

use std::collections::BTreeSet;

use super::{
    Model, Names, Outcome, Refusal, Token, USER, act::Refusals, held::is_own, token::FloorKey,
};
use crate::command::{Act, Constraint, Name};

/// The rule of a refusal by a constraint.
pub(crate) const SEPARATION: &str = "separation_of_duties";

/// A constraint: at most `at_most` of these roles.
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

    /// The members held together, if there are too many.
    pub(crate) fn violation(&self, held: &Names) -> Option<Names> {
        let together: Names = self.roles.intersection(held).cloned().collect();
        (together.len() > self.at_most).then_some(together)
    }

    /// Returns whether it forbids something that `before` allowed.
    pub(super) fn is_stricter_than(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| {
            self.is_static != before.is_static
                || self.at_most < before.at_most
                || !self.roles.is_subset(&before.roles)
        })
    }
}

impl Model {
    /// Returns whether these roles may not be active together.
    pub(super) fn violates_dynamic(&self, active: &Names) -> bool {
        self.activation_refusal(active).is_some()
    }

    /// The refusal of a login that would make too many roles active.
    pub(super) fn activation_refusal(&self, active: &Names) -> Option<Outcome> {
        let dynamic = self.constraints.iter().filter(|(_, duty)| !duty.is_static);
        let broken = dynamic.filter_map(|(name, duty)| {
            let roles = duty.violation(active)?;
            let names = std::iter::once(name.clone()).chain(roles);
            Some(Refusal::naming(400, "invalid_scope", names))
        });
        let broken: Refusals = broken.collect();
        (!broken.is_empty()).then_some(Outcome::Refused(broken))
    }

    /// The refusals for users who violate a static constraint, now or at any later time, in any tenant or globally.
    pub(super) fn static_refusals(&self) -> Refusals {
        let mut refusals = Refusals::new();
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
                refusals.insert(separation(name, roles, &users));
            }
        }
        refusals
    }

    /// The violations of a constraint by a user, at each moment and in each tenant.
    pub(crate) fn breaches(&self, duty: &Duty, user: usize) -> BTreeSet<Names> {
        let assignments: Vec<_> = self.assignments_of(user).collect();
        let starts = assignments.iter().filter_map(|(_, times)| times.from);
        let mut moments: BTreeSet<i64> = starts.filter(|from| *from > self.now).collect();
        moments.insert(self.now);
        let mut tenants: BTreeSet<Option<&str>> = assignments
            .iter()
            .map(|(key, _)| key.tenant.as_deref())
            .collect();
        tenants.insert(None);
        let mut breaches = BTreeSet::new();
        for tenant in tenants {
            for moment in &moments {
                let held = self.counted(user, tenant, |times| times.counts(*moment));
                breaches.extend(duty.violation(&held.roles()));
            }
        }
        breaches
    }

    /// The refusals of a new or stricter dynamic constraint, because of sessions that violate it.
    pub(super) fn session_refusals(&self, target: &Self, name: &Name, duty: &Duty) -> Refusals {
        let live = self.sessions.iter().filter(|session| self.is_live(session));
        // a user who cannot have the roles afterwards will not have them active
        let live = live.filter(|session| !target.breaches(duty, session.user).is_empty());
        let breaking: Vec<(Name, Names)> = live
            .filter_map(|session| {
                let active = self.active_of(session);
                // a session that already violates a constraint gets no token until its user chooses
                let roles = duty
                    .violation(&active)
                    .filter(|_| !self.violates_dynamic(&active))?;
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

    /// Creates, changes or deletes a constraint.
    pub(super) fn constrain(
        &mut self,
        token: &Token,
        act: &Act,
        permission: &str,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, permission, None)?;
        let (name, status) = match act {
            Act::AddConstraint(one) => (&one.name, 201),
            Act::Limit { constraint, .. } => (constraint, 200),
            Act::AddMember { constraint, .. }
            | Act::RemoveMember { constraint, .. }
            | Act::DeleteConstraint(constraint) => (constraint, 204),
            _ => return Ok(Outcome::Done(0)),
        };
        let before = self.constraints.get(name).cloned();
        let after = match (act, &before) {
            (Act::AddConstraint(one), _) => Some(Duty::of(one)),
            (Act::DeleteConstraint(_), _) => None,
            (_, None) => return Ok(Refusal::status(404).into()),
            (act, Some(before)) => Some(edited(before.clone(), act)),
        };
        let mut refusals = Refusals::new();
        if matches!(act, Act::AddConstraint(_)) && before.is_some() {
            refusals.insert(Refusal::status(409));
        }
        let roles = [&before, &after].into_iter().flatten();
        let roles: Names = roles.flat_map(|duty| duty.roles.clone()).collect();
        // the roles before and after may be checked together or one after the other
        for of in [Some(&roles), before.as_ref().map(|duty| &duty.roles)] {
            refusals.extend(
                of.into_iter()
                    .flat_map(|of| self.delegation_refusals(&authority, of, false)),
            );
            let open = of.into_iter().flatten();
            refusals.extend(open.flat_map(|role| Self::open_role_refusals(&authority, role)));
        }
        if let Some(after) = &after {
            if !after.is_possible() {
                let too_few = matches!(act, Act::RemoveMember { .. });
                refusals.insert(if too_few {
                    Refusal::rule(409, SEPARATION)
                } else {
                    Refusal::status(422)
                });
            }
            if !after.roles.is_subset(&self.roles) {
                refusals.insert(Refusal::status(404));
            }
            if !after.is_static && after.is_stricter_than(before.as_ref()) {
                refusals.extend(self.session_refusals(self, name, after));
            }
        }
        let mut target = self.clone();
        target.constraints.remove(name);
        target
            .constraints
            .extend(after.clone().map(|duty| (name.clone(), duty)));
        refusals.extend(target.registration_refusal());
        refusals.extend(target.static_refusals());
        Ok(self.change(refusals, status, |model| {
            let old = model.clone();
            model.constraints = target.constraints;
            model.raise_activation_floors(&old);
            before != after
        }))
    }

    /// Raises floors for users who may have more active than a stricter constraint allows, or whose roles now inherit
    /// constrained ones.
    pub(super) fn raise_activation_floors(&mut self, before: &Self) {
        let (mut affected, mut relevant) = (Names::new(), Vec::new());
        let dynamic = self.constraints.iter().filter(|(_, duty)| !duty.is_static);
        for (name, duty) in dynamic {
            let is_stricter = duty.is_stricter_than(before.constraints.get(name));
            if is_stricter {
                affected.extend(duty.roles.iter().cloned());
            }
            let edges = self.juniors.difference(&before.juniors);
            let leading =
                edges.filter(|(_, junior)| !self.closure([junior]).is_disjoint(&duty.roles));
            let seniors: Names = leading.map(|(senior, _)| senior.clone()).collect();
            if is_stricter || !seniors.is_empty() {
                relevant.push(duty);
            }
            affected.extend(seniors);
        }
        let has_affected = |user: usize| {
            let mut assignments = self.assignments_of(user);
            assignments.any(|(key, _)| !self.closure([&key.role]).is_disjoint(&affected))
        };
        let can_violate = |user: usize| {
            let mut relevant = relevant.iter();
            relevant.any(|duty| !self.breaches(duty, user).is_empty())
        };
        let users = self.users.values().map(|user| user.id);
        let users: Vec<usize> = users
            .filter(|user| has_affected(*user) && can_violate(*user))
            .collect();
        for user in users {
            self.raise_floor(FloorKey::Subject(user, None));
        }
    }

    /// Refuses permissions of rolecall's own in what everyone gets by registering.
    pub(super) fn open_role_holds_own(&self) -> Option<Refusal> {
        let roles = self.closure([&USER.to_owned()]);
        let patterns = self.patterns_of(&roles);
        let holds = patterns.iter().any(|pattern| is_own(pattern));
        holds.then(|| Refusal::rule(409, "registration_roles"))
    }

    /// Refuses constraints that the roles of registration violate.
    pub(super) fn registration_refusal(&self) -> Option<Refusal> {
        let roles = self.closure([&USER.to_owned()]);
        let mut statics = self.constraints.values().filter(|duty| duty.is_static);
        let broken = statics.any(|duty| duty.violation(&roles).is_some());
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
