//! The delegation limit: whoever acts on something must hold all that it holds.

use std::collections::BTreeSet;

use super::{
    ANY, Model, Names, Refusal, Token, USER,
    held::{counts_locally, covers, is_own, object_of},
};
use crate::command::Name;

/// What somebody may hand on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) patterns: Names,
    pub(crate) roles: Names,
    pub(crate) unlimited: bool,
}

impl Authority {
    /// Whether a permission is held.
    pub(crate) fn holds(&self, permission: &str) -> bool {
        self.patterns.iter().any(|one| covers(one, permission))
    }

    /// Whether a pattern may be handed on. Today's permissions of an object are not tomorrow's.
    pub(crate) fn has(&self, pattern: &str) -> bool {
        self.unlimited
            || self.patterns.contains(pattern)
            || (!pattern.ends_with('*') && self.holds(pattern))
    }
}

impl Model {
    /// What the bearer of a token may hand on in a tenant, or everywhere: what the assignments of now give,
    /// cut to what the token carries.
    pub(crate) fn authority(&self, token: &Token, tenant: Option<&str>) -> Authority {
        // a token for another tenant, or for none, says nothing about this one
        let tenant = tenant.filter(|tenant| token.tenant.as_deref() == Some(*tenant));
        let counted = self.counted_now(token.user, tenant);
        let carried = |roles: &Names, own: bool| {
            let active = |role: &&Name| token.roles.contains(*role) || (own && is_own(role));
            self.below(roles.iter().filter(active))
        };
        // no token for a tenant carries the name of one of rolecall's own roles that is held there
        let (global, local) = (
            carried(&counted.global, false),
            carried(&counted.local, true),
        );
        let mut patterns = self.patterns_of(&global);
        let there = self.patterns_of(&local).into_iter();
        patterns.extend(there.filter(|pattern| counts_locally(pattern)));
        let lifts = patterns.iter().any(|pattern| covers(pattern, ANY));
        let mut roles = global;
        roles.extend(local.into_iter().filter(|role| !is_own(role)));
        roles.retain(|role| token.roles.contains(role));
        Authority {
            patterns: self.cut(&patterns, &token.permissions),
            roles,
            unlimited: lifts && token.permissions.contains(ANY),
        }
    }

    /// What of `patterns` a token carries: a wildcard only if it carries all that the wildcard gives.
    fn cut(&self, patterns: &Names, scope: &Names) -> Names {
        let mut cut: Names = patterns
            .iter()
            .filter(|pattern| {
                let given = self.permissions.iter().filter(|one| covers(pattern, one));
                let mut given = given.peekable();
                given.peek().is_some() && given.all(|one| scope.contains(one))
            })
            .cloned()
            .collect();
        let held = |one: &&Name| patterns.iter().any(|pattern| covers(pattern, one));
        cut.extend(scope.iter().filter(held).cloned());
        cut
    }

    /// What somebody lacks to act on roles, where they count globally or in a tenant.
    pub(crate) fn lacking<'a>(
        &self,
        authority: &Authority,
        roles: impl IntoIterator<Item = &'a Name>,
        in_tenant: bool,
    ) -> Vec<Name> {
        if authority.unlimited {
            return Vec::new();
        }
        let counts = |pattern: &str| !in_tenant || counts_locally(pattern);
        let below = self.below(roles);
        let held: Names = self.patterns_of(&below);
        let needed = held.into_iter().filter(|pattern| counts(pattern));
        let mut lacking: Vec<Name> = needed.filter(|one| !authority.has(one)).collect();
        for role in below {
            // a role that holds nothing works by its name, if that counts
            let own = self.grants.iter().filter(|(holder, _)| *holder == role);
            let by_name = !own.clone().any(|(_, pattern)| counts(pattern));
            let named = !(in_tenant && is_own(&role)) && role != USER;
            if by_name && named && !authority.roles.contains(&role) {
                lacking.push(role);
            }
        }
        lacking
    }

    /// What stands against acting on roles.
    pub(crate) fn against<'a>(
        &self,
        authority: &Authority,
        roles: impl IntoIterator<Item = &'a Name>,
        in_tenant: bool,
    ) -> BTreeSet<Refusal> {
        limit(self.lacking(authority, roles, in_tenant))
    }

    /// What stands against acting on a subject: each of its assignments that counts or will.
    pub(crate) fn against_subject(&self, authority: &Authority, user: usize) -> BTreeSet<Refusal> {
        let given = self.assignments_of(user);
        let given = given.filter(|(_, times)| !times.is_over(self.now));
        given
            .flat_map(|(key, _)| self.against(authority, [&key.role], key.tenant.is_some()))
            .collect()
    }

    /// What stands against handing on a pattern.
    pub(crate) fn against_pattern(authority: &Authority, pattern: &str) -> BTreeSet<Refusal> {
        if authority.has(pattern) {
            BTreeSet::new()
        } else {
            limit(vec![pattern.to_owned()])
        }
    }

    /// Whether a user may give a role, globally or in a tenant, if they log in for that.
    pub(crate) fn may_give(&self, user: usize, role: &Name, tenant: Option<&str>) -> bool {
        let counted = self.counted_now(user, tenant);
        let mut patterns = self.patterns_of(&counted.global);
        let there = self.patterns_of(&counted.local).into_iter();
        patterns.extend(there.filter(|pattern| counts_locally(pattern)));
        let authority = Authority {
            unlimited: patterns.iter().any(|pattern| covers(pattern, ANY)),
            roles: counted.roles(),
            patterns,
        };
        authority.holds("rolecall.assignments:write")
            && self
                .lacking(&authority, [role], tenant.is_some())
                .is_empty()
    }

    /// Whether no permission of an object is left but this one.
    pub(crate) fn is_last_of_its_object(&self, permission: &str) -> bool {
        let mut all = self.permissions.iter();
        !all.any(|one| one != permission && object_of(one) == object_of(permission))
    }
}

fn limit(mut lacking: Vec<Name>) -> BTreeSet<Refusal> {
    if lacking.is_empty() {
        return BTreeSet::new();
    }
    lacking.sort();
    BTreeSet::from([Refusal::naming(403, "delegation_limit", lacking)])
}
