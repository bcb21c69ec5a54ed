//! The delegation limit: changing something requires everything that it holds.

use std::collections::BTreeSet;

use super::{
    ANY, Model, Names, Refusal, Token, USER,
    held::{counts_locally, covers, is_own, object_of},
};
use crate::command::Name;

/// The permissions and roles that a caller may delegate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) patterns: Names,
    pub(crate) roles: Names,
    pub(crate) unlimited: bool,
}

impl Authority {
    /// Returns whether a permission is held.
    pub(crate) fn holds(&self, permission: &str) -> bool {
        self.patterns.iter().any(|one| covers(one, permission))
    }

    /// Returns whether a pattern may be delegated. Holding every current permission of an object is not holding its
    /// wildcard.
    pub(crate) fn may_delegate(&self, pattern: &str) -> bool {
        self.unlimited
            || self.patterns.contains(pattern)
            || (!pattern.ends_with('*') && self.holds(pattern))
    }
}

impl Model {
    /// The authority of a token in a tenant or globally: the current assignments, cut to what the token carries.
    pub(crate) fn authority(&self, token: &Token, tenant: Option<&str>) -> Authority {
        // a token for another tenant, or for none, has no authority in this one
        let tenant = tenant.filter(|tenant| token.tenant.as_deref() == Some(*tenant));
        let counted = self.counted_now(token.user, tenant);
        let carried = |roles: &Names, own: bool| {
            let active = |role: &&Name| token.roles.contains(*role) || (own && is_own(role));
            self.closure(roles.iter().filter(active))
        };
        // a token for a tenant never carries the name of a built-in role held there
        let (global, local) = (
            carried(&counted.global, false),
            carried(&counted.local, true),
        );
        let mut patterns = self.patterns_of(&global);
        let local_patterns = self.patterns_of(&local).into_iter();
        patterns.extend(local_patterns.filter(|pattern| counts_locally(pattern)));
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

    /// The `patterns` that a token carries: a wildcard only if it carries everything that the wildcard covers.
    fn cut(&self, patterns: &Names, scope: &Names) -> Names {
        let mut cut: Names = patterns
            .iter()
            .filter(|pattern| {
                let covered = self.permissions.iter().filter(|one| covers(pattern, one));
                let mut covered = covered.peekable();
                covered.peek().is_some() && covered.all(|one| scope.contains(one))
            })
            .cloned()
            .collect();
        let held = |one: &&Name| patterns.iter().any(|pattern| covers(pattern, one));
        cut.extend(scope.iter().filter(held).cloned());
        cut
    }

    /// The permissions and roles that a caller lacks to change roles, globally or in a tenant.
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
        let below = self.closure(roles);
        let held: Names = self.patterns_of(&below);
        let needed = held.into_iter().filter(|pattern| counts(pattern));
        let mut lacking: Vec<Name> = needed.filter(|one| !authority.may_delegate(one)).collect();
        for role in below {
            // every role of the model works by its name, if that counts
            let named = !(in_tenant && is_own(&role)) && role != USER;
            if named && !authority.roles.contains(&role) {
                lacking.push(role);
            }
        }
        lacking
    }

    /// The reasons to refuse a change of roles.
    pub(crate) fn delegation_refusals<'a>(
        &self,
        authority: &Authority,
        roles: impl IntoIterator<Item = &'a Name>,
        in_tenant: bool,
    ) -> BTreeSet<Refusal> {
        limit(self.lacking(authority, roles, in_tenant))
    }

    /// The reasons to refuse a change of the role that everyone gets by registering: only its holders change it.
    pub(crate) fn open_role_refusals(authority: &Authority, role: &Name) -> BTreeSet<Refusal> {
        if role != USER || authority.unlimited || authority.roles.contains(role) {
            return BTreeSet::new();
        }
        limit(vec![role.clone()])
    }

    /// The reasons to refuse a change of a user: each assignment that counts or will count.
    pub(crate) fn subject_refusals(&self, authority: &Authority, user: usize) -> BTreeSet<Refusal> {
        let assignments = self.assignments_of(user);
        let assignments = assignments.filter(|(_, times)| !times.is_over(self.now));
        assignments
            .flat_map(|(key, _)| {
                self.delegation_refusals(authority, [&key.role], key.tenant.is_some())
            })
            .collect()
    }

    /// The reasons to refuse the delegation of a pattern.
    pub(crate) fn pattern_refusals(authority: &Authority, pattern: &str) -> BTreeSet<Refusal> {
        if authority.may_delegate(pattern) {
            BTreeSet::new()
        } else {
            limit(vec![pattern.to_owned()])
        }
    }

    /// Returns whether a user may assign a role, globally or in a tenant, with a token for it.
    pub(crate) fn may_assign(&self, user: usize, role: &Name, tenant: Option<&str>) -> bool {
        let counted = self.counted_now(user, tenant);
        let mut patterns = self.patterns_of(&counted.global);
        let local_patterns = self.patterns_of(&counted.local).into_iter();
        patterns.extend(local_patterns.filter(|pattern| counts_locally(pattern)));
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

    /// Returns whether this is the only permission of its object.
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
