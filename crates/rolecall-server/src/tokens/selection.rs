//! The assignments that a token rests on.
//!
//! Other people assign roles. What they assign must neither shorten nor block a log-in whose user did not ask for it, so
//! a token leaves out a role that would end it too soon, or that a dynamic constraint does not allow beside the others.

use std::{collections::BTreeSet, time::Duration};

use rolecall_core::{ConstraintKind, Permission, RoleName, counts_in_tenant};

use super::{
    effective::{EffectiveScope, TokenSubject},
    requested::RequestedScope,
};
use crate::authority::subject::Assigned;

/// A role that would leave a token less than this is left out, unless the token is requested for it.
const SHORTEST_UNASKED: Duration = Duration::from_mins(5);

/// The scopes that narrow a requested token, the widest first.
pub(super) struct Asked<'a> {
    scopes: Vec<&'a RequestedScope>,
    roles: BTreeSet<RoleName>,
    /// Empty if roles are named: then permissions come from these roles.
    permissions: BTreeSet<Permission>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(scopes: impl Iterator<Item = &'a RequestedScope>) -> Self {
        let scopes: Vec<_> = scopes.collect();
        let named = |scope: &&&RequestedScope| !scope.roles.is_empty();
        let last = scopes.iter().rev().find(named);
        let roles = last.map(|scope| scope.roles.clone()).unwrap_or_default();
        let narrowest = scopes.last().filter(|_| roles.is_empty());
        let permissions = narrowest.map(|scope| scope.permissions.clone());
        Self {
            scopes,
            roles,
            permissions: permissions.unwrap_or_default(),
        }
    }
}

/// Returns the assignments that last long enough, and shorter ones for which the token is requested.
pub(super) fn lasting_enough(holder: &TokenSubject<'_>, asked: &Asked<'_>) -> Vec<Assigned> {
    let least = SHORTEST_UNASKED.min(holder.lifetime);
    let is_long = |one: &Assigned| one.ends.is_none_or(|ends| ends.since(holder.now) >= least);
    let (mut kept, mut short): (Vec<Assigned>, Vec<Assigned>) =
        holder.lasting().cloned().partition(is_long);
    // of several that give the same, the longest is kept
    short.sort_by_key(|one| std::cmp::Reverse(one.ends));
    for one in short {
        // a role that cannot be active by itself opens no tenant
        let opens = |known: &Assigned| {
            known.in_tenant && !conflict(holder, asked, std::slice::from_ref(known))
        };
        let is_only_one_in_tenant = one.in_tenant && !kept.iter().any(opens);
        let mut permissions = asked.permissions.iter();
        let gives_missing = permissions.any(|permission| {
            gives(holder, &one, permission)
                && !kept.iter().any(|known| gives(holder, known, permission))
        });
        if is_only_one_in_tenant || gives_missing || gives_named(holder, asked, &one) {
            kept.push(one);
        }
    }
    kept
}

/// Returns the assignments whose roles may be active together: first those that the token is requested for (by a role,
/// by a permission, by the tenant), then the others, the oldest first; of those made at the same time global ones come
/// first, then names decide. One that a dynamic constraint does not allow beside the ones before is left out.
///
/// INVARIANT: an assignment that is made later takes nothing out of a token that was not requested for it.
///
/// If what was requested cannot be active together, all of it is kept, and [`check_active`](super::grant::check_active)
/// refuses.
pub(super) fn compatible(holder: &TokenSubject<'_>, asked: &Asked<'_>) -> Vec<Assigned> {
    let mut waiting: Vec<Assigned> = holder.lasting().cloned().collect();
    if !conflict(holder, asked, &waiting) {
        return waiting;
    }
    waiting.sort_by(|one, other| {
        let key = |one: &Assigned| (one.since, one.in_tenant);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.role.cmp(&other.role))
    });
    let (mut chosen, mut waiting): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|one| gives_named(holder, asked, one));
    for permission in &asked.permissions {
        if !chosen.iter().any(|one| gives(holder, one, permission)) {
            choose_one(holder, asked, &mut chosen, &mut waiting, |one| {
                gives(holder, one, permission)
            });
        }
    }
    if !chosen.iter().any(|one| one.in_tenant) {
        choose_one(holder, asked, &mut chosen, &mut waiting, |one| {
            one.in_tenant
        });
    }
    for one in waiting {
        chosen.push(one);
        if conflict(holder, asked, &chosen) {
            chosen.pop();
        }
    }
    chosen
}

/// Moves the first assignment that is wanted, if possible one that can be active beside those already chosen.
fn choose_one(
    holder: &TokenSubject<'_>,
    asked: &Asked<'_>,
    chosen: &mut Vec<Assigned>,
    waiting: &mut Vec<Assigned>,
    is_wanted: impl Fn(&Assigned) -> bool,
) {
    let fits = |one: &Assigned| {
        let with: Vec<Assigned> = chosen.iter().chain([one]).cloned().collect();
        !conflict(holder, asked, &with)
    };
    let fitting = waiting.iter().position(|one| is_wanted(one) && fits(one));
    let first = || waiting.iter().position(&is_wanted);
    if let Some(position) = fitting.or_else(first) {
        chosen.push(waiting.remove(position));
    }
}

/// Returns true if a token that rests on these assignments would have too many roles of a constraint active.
fn conflict(holder: &TokenSubject<'_>, asked: &Asked<'_>, assigned: &[Assigned]) -> bool {
    let mut constraints = holder.policy.constraints();
    if !constraints.any(|(_, one)| one.kind == ConstraintKind::Dynamic) {
        return false;
    }
    let mut held = EffectiveScope::of(&holder.resting_on(assigned));
    for scope in &asked.scopes {
        held = held.narrow(holder.policy, scope);
    }
    let active = held.active_roles(holder.policy);
    holder.policy.dynamic_breach(&active).is_some()
}

fn gives_named(holder: &TokenSubject<'_>, asked: &Asked<'_>, one: &Assigned) -> bool {
    let mut named = asked.roles.iter();
    named.any(|role| holder.policy.path(&one.role, role).is_some())
}

fn gives(holder: &TokenSubject<'_>, one: &Assigned, permission: &Permission) -> bool {
    (!one.in_tenant || counts_in_tenant(permission))
        && holder
            .policy
            .permissions_of([&one.role])
            .contains(permission)
}
