//! Logins, tokens, and their lifetimes.

use std::collections::BTreeSet;

use super::{Counted, Model, Names, Outcome, Refusal, Times};
use crate::command::Name;

/// The longest lifetime of a token, in seconds.
const LIFETIME: i64 = 1800;
/// An assignment that ends earlier is left out of a token, in seconds.
const SHORTEST: i64 = 30;
/// The longest idle time and the longest lifetime of a session, in seconds.
const IDLE: i64 = 14 * 86_400;
const LONGEST: i64 = 30 * 86_400;

/// An issued token, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) name: Name,
    pub(crate) user: usize,
    /// The index of its session.
    pub(crate) session: usize,
    pub(crate) tenant: Option<Name>,
    pub(crate) roles: Names,
    pub(crate) permissions: Names,
    pub(crate) narrowed: bool,
    pub(crate) ends: i64,
    /// The revision at which it was issued.
    pub(crate) revision: i64,
}

/// A session; its name is that of the token of the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) name: Name,
    pub(crate) user: usize,
    pub(crate) tenant: Option<Name>,
    /// The requested scope; empty for everything.
    pub(crate) requested: Vec<Name>,
    /// Everything granted at the login, as scope values.
    pub(crate) granted: Names,
    pub(crate) opened: i64,
    pub(crate) used: i64,
    pub(crate) ended: bool,
}

/// A cutoff: older tokens with this key are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) of: FloorKey,
    pub(crate) revision: i64,
}

/// The key of a floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FloorKey {
    /// A user, and the tenant to whose tokens the floor is limited.
    Subject(usize, Option<Name>),
    Role(Name),
    Session(usize),
    Token(Name),
}

/// The content of a new token.
struct Carried {
    roles: Names,
    permissions: Names,
    ends: i64,
}

impl Model {
    /// Returns whether a token is valid: it has not expired, and no floor revokes it.
    pub(crate) fn is_valid(&self, token: &Token) -> bool {
        let concerns = |floor: &Floor| match &floor.of {
            FloorKey::Subject(user, tenant) => {
                *user == token.user && (tenant.is_none() || *tenant == token.tenant)
            }
            FloorKey::Role(role) => token.roles.contains(role),
            FloorKey::Session(session) => *session == token.session,
            FloorKey::Token(name) => *name == token.name,
        };
        let above = |floor: &&Floor| floor.revision > token.revision && concerns(floor);
        self.now < token.ends && !self.floors.iter().any(|floor| above(&floor))
    }

    /// Raises a floor at the revision of the current change.
    pub(super) fn raise_floor(&mut self, of: FloorKey) {
        let revision = self.revision;
        self.floors.push(Floor { of, revision });
    }

    pub(super) fn raise_tenant_floors(&mut self, users: Vec<(usize, Name)>) {
        for (user, tenant) in users {
            self.raise_floor(FloorKey::Subject(user, Some(tenant)));
        }
    }

    pub(super) fn raise_role_floors(&mut self, roles: impl IntoIterator<Item = Name>) {
        for role in roles {
            self.raise_floor(FloorKey::Role(role));
        }
    }

    /// Ends the sessions and tokens of a user.
    pub(super) fn end_access(&mut self, user: usize) {
        self.raise_floor(FloorKey::Subject(user, None));
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
    ) -> Outcome {
        let Some(user) = self.users.get(user).filter(|user| !user.disabled) else {
            return Refusal::rule(401, "invalid_grant").into();
        };
        let id = user.id;
        let requested: Names = scope.iter().cloned().collect();
        let counted = self.lasting(id, tenant);
        if tenant.is_some() && counted.local.is_empty() {
            return Refusal::rule(400, "invalid_scope").into();
        }
        if !requested.is_subset(&self.values(&counted)) {
            return Refusal::rule(400, "invalid_scope").into();
        }
        let carried = self.carried(id, tenant, &[&requested]);
        if let Some(refused) = self.activation_refusal(&carried.roles) {
            return refused;
        }
        let narrowed = self.is_narrowed(&counted, &carried, &[&requested]);
        let session = Session {
            name: token.clone(),
            user: id,
            tenant: tenant.cloned(),
            requested: scope.to_vec(),
            granted: values_of(&carried.roles, &carried.permissions),
            opened: self.now,
            used: self.now,
            ended: false,
        };
        self.sessions.push(session);
        let session = self.sessions.len() - 1;
        self.issue(token, session, tenant, carried, narrowed);
        Outcome::Done(200)
    }

    /// The index of the last session with this name.
    pub(super) fn session_named(&self, name: &str) -> Option<usize> {
        self.sessions
            .iter()
            .rposition(|session| session.name == name)
    }

    /// Issues a token of an existing session: the scope requested at the login, as far as it is held now.
    pub(crate) fn refresh(&mut self, token: &Name, of: &Name, scope: &[Name]) -> Outcome {
        let refused = Outcome::from(Refusal::rule(400, "invalid_grant"));
        let Some(number) = self.session_named(of) else {
            return refused;
        };
        let session = self.sessions[number].clone();
        if !self.is_live(&session) {
            return refused;
        }
        let tenant = session.tenant.as_ref();
        let counted = self.lasting(session.user, tenant);
        let first: Names = session.requested.iter().cloned().collect();
        let then: Names = scope.iter().cloned().collect();
        // what was lost since the login is dropped; what the login never granted is refused
        let mut known = self.narrowed(&counted, &first);
        known.extend(session.granted.iter().chain(&first).cloned());
        if !then.is_subset(&known) {
            return Refusal::rule(400, "invalid_scope").into();
        }
        let carried = self.carried(session.user, tenant, &[&first, &then]);
        if let Some(refused) = self.activation_refusal(&carried.roles) {
            return refused;
        }
        let in_tenant = tenant.filter(|_| !counted.local.is_empty());
        let narrowed = self.is_narrowed(&counted, &carried, &[&first, &then]);
        self.issue(token, number, in_tenant, carried, narrowed);
        self.sessions[number].used = self.now;
        Outcome::Done(200)
    }

    /// The roles that the next refresh of a session would make active.
    pub(super) fn active_of(&self, session: &Session) -> Names {
        let requested: Names = session.requested.iter().cloned().collect();
        let tenant = session.tenant.as_ref();
        self.carried(session.user, tenant, &[&requested]).roles
    }

    /// Returns whether a session can still be refreshed.
    pub(super) fn is_live(&self, session: &Session) -> bool {
        let over = self.now >= session.opened + LONGEST || self.now >= session.used + IDLE;
        !session.ended && !over
    }

    /// Returns whether a token is narrowed: a scope was requested, unless it only chose among roles that may not be
    /// active together and could not have included more.
    fn is_narrowed(&self, counted: &Counted, carried: &Carried, requested: &[&Names]) -> bool {
        let whole = counted.roles();
        let by_roles = requested
            .iter()
            .all(|requested| split(requested).1.is_empty());
        let chosen = by_roles && self.violates_dynamic(&whole);
        let could_be_more = whole.difference(&carried.roles).any(|left_out| {
            let mut more: Names = self
                .closure([left_out])
                .intersection(&whole)
                .cloned()
                .collect();
            more.extend(carried.roles.iter().cloned());
            !self.violates_dynamic(&more)
        });
        requested.iter().any(|requested| !requested.is_empty()) && (!chosen || could_be_more)
    }

    /// Revokes one access token.
    pub(crate) fn revoke_token(&mut self, name: &Name) -> Outcome {
        let valid = self
            .tokens
            .get(name)
            .is_some_and(|token| self.is_valid(token));
        if valid {
            self.revision += 1;
            self.raise_floor(FloorKey::Token(name.clone()));
        }
        Outcome::Done(200)
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

    /// The roles that a token may carry: of assignments that count now and for a while longer.
    fn lasting(&self, user: usize, tenant: Option<&Name>) -> Counted {
        let now = self.now;
        self.counted(user, tenant.map(Name::as_str), move |times| {
            lasts(times, now)
        })
    }

    /// Everything that can be requested, as scope values.
    fn values(&self, counted: &Counted) -> Names {
        values_of(&counted.roles(), &self.permissions_of(counted))
    }

    /// The scope values that a requested scope leaves: roles keep their permissions, permissions keep the roles.
    fn narrowed(&self, counted: &Counted, requested: &Names) -> Names {
        let (counted, permissions) = self.narrow(counted.clone(), None, requested);
        values_of(&counted.roles(), &permissions)
    }

    fn narrow(
        &self,
        counted: Counted,
        permissions: Option<Names>,
        requested: &Names,
    ) -> (Counted, Names) {
        let held = permissions.unwrap_or_else(|| self.permissions_of(&counted));
        let (roles, target) = split(requested);
        let counted = if roles.is_empty() {
            counted
        } else {
            let names = counted.roles();
            let active = |held: &Names| {
                let chosen = roles.iter().filter(|role| names.contains(*role));
                let below = self.closure(chosen.filter(|role| held.contains(*role)));
                below.intersection(held).cloned().collect()
            };
            Counted {
                global: active(&counted.global),
                local: active(&counted.local),
            }
        };
        let all = self.permissions_of(&counted);
        let kept = all.into_iter().filter(|one| held.contains(one));
        let kept = kept.filter(|one| target.is_empty() || target.contains(one));
        (counted, kept.collect())
    }

    /// The content and the expiry of a token that is narrowed by each requested scope.
    fn carried(&self, user: usize, tenant: Option<&Name>, requested: &[&Names]) -> Carried {
        let mut counted = self.lasting(user, tenant);
        let in_tenant = !counted.local.is_empty();
        let (mut permissions, mut by_roles) = (None, false);
        for requested in requested {
            by_roles |= !split(requested).0.is_empty();
            let (next, kept) = self.narrow(counted, permissions, requested);
            (counted, permissions) = (next, Some(kept));
        }
        let latest = self.now + LIFETIME;
        let ends = self.ends_of(user, tenant);
        let ends = if by_roles {
            // it expires as soon as one of its roles or permissions, or the tenant, would be missing
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

    /// The ends of the assignments that a token may depend on.
    fn ends_of(&self, user: usize, tenant: Option<&Name>) -> BTreeSet<i64> {
        let assignments = self.assignments_of(user);
        assignments
            .filter(|(key, _)| key.tenant.is_none() || key.tenant.as_ref() == tenant)
            .filter(|(_, times)| lasts(*times, self.now))
            .filter_map(|(_, times)| times.until)
            .collect()
    }

    /// The scope values of a token that its subject does not hold now; empty if the token is valid.
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
