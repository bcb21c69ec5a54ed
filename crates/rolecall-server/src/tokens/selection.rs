//! The assignments that a token rests on.
//!
//! Other people assign roles. What they assign must neither shorten nor block a log-in whose user did not ask for it, so
//! a token leaves out a role that would end it too soon, or that a dynamic constraint does not allow beside the others.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use rolecall_core::{Permission, RoleName, counts_in_tenant};

use super::{
    holder::TokenSubject,
    requested::RequestedScope,
    together::{Addition, Additions, Together},
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

/// What is known of single assignments: whether the token is requested for them.
struct Wanted<'a> {
    holder: TokenSubject<'a>,
    /// The permissions that were asked for, where permissions decide.
    permissions: &'a BTreeSet<Permission>,
    /// The roles that give one that was asked for by name.
    naming: BTreeSet<RoleName>,
}

impl<'a> Wanted<'a> {
    fn of(holder: &TokenSubject<'a>, asked: &'a Asked<'_>) -> Self {
        Self {
            holder: *holder,
            permissions: &asked.permissions,
            naming: holder.policy.seniors_of(&asked.roles),
        }
    }

    fn gives_named(&self, one: &Assigned) -> bool {
        self.naming.contains(&one.role)
    }

    /// Returns the permissions that were asked for and that an assignment gives.
    fn given(&self, one: &Assigned) -> BTreeSet<&'a Permission> {
        if self.permissions.is_empty() {
            return BTreeSet::new();
        }
        let given = self.holder.policy.permissions_of([&one.role]);
        let wanted = self.permissions.iter();
        wanted
            .filter(|permission| !one.in_tenant || counts_in_tenant(permission))
            .filter(|permission| given.contains(*permission))
            .collect()
    }
}

/// Returns the assignments that last long enough, and shorter ones for which the token is requested.
pub(super) fn lasting_enough(holder: &TokenSubject<'_>, asked: &Asked<'_>) -> Vec<Assigned> {
    let least = SHORTEST_UNASKED.min(holder.lifetime);
    let is_long = |one: &Assigned| one.ends.is_none_or(|ends| ends.since(holder.now) >= least);
    let (mut kept, mut short): (Vec<Assigned>, Vec<Assigned>) =
        holder.lasting().cloned().partition(is_long);
    if short.is_empty() {
        return kept;
    }
    // of several that give the same, the longest is kept
    short.sort_by_key(|one| std::cmp::Reverse(one.ends));
    let wanted = Wanted::of(holder, asked);
    let counting = Additions::of(holder, &asked.scopes);
    // a role that cannot be active by itself opens no tenant
    let opens = |one: &Assigned| {
        let conflicts = |(additions, none): &(Additions<'_>, Together<'_>)| {
            none.conflicts_with(&additions.by(one, none))
        };
        one.in_tenant && !counting.as_ref().is_some_and(conflicts)
    };
    let mut is_open = kept.iter().any(opens);
    let mut covered: BTreeSet<&Permission> =
        kept.iter().flat_map(|one| wanted.given(one)).collect();
    for one in short {
        let gives = wanted.given(&one);
        let is_only_one_in_tenant = one.in_tenant && !is_open;
        if is_only_one_in_tenant || !gives.is_subset(&covered) || wanted.gives_named(&one) {
            is_open = is_open || opens(&one);
            covered.extend(gives);
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
    let all: Vec<Assigned> = holder.lasting().cloned().collect();
    let Some((additions, together)) = Additions::of(holder, &asked.scopes) else {
        return all;
    };
    let wanted = Wanted::of(holder, asked);
    let candidate = |one: Assigned| Candidate {
        addition: additions.by(&one, &together),
        gives: wanted.given(&one),
        one,
    };
    let mut waiting: Vec<Candidate<'_>> = all.iter().cloned().map(candidate).collect();
    if !is_conflict(together.clone(), &waiting) {
        return all;
    }
    waiting.sort_by(|one, other| in_turn(&one.one, &other.one));
    let (named, waiting): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|candidate| wanted.gives_named(&candidate.one));
    let mut choice = Choice {
        together,
        chosen: Vec::new(),
        given: BTreeSet::new(),
        waiting,
    };
    for candidate in named {
        choice.take(candidate);
    }
    for permission in &asked.permissions {
        if !choice.given.contains(permission) {
            choice.take_one(|candidate| candidate.gives.contains(permission));
        }
    }
    if !choice.chosen.iter().any(|one| one.in_tenant) {
        choice.take_one(|candidate| candidate.one.in_tenant);
    }
    for candidate in std::mem::take(&mut choice.waiting) {
        if !choice.together.conflicts_with(&candidate.addition) {
            choice.take(candidate);
        }
    }
    choice.chosen
}

/// Returns the assignments that a token can rest on, first those without which it would not be what was requested, and
/// the number of these; the others follow with the oldest first.
pub(super) fn by_need(holder: &TokenSubject<'_>, asked: &Asked<'_>) -> (Vec<Assigned>, usize) {
    let lasting = lasting_enough(holder, asked);
    let mut all = compatible(&holder.resting_on(&lasting), asked);
    all.sort_by(in_turn);
    let wanted = Wanted::of(holder, asked);
    let (mut chosen, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| wanted.gives_named(one));
    let others = others.into_iter().map(|one| (wanted.given(&one), one));
    let mut waiting: Vec<(BTreeSet<&Permission>, Assigned)> = others.collect();
    let mut covered: BTreeSet<&Permission> =
        chosen.iter().flat_map(|one| wanted.given(one)).collect();
    for permission in &asked.permissions {
        if covered.contains(permission) {
            continue;
        }
        let giving = waiting
            .iter()
            .position(|(gives, _)| gives.contains(permission));
        if let Some(position) = giving {
            let (gives, one) = waiting.remove(position);
            covered.extend(gives);
            chosen.push(one);
        }
    }
    if holder.tenant.is_some() && !chosen.iter().any(|one| one.in_tenant) {
        let opening = waiting.iter().position(|(_, one)| one.in_tenant);
        chosen.extend(opening.map(|position| waiting.remove(position).1));
    }
    let needed = chosen.len();
    chosen.extend(waiting.into_iter().map(|(_, one)| one));
    (chosen, needed)
}

/// The order in which assignments get their turn: the oldest first; of those made at the same time global ones come
/// first, then names decide.
fn in_turn(one: &Assigned, other: &Assigned) -> Ordering {
    let key = |one: &Assigned| (one.since, one.in_tenant);
    key(one)
        .cmp(&key(other))
        .then_with(|| one.role.cmp(&other.role))
}

/// An assignment that may become one of those that a token rests on.
struct Candidate<'a> {
    one: Assigned,
    addition: Addition<'a>,
    gives: BTreeSet<&'a Permission>,
}

/// The assignments that were chosen so far, with all that is counted of them.
struct Choice<'a> {
    together: Together<'a>,
    chosen: Vec<Assigned>,
    given: BTreeSet<&'a Permission>,
    waiting: Vec<Candidate<'a>>,
}

impl<'a> Choice<'a> {
    fn take(&mut self, candidate: Candidate<'a>) {
        self.together.add(candidate.addition);
        self.given.extend(candidate.gives);
        self.chosen.push(candidate.one);
    }

    /// Takes the first assignment that is wanted, if possible one that can be active beside those already chosen.
    fn take_one(&mut self, is_wanted: impl Fn(&Candidate<'a>) -> bool) {
        let fits = |one: &Candidate<'a>| !self.together.conflicts_with(&one.addition);
        let mut waiting = self.waiting.iter();
        let fitting = waiting.position(|one| is_wanted(one) && fits(one));
        let first = || self.waiting.iter().position(&is_wanted);
        if let Some(position) = fitting.or_else(first) {
            let candidate = self.waiting.remove(position);
            self.take(candidate);
        }
    }
}

/// Returns true if a token that rests on all these assignments would have too many roles of a constraint active.
fn is_conflict<'a>(mut together: Together<'a>, all: &[Candidate<'a>]) -> bool {
    for candidate in all {
        if together.conflicts_with(&candidate.addition) {
            return true;
        }
        together.add(candidate.addition.clone());
    }
    false
}

#[cfg(test)]
mod tests;
