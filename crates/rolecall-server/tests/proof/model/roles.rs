//! Roles: creating and changing them, their permissions and their juniors.

use super::{
    ADMIN, Authority, Model, Names, Outcome, Refusal, Token,
    act::{GUARDS, ROLES, Refusals},
    held::{covers, is_own, object_of},
    token::FloorKey,
};
use crate::command::Name;

impl Model {
    pub(super) fn create_role(&mut self, token: &Token, role: &Name) -> Result<Outcome, Outcome> {
        self.require(token, ROLES, None)?;
        let mut refusals = Refusals::new();
        if is_own(role) {
            refusals.insert(Refusal::status(422));
        }
        if self.roles.contains(role) {
            refusals.insert(Refusal::status(409));
        }
        Ok(self.change(refusals, 201, |model| model.roles.insert(role.clone())))
    }

    pub(super) fn delete_role(&mut self, token: &Token, role: &Name) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        if super::USER == role || [ADMIN, GUARDS].contains(&role.as_str()) {
            return Ok(Refusal::rule(409, "builtin_role").into());
        }
        if !self.roles.contains(role) {
            return Ok(Outcome::Done(204));
        }
        let mut refusals = self.delegation_refusals(&authority, [role], false);
        if self
            .constraints
            .values()
            .any(|duty| duty.roles.contains(role))
        {
            refusals.insert(Refusal::status(409));
        }
        Ok(self.change(refusals, 204, |model| {
            // a token may carry only a junior of the role, held through it
            let below = model.closure([role]);
            model.raise_role_floors(below);
            model.raise_tenant_floors(model.users_in_tenants_with(&Names::from([role.clone()])));
            model.remove_role(role);
            true
        }))
    }

    /// The users with one of these roles in a tenant, who may have no other role there, with the tenant.
    pub(super) fn users_in_tenants_with(&self, roles: &Names) -> Vec<(usize, Name)> {
        let assignments = self.assigned.keys();
        let with_role = assignments.filter(|key| roles.contains(&key.role));
        let in_tenant = with_role.filter_map(|key| Some((key.user, key.tenant.clone()?)));
        in_tenant.collect()
    }

    /// Removes a role from every set.
    pub(super) fn remove_role(&mut self, role: &Name) {
        self.roles.remove(role);
        self.grants.retain(|(holder, _)| holder != role);
        self.juniors
            .retain(|(senior, junior)| senior != role && junior != role);
        self.assigned.retain(|key, _| key.role != *role);
        self.requests.retain(|key, _| key.role != *role);
        self.approval.remove(role);
    }

    pub(super) fn create_permission(
        &mut self,
        token: &Token,
        name: &Name,
    ) -> Result<Outcome, Outcome> {
        self.require(token, ROLES, None)?;
        let mut refusals = Refusals::new();
        if is_own(name) {
            refusals.insert(Refusal::status(422));
        }
        if self.permissions.contains(name) {
            refusals.insert(Refusal::status(409));
        }
        let created = |model: &mut Self| model.permissions.insert(name.clone());
        Ok(self.change(refusals, 201, created))
    }

    pub(super) fn delete_permission(
        &mut self,
        token: &Token,
        name: &Name,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        if is_own(name) {
            return Ok(Refusal::rule(409, "builtin_permission").into());
        }
        if !self.permissions.contains(name) {
            return Ok(Outcome::Done(204));
        }
        let mut refusals = Self::pattern_refusals(&authority, name);
        if self.grants.iter().any(|(_, pattern)| pattern == name) {
            refusals.insert(Refusal::status(409));
        }
        Ok(self.change(refusals, 204, |model| {
            let holders = model.grants.iter();
            let holders = holders.filter(|(_, pattern)| covers(pattern, name));
            let holders: Names = holders.map(|(role, _)| role.clone()).collect();
            model.raise_role_floors(holders);
            if model.is_last_of_its_object(name) {
                let wildcard = format!("{}:*", object_of(name));
                model.grants.retain(|(_, pattern)| *pattern != wildcard);
            }
            model.permissions.remove(name)
        }))
    }

    /// The reasons to refuse a change of a role; `Err` if it does not exist or is built-in.
    pub(super) fn edit_refusals(
        &self,
        authority: &Authority,
        role: &Name,
    ) -> Result<Refusals, Outcome> {
        if !self.roles.contains(role) {
            return Err(Refusal::status(404).into());
        }
        if [ADMIN, GUARDS].contains(&role.as_str()) {
            return Err(Refusal::rule(409, "builtin_role").into());
        }
        let mut refusals = self.delegation_refusals(authority, [role], false);
        refusals.extend(Self::open_role_refusals(authority, role));
        Ok(refusals)
    }

    pub(super) fn change_approval(
        &mut self,
        token: &Token,
        role: &Name,
        on: bool,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        let refusals = self.edit_refusals(&authority, role)?;
        Ok(self.set_approval(refusals, role, on))
    }

    pub(super) fn grant(
        &mut self,
        token: &Token,
        role: &Name,
        pattern: &Name,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        let mut refusals = self.edit_refusals(&authority, role)?;
        if self.matches_any(pattern) {
            refusals.extend(Self::pattern_refusals(&authority, pattern));
        } else {
            refusals.insert(Refusal::status(404));
        }
        let held = (role.clone(), pattern.clone());
        let mut target = self.clone();
        target.grants.insert(held.clone());
        refusals.extend(target.open_role_holds_own());
        Ok(self.change(refusals, 204, |model| model.grants.insert(held)))
    }

    pub(super) fn revoke(
        &mut self,
        token: &Token,
        role: &Name,
        pattern: &Name,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        let refusals = self.edit_refusals(&authority, role)?;
        let held = (role.clone(), pattern.clone());
        Ok(self.change(refusals, 204, |model| {
            model.raise_floor(FloorKey::Role(role.clone()));
            model.grants.remove(&held)
        }))
    }

    pub(super) fn inherit(
        &mut self,
        token: &Token,
        senior: &Name,
        junior: &Name,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        let mut refusals = self.edit_refusals(&authority, senior)?;
        if !self.roles.contains(junior) {
            refusals.insert(Refusal::status(404));
        }
        refusals.extend(self.delegation_refusals(&authority, [junior], false));
        if self.closure([junior]).contains(senior) {
            refusals.insert(Refusal::rule(409, "role_hierarchy_cycle"));
        }
        let edge = (senior.clone(), junior.clone());
        let mut target = self.clone();
        target.juniors.insert(edge.clone());
        refusals.extend(self.bypass_refusal(&target));
        refusals.extend(target.static_refusals());
        refusals.extend(target.registration_refusal());
        refusals.extend(target.open_role_holds_own());
        Ok(self.change(refusals, 204, |model| {
            let before = model.clone();
            let is_new = model.juniors.insert(edge);
            model.raise_activation_floors(&before);
            is_new
        }))
    }

    pub(super) fn disinherit(
        &mut self,
        token: &Token,
        senior: &Name,
        junior: &Name,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ROLES, None)?;
        let refusals = self.edit_refusals(&authority, senior)?;
        let edge = (senior.clone(), junior.clone());
        Ok(self.change(refusals, 204, |model| {
            let below = model.closure([junior]);
            model.raise_role_floors(below.into_iter().chain([senior.clone()]));
            model.juniors.remove(&edge)
        }))
    }
}
