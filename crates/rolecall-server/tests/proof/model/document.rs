//! A whole policy in the place of the one that is there.

use std::collections::BTreeSet;

use super::{
    Answer, Authority, Duty, Model, Names, Refusal, Token, USER,
    held::{covers, is_own},
};
use crate::command::{Document, Name};

impl Model {
    pub(super) fn apply(
        &mut self,
        token: &Token,
        document: &Document,
        permission: &str,
    ) -> Result<Answer, Answer> {
        if !token.permissions.contains(permission) {
            return Err(Refusal::rule(403, permission).into());
        }
        let Some(wanted) = self.with(document) else {
            return Ok(Refusal::status(422).into());
        };
        let authority = self.authority(token, None);
        if !authority.holds(permission) {
            return Err(Refusal::rule(403, permission).into());
        }
        let mut against = self.against_becoming(&authority, &wanted);
        against.extend(wanted.against_duties());
        against.extend(wanted.against_registration());
        against.extend(self.against_ways_round(&wanted));
        let stricter = wanted.constraints.iter().filter(|(name, duty)| {
            !duty.is_static && duty.is_stricter_than(self.constraints.get(*name))
        });
        for (name, duty) in stricter {
            against.extend(self.against_sessions(&wanted, name, duty));
        }
        if !against.is_empty() {
            return Ok(Answer::Refused(against));
        }
        let lost = self.lost_by(&wanted);
        let same = self.permissions == wanted.permissions
            && self.roles == wanted.roles
            && self.grants == wanted.grants
            && self.juniors == wanted.juniors
            && self.constraints == wanted.constraints
            && self.approval == wanted.approval;
        if !same {
            let before = std::mem::replace(self, wanted);
            self.revision = before.revision + 1;
            self.lose_roles(lost);
            let deleted = before.roles.difference(&self.roles).cloned().collect();
            self.lose_subjects(before.in_tenants_by(&deleted));
            self.lose_activation(&before);
        }
        Ok(Answer::Done(200))
    }

    /// The model with another policy; `None` if the document is none.
    fn with(&self, document: &Document) -> Option<Self> {
        let mut wanted = self.clone();
        wanted.permissions.retain(|one| is_own(one));
        wanted.grants.retain(|(role, _)| is_own(role));
        wanted.juniors.retain(|(senior, _)| is_own(senior));
        wanted
            .permissions
            .extend(document.permissions.iter().cloned());
        let mut stay: Names = self
            .roles
            .iter()
            .filter(|role| is_own(role))
            .cloned()
            .collect();
        stay.insert(USER.to_owned());
        for entry in &document.roles {
            let own = |what: &Name| (entry.role.clone(), what.clone());
            wanted.grants.extend(entry.patterns.iter().map(own));
            wanted.juniors.extend(entry.juniors.iter().map(own));
            stay.insert(entry.role.clone());
        }
        let juniors = document.roles.iter().flat_map(|entry| &entry.juniors);
        if juniors.into_iter().any(|junior| !stay.contains(junior)) {
            return None;
        }
        for gone in self.roles.difference(&stay) {
            wanted.remove_role(gone);
        }
        wanted.roles = stay;
        let second = document.roles.iter().filter(|entry| entry.approval);
        wanted.approval = second.map(|entry| entry.role.clone()).collect();
        let constraints = document.constraints.iter();
        let constraints = constraints.map(|one| (one.name.clone(), Duty::of(one)));
        wanted.constraints = constraints.collect();
        wanted.is_policy(document).then_some(wanted)
    }

    fn is_policy(&self, document: &Document) -> bool {
        let mut made = document.roles.iter().map(|entry| &entry.role);
        let own =
            made.any(|role| is_own(role)) || document.permissions.iter().any(|one| is_own(one));
        let known = self.grants.iter().all(|(_, pattern)| self.has_any(pattern));
        let round = self
            .juniors
            .iter()
            .any(|(senior, junior)| self.below([junior]).contains(senior));
        let mut duties = self.constraints.values();
        let possible = duties.all(|duty| duty.is_possible() && duty.roles.is_subset(&self.roles));
        !own && known && !round && possible
    }

    /// The delegation limit: for each role that is changed, for what it held before and for what it holds
    /// afterwards.
    fn against_becoming(&self, authority: &Authority, wanted: &Self) -> BTreeSet<Refusal> {
        let (mut before, mut after) = (Names::new(), Names::new());
        for (role, _) in wanted.grants.difference(&self.grants) {
            before.insert(role.clone());
            after.insert(role.clone());
        }
        for (senior, junior) in wanted.juniors.difference(&self.juniors) {
            before.extend([senior.clone(), junior.clone()]);
            after.insert(senior.clone());
        }
        before.extend(
            self.approval
                .symmetric_difference(&wanted.approval)
                .cloned(),
        );
        // edges and grants of roles that are gone too
        let ungranted = self.grants.difference(&wanted.grants);
        before.extend(ungranted.map(|(role, _)| role.clone()));
        let cut = self.juniors.difference(&wanted.juniors);
        before.extend(cut.map(|(senior, _)| senior.clone()));
        before.extend(self.roles.difference(&wanted.roles).cloned());
        let all = self.constraints.iter().chain(&wanted.constraints);
        for (name, _) in all {
            let (old, new) = (self.constraints.get(name), wanted.constraints.get(name));
            if old != new {
                before.extend(old.into_iter().flat_map(|duty| duty.roles.clone()));
                after.extend(new.into_iter().flat_map(|duty| duty.roles.clone()));
            }
        }
        // a role that is made is empty before
        let mut made = self.clone();
        made.roles.extend(wanted.roles.iter().cloned());
        let mut against = made.against(authority, &before, false);
        against.extend(wanted.against(authority, &after, false));
        for gone in self.permissions.difference(&wanted.permissions) {
            against.extend(Self::against_pattern(authority, gone));
        }
        against
    }

    /// The roles of which something is lost.
    fn lost_by(&self, wanted: &Self) -> Names {
        let revoked = self.grants.difference(&wanted.grants);
        let mut lost: Names = revoked.map(|(role, _)| role.clone()).collect();
        for role in self.roles.difference(&wanted.roles) {
            lost.extend(self.below([role]));
        }
        for (senior, junior) in self.juniors.difference(&wanted.juniors) {
            lost.insert(senior.clone());
            lost.extend(self.below([junior]));
        }
        for gone in self.permissions.difference(&wanted.permissions) {
            let holders = self.grants.iter().filter(|(_, one)| covers(one, gone));
            lost.extend(holders.map(|(role, _)| role.clone()));
        }
        lost
    }
}
