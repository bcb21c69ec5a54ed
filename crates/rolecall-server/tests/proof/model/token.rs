//! Log-ins, tokens, and when they end.

use std::collections::BTreeSet;

use super::{Answer, Counted, Model, Names, Refusal, Times};
use crate::command::Name;

/// How long a token lives at most.
const LIFETIME: i64 = 1800;
/// What lasts less is left out of a token.
const SHORTEST: i64 = 30;
/// How long a session lasts that nobody uses, and how long at all.
const IDLE: i64 = 14 * 86_400;
const LONGEST: i64 = 30 * 86_400;

/// A token that was given, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) name: Name,
    pub(crate) user: usize,
    /// Which of the model's sessions it is of.
    pub(crate) session: usize,
    pub(crate) tenant: Option<Name>,
    pub(crate) roles: Names,
    pub(crate) permissions: Names,
    pub(crate) narrowed: bool,
    pub(crate) ends: i64,
    /// How many changes there had been.
    pub(crate) revision: i64,
}

/// What a log-in opened; it is called as the token of the log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) name: Name,
    pub(crate) user: usize,
    pub(crate) tenant: Option<Name>,
    /// What was asked for, if it was less than everything.
    pub(crate) asked: Vec<Name>,
    /// All that was given at the log-in, as scope values.
    pub(crate) given: Names,
    pub(crate) opened: i64,
    pub(crate) used: i64,
    pub(crate) ended: bool,
}

/// Says that older tokens about something are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) of: Of,
    pub(crate) revision: i64,
}

/// What a floor is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Subject(usize),
    Role(Name),
    Session(usize),
    Token(Name),
}

/// What a token will carry.
struct Carried {
    roles: Names,
    permissions: Names,
    ends: i64,
}

impl Model {
    /// Whether a token is let in: it has not ended, and no floor lies above it.
    pub(crate) fn stands(&self, token: &Token) -> bool {
        let concerns = |floor: &Floor| match &floor.of {
            Of::Subject(user) => *user == token.user,
            Of::Role(role) => token.roles.contains(role),
            Of::Session(session) => *session == token.session,
            Of::Token(name) => *name == token.name,
        };
        let above = |floor: &&Floor| floor.revision > token.revision && concerns(floor);
        self.now < token.ends && !self.floors.iter().any(|floor| above(&floor))
    }

    /// Notes that something is lost by the change that is under way.
    pub(super) fn lose(&mut self, of: Of) {
        let revision = self.revision;
        self.floors.push(Floor { of, revision });
    }

    pub(super) fn lose_subjects(&mut self, users: Vec<usize>) {
        for user in users {
            self.lose(Of::Subject(user));
        }
    }

    pub(super) fn lose_roles(&mut self, roles: impl IntoIterator<Item = Name>) {
        for role in roles {
            self.lose(Of::Role(role));
        }
    }

    /// Ends the sessions and tokens of a user.
    pub(super) fn end_access(&mut self, user: usize) {
        self.lose(Of::Subject(user));
        let theirs = self.sessions.iter_mut();
        theirs
            .filter(|session| session.user == user)
            .for_each(|session| session.ended = true);
    }

    pub(crate) fn log_in(
        &mut self,
        token: &Name,
        user: &str,
        tenant: Option<&Name>,
        scope: &[Name],
    ) -> Answer {
        let Some(user) = self.users.get(user).filter(|user| !user.disabled) else {
            return Refusal::rule(401, "invalid_grant").into();
        };
        let id = user.id;
        let asked: Names = scope.iter().cloned().collect();
        let counted = self.lasting(id, tenant);
        if tenant.is_some() && counted.local.is_empty() {
            return Refusal::rule(400, "invalid_scope").into();
        }
        if !asked.is_subset(&self.values(&counted)) {
            return Refusal::rule(400, "invalid_scope").into();
        }
        let carried = self.carried(id, tenant, &[&asked]);
        if let Some(refused) = self.choose(&carried.roles) {
            return refused;
        }
        let narrowed = self.is_narrowed(&counted, &carried, &[&asked]);
        let session = Session {
            name: token.clone(),
            user: id,
            tenant: tenant.cloned(),
            asked: scope.to_vec(),
            given: values_of(&carried.roles, &carried.permissions),
            opened: self.now,
            used: self.now,
            ended: false,
        };
        self.sessions.push(session);
        let session = self.sessions.len() - 1;
        self.issue(token, session, tenant, carried, narrowed);
        Answer::Done(200)
    }

    /// The session that was opened last under a name.
    pub(super) fn session_named(&self, name: &str) -> Option<usize> {
        self.sessions
            .iter()
            .rposition(|session| session.name == name)
    }

    /// A token of a session that is there: what was asked for at the log-in, as far as it is held now.
    pub(crate) fn refresh(&mut self, token: &Name, of: &Name, scope: &[Name]) -> Answer {
        let refused = Answer::from(Refusal::rule(400, "invalid_grant"));
        let Some(number) = self.session_named(of) else {
            return refused;
        };
        let session = self.sessions[number].clone();
        if !self.lives(&session) {
            return refused;
        }
        let tenant = session.tenant.as_ref();
        let counted = self.lasting(session.user, tenant);
        let first: Names = session.asked.iter().cloned().collect();
        let then: Names = scope.iter().cloned().collect();
        // what was lost since is dropped; what the log-in never gave is refused
        let mut known = self.narrowed(&counted, &first);
        known.extend(session.given.iter().chain(&first).cloned());
        if !then.is_subset(&known) {
            return Refusal::rule(400, "invalid_scope").into();
        }
        let carried = self.carried(session.user, tenant, &[&first, &then]);
        if let Some(refused) = self.choose(&carried.roles) {
            return refused;
        }
        let in_tenant = tenant.filter(|_| !counted.local.is_empty());
        let narrowed = self.is_narrowed(&counted, &carried, &[&first, &then]);
        self.issue(token, number, in_tenant, carried, narrowed);
        self.sessions[number].used = self.now;
        Answer::Done(200)
    }

    /// What the next refresh of a session would make active.
    pub(super) fn active_of(&self, session: &Session) -> Names {
        let asked: Names = session.asked.iter().cloned().collect();
        let tenant = session.tenant.as_ref();
        self.carried(session.user, tenant, &[&asked]).roles
    }

    /// Whether a session can still be refreshed.
    pub(super) fn lives(&self, session: &Session) -> bool {
        let over = self.now >= session.opened + LONGEST || self.now >= session.used + IDLE;
        !session.ended && !over
    }

    /// A token is narrowed if something was asked for; not if that was only to choose among roles that may not
    /// be active at once, and nothing more could be.
    fn is_narrowed(&self, counted: &Counted, carried: &Carried, asked: &[&Names]) -> bool {
        let whole = counted.roles();
        let by_roles = asked.iter().all(|asked| split(asked).1.is_empty());
        let chosen = by_roles && self.breaks_dynamic(&whole);
        let could_be_more = whole.difference(&carried.roles).any(|left_out| {
            let mut more: Names = self
                .below([left_out])
                .intersection(&whole)
                .cloned()
                .collect();
            more.extend(carried.roles.iter().cloned());
            !self.breaks_dynamic(&more)
        });
        asked.iter().any(|asked| !asked.is_empty()) && (!chosen || could_be_more)
    }

    /// One token is refused from now on.
    pub(crate) fn revoke_token(&mut self, name: &Name) -> Answer {
        let stands = self
            .tokens
            .get(name)
            .is_some_and(|token| self.stands(token));
        if stands {
            self.revision += 1;
            self.lose(Of::Token(name.clone()));
        }
        Answer::Done(200)
    }

    fn issue(
        &mut self,
        name: &Name,
        session: usize,
        tenant: Option<&Name>,
        carried: Carried,
        narrowed: bool,
    ) {
        let token = Token {
            name: name.clone(),
            user: self.sessions[session].user,
            session,
            tenant: tenant.cloned(),
            roles: carried.roles,
            permissions: carried.permissions,
            narrowed,
            ends: carried.ends,
            revision: self.revision,
        };
        self.tokens.insert(name.clone(), token);
    }

    /// What a token may rest on: assignments that count now, and for a while yet.
    fn lasting(&self, user: usize, tenant: Option<&Name>) -> Counted {
        let now = self.now;
        self.counted(user, tenant.map(Name::as_str), move |times| {
            lasts(times, now)
        })
    }

    /// All that can be asked for.
    fn values(&self, counted: &Counted) -> Names {
        values_of(&counted.roles(), &self.permissions_of(counted))
    }

    /// What is left of the values if only `asked` is wanted: roles alone leave what they give, permissions
    /// alone leave the roles.
    fn narrowed(&self, counted: &Counted, asked: &Names) -> Names {
        let (counted, permissions) = self.narrow(counted.clone(), None, asked);
        values_of(&counted.roles(), &permissions)
    }

    fn narrow(
        &self,
        counted: Counted,
        permissions: Option<Names>,
        asked: &Names,
    ) -> (Counted, Names) {
        let held = permissions.unwrap_or_else(|| self.permissions_of(&counted));
        let (roles, wanted) = split(asked);
        let counted = if roles.is_empty() {
            counted
        } else {
            let names = counted.roles();
            let active = |held: &Names| {
                let chosen = roles.iter().filter(|role| names.contains(*role));
                let below = self.below(chosen.filter(|role| held.contains(*role)));
                below.intersection(held).cloned().collect()
            };
            Counted {
                global: active(&counted.global),
                local: active(&counted.local),
            }
        };
        let given = self.permissions_of(&counted);
        let kept = given.into_iter().filter(|one| held.contains(one));
        let kept = kept.filter(|one| wanted.is_empty() || wanted.contains(one));
        (counted, kept.collect())
    }

    /// What a token carries that is narrowed by each of `asked`, and when it ends.
    fn carried(&self, user: usize, tenant: Option<&Name>, asked: &[&Names]) -> Carried {
        let mut counted = self.lasting(user, tenant);
        let in_tenant = !counted.local.is_empty();
        let (mut permissions, mut by_roles) = (None, false);
        for asked in asked {
            by_roles |= !split(asked).0.is_empty();
            let (next, kept) = self.narrow(counted, permissions, asked);
            (counted, permissions) = (next, Some(kept));
        }
        let latest = self.now + LIFETIME;
        let ends = self.ends_of(user, tenant);
        let ends = if by_roles {
            // it ends as soon as something of the roles would be missing, or the tenant
            let missing = |at: i64| {
                let then = self.counted(user, tenant.map(Name::as_str), |times| {
                    lasts(times, self.now) && times.counts(at)
                });
                let whole = then.roles().is_superset(&counted.roles())
                    && self
                        .permissions_of(&then)
                        .is_superset(&self.permissions_of(&counted));
                !whole || (in_tenant && then.local.is_empty())
            };
            ends.into_iter().filter(|at| missing(*at)).min()
        } else {
            ends.into_iter().min()
        };
        Carried {
            roles: counted.roles(),
            permissions: permissions.unwrap_or_default(),
            ends: ends.unwrap_or(latest).min(latest),
        }
    }

    /// When the assignments end that a token may rest on.
    fn ends_of(&self, user: usize, tenant: Option<&Name>) -> BTreeSet<i64> {
        let given = self.assignments_of(user);
        given
            .filter(|(key, _)| key.tenant.is_none() || key.tenant.as_ref() == tenant)
            .filter(|(_, times)| lasts(*times, self.now))
            .filter_map(|(_, times)| times.until)
            .collect()
    }

    /// What of a token its subject does not hold now: none, if the token may be let in.
    pub(crate) fn lost_of(&self, token: &Token) -> Names {
        let counted = self.counted_now(token.user, token.tenant.as_deref());
        let held = values_of(&counted.roles(), &self.permissions_of(&counted));
        let carried = values_of(&token.roles, &token.permissions);
        let mut lost: Names = carried.difference(&held).cloned().collect();
        if token.tenant.is_some() && counted.local.is_empty() {
            lost.extend(token.tenant.clone());
        }
        lost
    }
}

fn lasts(times: Times, now: i64) -> bool {
    times.counts(now) && times.until.is_none_or(|until| until - now >= SHORTEST)
}

fn values_of(roles: &Names, permissions: &Names) -> Names {
    let roles = roles.iter().map(|role| format!("role:{role}"));
    roles.chain(permissions.iter().cloned()).collect()
}

/// The roles and the permissions among scope values.
fn split(values: &Names) -> (Names, Names) {
    let (roles, permissions): (Names, Names) = values
        .iter()
        .cloned()
        .partition(|value| value.starts_with("role:"));
    let bare = roles.iter().filter_map(|role| role.strip_prefix("role:"));
    (bare.map(str::to_owned).collect(), permissions)
}
