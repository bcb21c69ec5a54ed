//! The permission that each command needs, the reasons to refuse it, and its effect.

use std::collections::BTreeSet;

use super::{Authority, Key, Model, Outcome, Refusal, Times, Token, token::FloorKey};
use crate::command::{Act, AssignmentKey, Command, Name};

pub(super) const GUARDS: &str = "rolecall.resource-server";
const USERS: &str = "rolecall.users:write";
pub(super) const ROLES: &str = "rolecall.roles:write";
pub(crate) const ASSIGNMENTS: &str = "rolecall.assignments:write";
const SESSIONS: &str = "rolecall.sessions:revoke";
const POLICY: &str = "rolecall.policy:write";

pub(super) type Refusals = BTreeSet<Refusal>;

impl Model {
    /// Runs a command and returns the correct outcome; `None` if it names a token that was never issued, which
    /// makes it a no-op.
    pub(crate) fn run(&mut self, command: &Command) -> Option<Outcome> {
        Some(match command {
            Command::Pass(seconds) => {
                self.now += seconds;
                Outcome::Done(0)
            }
            Command::LogIn {
                token,
                user,
                tenant,
                scope,
            } => self.log_in(token, user, tenant.as_ref(), scope),
            Command::Refresh { token, of, scope } => {
                self.session_named(of)?;
                self.refresh(token, of, scope)
            }
            Command::RevokeToken(token) => {
                self.tokens.get(token)?;
                self.revoke_token(token)
            }
            Command::Ask { user, .. } if self.users.contains_key(user) => Outcome::Done(200),
            Command::Ask { .. } => Refusal::status(404).into(),
            Command::By { token, act } => {
                let token = self.tokens.get(token)?.clone();
                if !self.is_valid(&token) {
                    return Some(Refusal::status(401).into());
                }
                self.act(&token, act)
            }
        })
    }

    /// Makes a change unless there are refusals. Undoes a change that removes the last administrator or violates a
    /// static constraint.
    pub(super) fn change(
        &mut self,
        refusals: Refusals,
        status: u16,
        change: impl FnOnce(&mut Self) -> bool,
    ) -> Outcome {
        if !refusals.is_empty() {
            return Outcome::Refused(refusals);
        }
        let before = self.clone();
        self.revision += 1;
        let changed = change(self);
        let mut refusals = self.static_refusals();
        if before.lasting_administrators() > 0 && self.lasting_administrators() == 0 {
            refusals.insert(Refusal::rule(409, "last_administrator"));
        }
        if !refusals.is_empty() {
            *self = before;
            return Outcome::Refused(refusals);
        }
        if !changed {
            *self = before;
        }
        Outcome::Done(status)
    }

    /// The authority of the caller, if it includes `permission` by the token and by the current assignments.
    pub(super) fn require(
        &self,
        token: &Token,
        permission: &str,
        tenant: Option<&str>,
    ) -> Result<Authority, Outcome> {
        if !token.permissions.contains(permission) {
            return Err(Refusal::rule(403, permission).into());
        }
        let authority = self.authority(token, tenant);
        if authority.holds(permission) {
            return Ok(authority);
        }
        // it is held only in the tenant of the token
        let rule = token.tenant.as_ref().map_or(permission, |_| "other_tenant");
        Err(Refusal::rule(403, rule).into())
    }

    fn act(&mut self, token: &Token, act: &Act) -> Outcome {
        let done = match act {
            Act::AddUser { user, roles } => self.create_user(token, user, roles),
            Act::DeleteUser(user) => self.delete_user(token, user),
            Act::Disable(user) => self.set_disabled(token, user, true),
            Act::Enable(user) => self.set_disabled(token, user, false),
            Act::EndSessions(user) => self.end_sessions(token, user),
            Act::LogOut => Ok(self.log_out(token)),
            Act::AddRole(role) => self.create_role(token, role),
            Act::DeleteRole(role) => self.delete_role(token, role),
            Act::AddPermission(name) => self.create_permission(token, name),
            Act::DeletePermission(name) => self.delete_permission(token, name),
            Act::Grant { role, pattern } => self.grant(token, role, pattern),
            Act::Revoke { role, pattern } => self.revoke(token, role, pattern),
            Act::Inherit { senior, junior } => self.inherit(token, senior, junior),
            Act::Disinherit { senior, junior } => self.disinherit(token, senior, junior),
            Act::Assign { to, from, until } => {
                let times = Times {
                    from: *from,
                    until: *until,
                };
                self.assign(token, to, times)
            }
            Act::Unassign(from) => self.unassign(token, from),
            Act::Confirm(requested) => self.confirm(token, requested),
            Act::EndRequest(requested) => self.end_request(token, requested),
            Act::Approval { role, on } => self.change_approval(token, role, *on),
            Act::AddConstraint(_)
            | Act::DeleteConstraint(_)
            | Act::AddMember { .. }
            | Act::RemoveMember { .. }
            | Act::Limit { .. } => self.constrain(token, act, ROLES),
            Act::Apply(document) => self.apply(token, document, POLICY),
        };
        let outcome = done.unwrap_or_else(|refused| refused);
        let needed = ["rolecall.assignments:read", "rolecall.users:read"];
        let sees =
            token.tenant.is_none() && needed.iter().all(|one| token.permissions.contains(*one));
        if sees {
            outcome
        } else {
            outcome.without_names()
        }
    }

    fn create_user(
        &mut self,
        token: &Token,
        user: &Name,
        roles: &[Name],
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, USERS, None)?;
        let mut refusals = Refusals::new();
        if !roles.is_empty() && !authority.holds(ASSIGNMENTS) {
            let held_there = token.tenant.is_some() && token.permissions.contains(ASSIGNMENTS);
            let rule = if held_there {
                "other_tenant"
            } else {
                ASSIGNMENTS
            };
            refusals.insert(Refusal::rule(403, rule));
        }
        if self.users.contains_key(user) {
            refusals.insert(Refusal::status(409));
        }
        for role in roles {
            refusals.extend(self.assign_refusals(&authority, role, None));
        }
        let mut created = self.clone();
        let id = created.add_user(user);
        for role in roles {
            let key = Key {
                user: id,
                role: role.clone(),
                tenant: None,
            };
            refusals.extend(
                created
                    .assign_or_request(token.user, &key, Times::default())
                    .0,
            );
        }
        Ok(self.change(refusals, 201, |model| {
            let revision = model.revision;
            *model = created;
            model.revision = revision;
            true
        }))
    }

    fn delete_user(&mut self, token: &Token, user: &Name) -> Result<Outcome, Outcome> {
        let authority = self.require(token, USERS, None)?;
        let Some(id) = self.id_of(user) else {
            return Ok(Outcome::Done(204));
        };
        let refusals = self.subject_refusals(&authority, id);
        Ok(self.change(refusals, 204, |model| {
            model.end_access(id);
            model.users.remove(user);
            model.assigned.retain(|key, _| key.user != id);
            model.requests.retain(|key, _| key.user != id);
            true
        }))
    }

    fn set_disabled(
        &mut self,
        token: &Token,
        user: &Name,
        disabled: bool,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, USERS, None)?;
        let Some(id) = self.id_of(user) else {
            return Ok(Refusal::status(404).into());
        };
        let refusals = self.subject_refusals(&authority, id);
        Ok(self.change(refusals, 200, |model| {
            let Some(user) = model.users.get_mut(user) else {
                return false;
            };
            let changed = user.disabled != disabled;
            user.disabled = disabled;
            if changed && disabled {
                model.end_access(id);
            }
            changed
        }))
    }

    fn end_sessions(&mut self, token: &Token, user: &Name) -> Result<Outcome, Outcome> {
        let authority = self.require(token, SESSIONS, None)?;
        let Some(id) = self.id_of(user) else {
            return Ok(Refusal::status(404).into());
        };
        let refusals = self.subject_refusals(&authority, id);
        Ok(self.change(refusals, 204, |model| {
            model.end_access(id);
            true
        }))
    }

    fn log_out(&mut self, token: &Token) -> Outcome {
        self.change(Refusals::new(), 204, |model| {
            model.sessions[token.session].ended = true;
            model.raise_floor(FloorKey::Session(token.session));
            true
        })
    }

    /// The reasons to refuse the assignment of a role.
    fn assign_refusals(
        &self,
        authority: &Authority,
        role: &Name,
        tenant: Option<&Name>,
    ) -> Refusals {
        let mut refusals = self.delegation_refusals(authority, [role], tenant.is_some());
        if !self.roles.contains(role) {
            refusals.insert(Refusal::status(404));
        }
        if role == GUARDS {
            refusals.insert(Refusal::rule(409, "clients_only"));
        }
        refusals
    }

    fn assign(
        &mut self,
        token: &Token,
        to: &AssignmentKey,
        times: Times,
    ) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ASSIGNMENTS, to.tenant.as_deref())?;
        let Some(user) = self.id_of(&to.user) else {
            return Ok(Refusal::status(404).into());
        };
        let mut refusals = self.assign_refusals(&authority, &to.role, to.tenant.as_ref());
        let never = times.from >= times.until && times.from.is_some() && times.until.is_some();
        if times.is_over(self.now) || never {
            refusals.insert(Refusal::status(422));
        }
        let key = Key {
            user,
            role: to.role.clone(),
            tenant: to.tenant.clone(),
        };
        if !refusals.is_empty() {
            return Ok(Outcome::Refused(refusals));
        }
        let mut trial = self.clone();
        trial.revision += 1;
        let (refusals, status) = trial.assign_or_request(token.user, &key, times);
        Ok(self.change(refusals, status, |model| {
            *model = trial;
            true
        }))
    }

    /// Sets the validity of an assignment. It is a loss if it ends earlier or begins later than before.
    pub(super) fn set_times(&mut self, key: &Key, times: Times) {
        let before = self.assigned.insert(key.clone(), times);
        let begin = |times: Times| times.from.unwrap_or(i64::MIN).max(self.now);
        let end = |times: Times| times.until.unwrap_or(i64::MAX);
        let loses = |old: Times| end(times) < end(old) || begin(times) > begin(old);
        if before.is_some_and(loses) {
            self.raise_floor(FloorKey::Subject(key.user, key.tenant.clone()));
        }
    }

    fn unassign(&mut self, token: &Token, from: &AssignmentKey) -> Result<Outcome, Outcome> {
        let authority = self.require(token, ASSIGNMENTS, from.tenant.as_deref())?;
        let Some(user) = self.id_of(&from.user) else {
            return Ok(Refusal::status(404).into());
        };
        let refusals = self.delegation_refusals(&authority, [&from.role], from.tenant.is_some());
        let key = Key {
            user,
            role: from.role.clone(),
            tenant: from.tenant.clone(),
        };
        Ok(self.change(refusals, 204, |model| {
            let ended = model.requests.remove(&key).is_some();
            let held = model.assigned.remove(&key).is_some();
            if held {
                model.raise_floor(FloorKey::Subject(user, key.tenant.clone()));
            }
            held || ended
        }))
    }
}
