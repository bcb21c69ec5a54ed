//! Replacing the whole policy.

use std::collections::BTreeSet;

use super::{
    Authority, Duty, Model, Names, Outcome, Refusal, Token, USER,
    held::{covers, is_own},
};
use crate::command::{Document, Name};

impl Model {
    pub(super) fn apply(
        &mut self,
        token: &Token,
        document: &Document,
        permission: &str,
    ) -> Result<Outcome, Outcome> {
        if !token.permissions.contains(permission) {
            return Err(Refusal::rule(403, permission).into());
        }
        let Some(target) = self.with(document) else {
            return Ok(Refusal::status(422).into());
        };
        let authority = self.authority(token, None);
        if !authority.holds(permission) {
            return Err(Refusal::rule(403, permission).into());
        }
        let mut refusals = self.policy_change_refusals(&authority, &target);
        refusals.extend(target.static_refusals());
        refusals.extend(target.registration_refusal());
        refusals.extend(target.open_role_holds_own());
        refusals.extend(self.bypass_refusal(&target));
        let stricter = target.constraints.iter().filter(|(name, duty)| {
            !duty.is_static && duty.is_stricter_than(self.constraints.get(*name))
        });
        for (name, duty) in stricter {
            refusals.extend(self.session_refusals(&target, name, duty));
        }
        if !refusals.is_empty() {
            return Ok(Outcome::Refused(refusals));
        }
        let lost = self.lost_by(&target);
        let same = self.permissions == target.permissions
            && self.roles == target.roles
            && self.grants == target.grants
            && self.juniors == target.juniors
            && self.constraints == target.constraints
            && self.approval == target.approval;
        if !same {
            let before = std::mem::replace(self, target);
            self.revision = before.revision + 1;
            self.raise_role_floors(lost);
            let deleted = before.roles.difference(&self.roles).cloned().collect();
            self.raise_tenant_floors(before.users_in_tenants_with(&deleted));
            self.raise_activation_floors(&before);
        }
        Ok(Outcome::Done(200))
    }

    /// The model with another policy; `None` if the document is invalid.
    fn with(&self, document: &Document) -> Option<Self> {
        let mut target = self.clone();
        target.permissions.retain(|one| is_own(one));
        target.grants.retain(|(role, _)| is_own(role));
        target.juniors.retain(|(senior, _)| is_own(senior));
        target
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
            target.grants.extend(entry.patterns.iter().map(own));
            target.juniors.extend(entry.juniors.iter().map(own));
            stay.insert(entry.role.clone());
        }
        let juniors = document.roles.iter().flat_map(|entry| &entry.juniors);
        if juniors.into_iter().any(|junior| !stay.contains(junior)) {
            return None;
        }
        for removed in self.roles.difference(&stay) {
            target.remove_role(removed);
        }
        target.roles = stay;
        let second = document.roles.iter().filter(|entry| entry.approval);
        target.approval = second.map(|entry| entry.role.clone()).collect();
        let constraints = document.constraints.iter();
        let constraints = constraints.map(|one| (one.name.clone(), Duty::of(one)));
        target.constraints = constraints.collect();
        target.is_policy(document).then_some(target)
    }

    fn is_policy(&self, document: &Document) -> bool {
        let mut created = document.roles.iter().map(|entry| &entry.role);
        let own =
            created.any(|role| is_own(role)) || document.permissions.iter().any(|one| is_own(one));
        let known = self
            .grants
            .iter()
            .all(|(_, pattern)| self.matches_any(pattern));
        let round = self
            .juniors
            .iter()
            .any(|(senior, junior)| self.closure([junior]).contains(senior));
        let mut duties = self.constraints.values();
        let possible = duties.all(|duty| duty.is_possible() && duty.roles.is_subset(&self.roles));
        !own && known && !round && possible
    }

    /// The delegation limit on each changed role, for what it held before and for what it holds afterwards.
    fn policy_change_refusals(&self, authority: &Authority, target: &Self) -> BTreeSet<Refusal> {
        let (mut before, mut after) = (Names::new(), Names::new());
        for (role, _) in target.grants.difference(&self.grants) {
            before.insert(role.clone());
            after.insert(role.clone());
        }
        for (senior, junior) in target.juniors.difference(&self.juniors) {
            before.extend([senior.clone(), junior.clone()]);
            after.insert(senior.clone());
        }
        before.extend(
            self.approval
                .symmetric_difference(&target.approval)
                .cloned(),
        );
        // including edges and grants of deleted roles
        let ungranted = self.grants.difference(&target.grants);
        before.extend(ungranted.map(|(role, _)| role.clone()));
        let cut = self.juniors.difference(&target.juniors);
        before.extend(cut.map(|(senior, _)| senior.clone()));
        before.extend(self.roles.difference(&target.roles).cloned());
        let mut constrained = Names::new();
        let all = self.constraints.iter().chain(&target.constraints);
        for (name, _) in all {
            let (old, new) = (self.constraints.get(name), target.constraints.get(name));
            if old != new {
                let duties = old.into_iter().chain(new);
                constrained.extend(duties.flat_map(|duty| duty.roles.clone()));
                before.extend(old.into_iter().flat_map(|duty| duty.roles.clone()));
                after.extend(new.into_iter().flat_map(|duty| duty.roles.clone()));
            }
        }
        let grants = self.grants.symmetric_difference(&target.grants);
        let edges = self.juniors.symmetric_difference(&target.juniors);
        let marks = self.approval.symmetric_difference(&target.approval);
        let changed = grants
            .map(|(role, _)| role)
            .chain(edges.map(|(role, _)| role));
        let mut changed: Names = changed.chain(marks).cloned().collect();
        changed.extend(constrained);
        // a new role is empty before
        let mut created = self.clone();
        created.roles.extend(target.roles.iter().cloned());
        let mut refusals = created.delegation_refusals(authority, &before, false);
        refusals.extend(target.delegation_refusals(authority, &after, false));
        for role in &changed {
            refusals.extend(Self::open_role_refusals(authority, role));
        }
        for removed in self.permissions.difference(&target.permissions) {
            refusals.extend(Self::pattern_refusals(authority, removed));
        }
        refusals
    }

    /// The roles that lose something.
    fn lost_by(&self, target: &Self) -> Names {
        let revoked = self.grants.difference(&target.grants);
        let mut lost: Names = revoked.map(|(role, _)| role.clone()).collect();
        for role in self.roles.difference(&target.roles) {
            lost.extend(self.closure([role]));
        }
        for (senior, junior) in self.juniors.difference(&target.juniors) {
            lost.insert(senior.clone());
            lost.extend(self.closure([junior]));
        }
        for removed in self.permissions.difference(&target.permissions) {
            let holders = self.grants.iter().filter(|(_, one)| covers(one, removed));
            lost.extend(holders.map(|(role, _)| role.clone()));
        }
        lost
    }
}
