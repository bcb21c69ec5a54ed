//! Roles: making and changing them, what they hold, and whom they inherit.

use super::{
    ADMIN, Answer, Authority, Model, Names, Refusal, Token,
    act::{Against, GUARDS, ROLES},
    held::{covers, is_own, object_of},
    token::Of,
};
use crate::command::Name;

impl Model {
    pub(super) fn make_role(&mut self, token: &Token, role: &Name) -> Result<Answer, Answer> {
        self.demand(token, ROLES, None)?;
        let mut against = Against::new();
        if is_own(role) {
            against.insert(Refusal::status(422));
        }
        if self.roles.contains(role) {
            against.insert(Refusal::status(409));
        }
        Ok(self.change(against, 201, |model| model.roles.insert(role.clone())))
    }

    pub(super) fn delete_role(&mut self, token: &Token, role: &Name) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        if super::USER == role || [ADMIN, GUARDS].contains(&role.as_str()) {
            return Ok(Refusal::rule(409, "builtin_role").into());
        }
        if !self.roles.contains(role) {
            return Ok(Answer::Done(204));
        }
        let mut against = self.against(&authority, [role], false);
        if self
            .constraints
            .values()
            .any(|duty| duty.roles.contains(role))
        {
            against.insert(Refusal::status(409));
        }
        Ok(self.change(against, 204, |model| {
            // a token may carry a role below it alone, by way of this one
            let below = model.below([role]);
            model.lose_roles(below);
            model.lose_subjects(model.in_tenants_by(&Names::from([role.clone()])));
            model.remove_role(role);
            true
        }))
    }

    /// Whoever has one of these roles in a tenant may be there by it alone.
    pub(super) fn in_tenants_by(&self, roles: &Names) -> Vec<usize> {
        let given = self.assigned.keys();
        let there = given.filter(|key| key.tenant.is_some() && roles.contains(&key.role));
        there.map(|key| key.user).collect()
    }

    /// Takes a role out of every set.
    pub(super) fn remove_role(&mut self, role: &Name) {
        self.roles.remove(role);
        self.grants.retain(|(holder, _)| holder != role);
        self.juniors
            .retain(|(senior, junior)| senior != role && junior != role);
        self.assigned.retain(|key, _| key.role != *role);
        self.requests.retain(|key, _| key.role != *role);
        self.approval.remove(role);
    }

    pub(super) fn make_permission(&mut self, token: &Token, name: &Name) -> Result<Answer, Answer> {
        self.demand(token, ROLES, None)?;
        let mut against = Against::new();
        if is_own(name) {
            against.insert(Refusal::status(422));
        }
        if self.permissions.contains(name) {
            against.insert(Refusal::status(409));
        }
        let made = |model: &mut Self| model.permissions.insert(name.clone());
        Ok(self.change(against, 201, made))
    }

    pub(super) fn delete_permission(
        &mut self,
        token: &Token,
        name: &Name,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        if is_own(name) {
            return Ok(Refusal::rule(409, "builtin_permission").into());
        }
        if !self.permissions.contains(name) {
            return Ok(Answer::Done(204));
        }
        let mut against = Self::against_pattern(&authority, name);
        if self.grants.iter().any(|(_, pattern)| pattern == name) {
            against.insert(Refusal::status(409));
        }
        Ok(self.change(against, 204, |model| {
            let holders = model.grants.iter();
            let holders = holders.filter(|(_, pattern)| covers(pattern, name));
            let holders: Names = holders.map(|(role, _)| role.clone()).collect();
            model.lose_roles(holders);
            if model.is_last_of_its_object(name) {
                let wildcard = format!("{}:*", object_of(name));
                model.grants.retain(|(_, pattern)| *pattern != wildcard);
            }
            model.permissions.remove(name)
        }))
    }

    /// What stands against editing a role; `Err` if it is not there or can never be edited.
    pub(super) fn editing(&self, authority: &Authority, role: &Name) -> Result<Against, Answer> {
        if !self.roles.contains(role) {
            return Err(Refusal::status(404).into());
        }
        if [ADMIN, GUARDS].contains(&role.as_str()) {
            return Err(Refusal::rule(409, "builtin_role").into());
        }
        Ok(self.against(authority, [role], false))
    }

    pub(super) fn demand_edit(
        &mut self,
        token: &Token,
        role: &Name,
        on: bool,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        let against = self.editing(&authority, role)?;
        Ok(self.set_approval(against, role, on))
    }

    pub(super) fn grant(
        &mut self,
        token: &Token,
        role: &Name,
        pattern: &Name,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        let mut against = self.editing(&authority, role)?;
        if self.has_any(pattern) {
            against.extend(Self::against_pattern(&authority, pattern));
        } else {
            against.insert(Refusal::status(404));
        }
        let held = (role.clone(), pattern.clone());
        Ok(self.change(against, 204, |model| model.grants.insert(held)))
    }

    pub(super) fn revoke(
        &mut self,
        token: &Token,
        role: &Name,
        pattern: &Name,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        let against = self.editing(&authority, role)?;
        let held = (role.clone(), pattern.clone());
        Ok(self.change(against, 204, |model| {
            model.lose(Of::Role(role.clone()));
            model.grants.remove(&held)
        }))
    }

    pub(super) fn inherit(
        &mut self,
        token: &Token,
        senior: &Name,
        junior: &Name,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        let mut against = self.editing(&authority, senior)?;
        if !self.roles.contains(junior) {
            against.insert(Refusal::status(404));
        }
        against.extend(self.against(&authority, [junior], false));
        if self.below([junior]).contains(senior) {
            against.insert(Refusal::rule(409, "role_hierarchy_cycle"));
        }
        let edge = (senior.clone(), junior.clone());
        let mut wanted = self.clone();
        wanted.juniors.insert(edge.clone());
        against.extend(self.against_ways_round(&wanted));
        against.extend(wanted.against_duties());
        against.extend(wanted.against_registration());
        Ok(self.change(against, 204, |model| {
            let before = model.clone();
            let is_new = model.juniors.insert(edge);
            model.lose_activation(&before);
            is_new
        }))
    }

    pub(super) fn disinherit(
        &mut self,
        token: &Token,
        senior: &Name,
        junior: &Name,
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, ROLES, None)?;
        let against = self.editing(&authority, senior)?;
        let edge = (senior.clone(), junior.clone());
        Ok(self.change(against, 204, |model| {
            let below = model.below([junior]);
            model.lose_roles(below.into_iter().chain([senior.clone()]));
            model.juniors.remove(&edge)
        }))
    }
}
