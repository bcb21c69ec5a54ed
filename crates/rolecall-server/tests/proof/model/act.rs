//! What each command needs, what stands against it, and what it does.

use std::collections::BTreeSet;

use super::{Answer, Authority, Key, Model, Refusal, Times, Token, token::Of};
use crate::command::{Act, Command, Given, Name};

pub(super) const GUARDS: &str = "rolecall.resource-server";
const USERS: &str = "rolecall.users:write";
pub(super) const ROLES: &str = "rolecall.roles:write";
pub(crate) const ASSIGNMENTS: &str = "rolecall.assignments:write";
const SESSIONS: &str = "rolecall.sessions:revoke";
const POLICY: &str = "rolecall.policy:write";

pub(super) type Against = BTreeSet<Refusal>;

impl Model {
    /// Does what the command says, and says what is right to answer. `None` if it names a token that was
    /// never given: then there is nothing to do.
    pub(crate) fn run(&mut self, command: &Command) -> Option<Answer> {
        Some(match command {
            Command::Pass(seconds) => {
                self.now += seconds;
                Answer::Done(0)
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
            Command::Ask { user, .. } if self.users.contains_key(user) => Answer::Done(200),
            Command::Ask { .. } => Refusal::status(404).into(),
            Command::By { token, act } => {
                let token = self.tokens.get(token)?.clone();
                if !self.stands(&token) {
                    return Some(Refusal::status(401).into());
                }
                self.act(&token, act)
            }
        })
    }

    /// Changes something, unless something stands against it. A change that would leave no administrator, if
    /// there was one, or duties together that are to be apart, is taken back.
    pub(super) fn change(
        &mut self,
        against: Against,
        status: u16,
        change: impl FnOnce(&mut Self) -> bool,
    ) -> Answer {
        if !against.is_empty() {
            return Answer::Refused(against);
        }
        let before = self.clone();
        self.revision += 1;
        let changed = change(self);
        let mut against = self.against_duties();
        if before.lasting_administrators() > 0 && self.lasting_administrators() == 0 {
            against.insert(Refusal::rule(409, "last_administrator"));
        }
        if !against.is_empty() {
            *self = before;
            return Answer::Refused(against);
        }
        if !changed {
            *self = before;
        }
        Answer::Done(status)
    }

    /// What the caller may do, if it includes `permission`: by the token, and by the assignments of now.
    pub(super) fn demand(
        &self,
        token: &Token,
        permission: &str,
        tenant: Option<&str>,
    ) -> Result<Authority, Answer> {
        if !token.permissions.contains(permission) {
            return Err(Refusal::rule(403, permission).into());
        }
        let authority = self.authority(token, tenant);
        if authority.holds(permission) {
            return Ok(authority);
        }
        // it is held in the token's tenant alone
        let rule = token.tenant.as_ref().map_or(permission, |_| "other_tenant");
        Err(Refusal::rule(403, rule).into())
    }

    fn act(&mut self, token: &Token, act: &Act) -> Answer {
        let done = match act {
            Act::AddUser { user, roles } => self.make_user(token, user, roles),
            Act::DeleteUser(user) => self.delete_user(token, user),
            Act::Disable(user) => self.set_disabled(token, user, true),
            Act::Enable(user) => self.set_disabled(token, user, false),
            Act::EndSessions(user) => self.end_sessions(token, user),
            Act::LogOut => Ok(self.log_out(token)),
            Act::AddRole(role) => self.make_role(token, role),
            Act::DeleteRole(role) => self.delete_role(token, role),
            Act::AddPermission(name) => self.make_permission(token, name),
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
            Act::Confirm(asked) => self.confirm(token, asked),
            Act::EndRequest(asked) => self.end_request(token, asked),
            Act::Approval { role, on } => self.demand_edit(token, role, *on),
            Act::AddConstraint(_)
            | Act::DeleteConstraint(_)
            | Act::AddMember { .. }
            | Act::RemoveMember { .. }
            | Act::Limit { .. } => self.constrain(token, act, ROLES),
            Act::Apply(document) => self.apply(token, document, POLICY),
        };
        let answer = done.unwrap_or_else(|refused| refused);
        let needed = ["rolecall.assignments:read", "rolecall.users:read"];
        let sees =
            token.tenant.is_none() && needed.iter().all(|one| token.permissions.contains(*one));
        if sees { answer } else { answer.discreet() }
    }

    fn make_user(&mut self, token: &Token, user: &Name, roles: &[Name]) -> Result<Answer, Answer> {
        let authority = self.demand(token, USERS, None)?;
        let mut against = Against::new();
        if !roles.is_empty() && !authority.holds(ASSIGNMENTS) {
            let held_there = token.tenant.is_some() && token.permissions.contains(ASSIGNMENTS);
            let rule = if held_there {
                "other_tenant"
            } else {
                ASSIGNMENTS
            };
            against.insert(Refusal::rule(403, rule));
        }
        if self.users.contains_key(user) {
            against.insert(Refusal::status(409));
        }
        for role in roles {
            against.extend(self.against_giving(&authority, role, None));
        }
        let mut made = self.clone();
        let id = made.add_user(user);
        for role in roles {
            let key = Key {
                user: id,
                role: role.clone(),
                tenant: None,
            };
            against.extend(made.give_or_ask(token.user, &key, Times::default()).0);
        }
        Ok(self.change(against, 201, |model| {
            let revision = model.revision;
            *model = made;
            model.revision = revision;
            true
        }))
    }

    fn delete_user(&mut self, token: &Token, user: &Name) -> Result<Answer, Answer> {
        let authority = self.demand(token, USERS, None)?;
        let Some(id) = self.id_of(user) else {
            return Ok(Answer::Done(204));
        };
        let against = self.against_subject(&authority, id);
        Ok(self.change(against, 204, |model| {
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
    ) -> Result<Answer, Answer> {
        let authority = self.demand(token, USERS, None)?;
        let Some(id) = self.id_of(user) else {
            return Ok(Refusal::status(404).into());
        };
        let against = self.against_subject(&authority, id);
        Ok(self.change(against, 200, |model| {
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

    fn end_sessions(&mut self, token: &Token, user: &Name) -> Result<Answer, Answer> {
        let authority = self.demand(token, SESSIONS, None)?;
        let Some(id) = self.id_of(user) else {
            return Ok(Refusal::status(404).into());
        };
        let against = self.against_subject(&authority, id);
        Ok(self.change(against, 204, |model| {
            model.end_access(id);
            true
        }))
    }

    fn log_out(&mut self, token: &Token) -> Answer {
        self.change(Against::new(), 204, |model| {
            model.sessions[token.session].ended = true;
            model.lose(Of::Session(token.session));
            true
        })
    }

    /// What stands against giving a role to a user.
    fn against_giving(&self, authority: &Authority, role: &Name, tenant: Option<&Name>) -> Against {
        let mut against = self.against(authority, [role], tenant.is_some());
        if !self.roles.contains(role) {
            against.insert(Refusal::status(404));
        }
        if role == GUARDS {
            against.insert(Refusal::rule(409, "clients_only"));
        }
        against
    }

    fn assign(&mut self, token: &Token, to: &Given, times: Times) -> Result<Answer, Answer> {
        let authority = self.demand(token, ASSIGNMENTS, to.tenant.as_deref())?;
        let Some(user) = self.id_of(&to.user) else {
            return Ok(Refusal::status(404).into());
        };
        let mut against = self.against_giving(&authority, &to.role, to.tenant.as_ref());
        let never = times.from >= times.until && times.from.is_some() && times.until.is_some();
        if times.is_over(self.now) || never {
            against.insert(Refusal::status(422));
        }
        let key = Key {
            user,
            role: to.role.clone(),
            tenant: to.tenant.clone(),
        };
        if !against.is_empty() {
            return Ok(Answer::Refused(against));
        }
        let mut trial = self.clone();
        trial.revision += 1;
        let (against, status) = trial.give_or_ask(token.user, &key, times);
        Ok(self.change(against, status, |model| {
            *model = trial;
            true
        }))
    }

    /// Writes when an assignment counts: a loss if it ends earlier or begins later than before.
    pub(super) fn set_times(&mut self, key: &Key, times: Times) {
        let before = self.assigned.insert(key.clone(), times);
        let begin = |times: Times| times.from.unwrap_or(i64::MIN).max(self.now);
        let end = |times: Times| times.until.unwrap_or(i64::MAX);
        let loses = |old: Times| end(times) < end(old) || begin(times) > begin(old);
        if before.is_some_and(loses) {
            self.lose(Of::Subject(key.user));
        }
    }

    fn unassign(&mut self, token: &Token, from: &Given) -> Result<Answer, Answer> {
        let authority = self.demand(token, ASSIGNMENTS, from.tenant.as_deref())?;
        let Some(user) = self.id_of(&from.user) else {
            return Ok(Refusal::status(404).into());
        };
        let against = self.against(&authority, [&from.role], from.tenant.is_some());
        let key = Key {
            user,
            role: from.role.clone(),
            tenant: from.tenant.clone(),
        };
        Ok(self.change(against, 204, |model| {
            let ended = model.requests.remove(&key).is_some();
            let held = model.assigned.remove(&key).is_some();
            if held {
                model.lose(Of::Subject(user));
            }
            held || ended
        }))
    }
}
