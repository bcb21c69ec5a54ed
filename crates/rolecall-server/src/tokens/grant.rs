//! The grant of a token, at login and at a refresh.

use std::collections::BTreeSet;

use rolecall_core::{ConstraintScope, Policy, RoleName, first_breach};

use super::{
    effective::EffectiveScope,
    error::TokenError,
    holder::{Grant, TokenSubject},
    requested::RequestedScope,
    selection::{self, Asked},
    together::Together,
};

/// The scope that a session was opened with: as requested, and as granted.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionScope {
    pub(crate) asked: Option<RequestedScope>,
    pub(crate) granted: Option<RequestedScope>,
}

/// Returns the grant at login, limited to the requested scope.
///
/// # Errors
///
/// `invalid_scope` if something was asked for that the holder does not have, a tenant among it.
pub(crate) fn grant(
    holder: &TokenSubject<'_>,
    asked: Option<&RequestedScope>,
) -> Result<Grant, TokenError> {
    let wanted = Asked::of(asked.into_iter());
    let lasting = selection::lasting_enough(holder, &wanted);
    let holder = &holder.resting_on(&lasting);
    if let Some(tenant) = holder.tenant
        && !holder.is_in_tenant()
    {
        // the answer does not show whether the tenant exists
        if holder
            .with_all_assurance()
            .is_some_and(|one| one.is_in_tenant())
        {
            return Err(TokenError::StepUp(format!("tenant {tenant}")));
        }
        return Err(TokenError::InvalidScope(format!(
            "you have no role in tenant {tenant}"
        )));
    }
    let whole = EffectiveScope::of(holder);
    let compatible = selection::compatible(holder, &wanted);
    let holder = &holder.resting_on(&compatible);
    let held = EffectiveScope::of(holder);
    let Some(asked) = asked else {
        return Ok(held.granted(holder));
    };
    refuse_beyond(holder, asked, &whole, &[])?;
    let mut granted = held.narrow(holder.policy, asked).granted(holder);
    granted.narrowed = is_narrowed(holder.policy, whole, std::iter::once(asked), &granted);
    Ok(granted)
}

/// Returns the grant at a refresh: the scope of the session, without what was lost since. `requested`
/// narrows this one token.
///
/// # Errors
///
/// `invalid_scope` if something is requested that the session was never granted.
pub(crate) fn regrant(
    holder: &TokenSubject<'_>,
    session: &SessionScope,
    requested: Option<&RequestedScope>,
) -> Result<Grant, TokenError> {
    let scopes = || session.asked.iter().chain(requested);
    let wanted = Asked::of(scopes());
    let lasting = selection::lasting_enough(holder, &wanted);
    let holder = &holder.resting_on(&lasting);
    let whole = EffectiveScope::of(holder);
    if let Some(requested) = requested {
        let known: Vec<&RequestedScope> = [&session.asked, &session.granted]
            .into_iter()
            .flatten()
            .collect();
        let before = session.asked.iter();
        let before = before.fold(whole.clone(), |held, one| held.narrow(holder.policy, one));
        refuse_beyond(holder, requested, &before, &known)?;
    }
    let compatible = selection::compatible(holder, &wanted);
    let holder = &holder.resting_on(&compatible);
    let held = EffectiveScope::of(holder);
    let held = scopes().fold(held, |held, one| held.narrow(holder.policy, one));
    let mut granted = held.granted(holder);
    granted.narrowed = is_narrowed(holder.policy, whole, scopes(), &granted);
    Ok(granted)
}

/// Returns `true` if a token carries less than its subject could have at once.
///
/// A subject that may not have all its roles active together must choose some. A token with as many of them as the
/// constraints allow, and with all their permissions, is not narrowed. `whole` is the scope before it was narrowed, and
/// `requested` the scopes that narrowed it.
fn is_narrowed<'a>(
    policy: &Policy,
    whole: EffectiveScope,
    mut requested: impl Iterator<Item = &'a RequestedScope>,
    granted: &Grant,
) -> bool {
    let by_roles_alone = whole.named.is_none() && requested.all(|one| one.permissions.is_empty());
    if !granted.narrowed || !by_roles_alone {
        return granted.narrowed;
    }
    let roles = whole.roles();
    if policy.dynamic_breach(&roles).is_none() || !is_maximal(policy, &roles, &granted.roles) {
        return true;
    }
    let same_roles = RequestedScope {
        roles: granted.roles.clone(),
        ..RequestedScope::default()
    };
    whole.narrow(policy, &same_roles).permissions != granted.permissions
}

/// A value beyond what is held is refused, never dropped in silence.
fn refuse_beyond(
    holder: &TokenSubject<'_>,
    asked: &RequestedScope,
    held: &EffectiveScope,
    known: &[&RequestedScope],
) -> Result<(), TokenError> {
    match held.first_beyond(asked, known) {
        Some(value) if has_beyond(holder, asked, known) => Err(TokenError::StepUp(value)),
        Some(value) => Err(TokenError::InvalidScope(format!(
            "{value} is not among what you hold"
        ))),
        None => Ok(()),
    }
}

/// Returns true if a session of the highest assurance has all that is asked for.
fn has_beyond(
    holder: &TokenSubject<'_>,
    asked: &RequestedScope,
    known: &[&RequestedScope],
) -> bool {
    let highest = holder.with_all_assurance();
    highest.is_some_and(|holder| {
        EffectiveScope::of(&holder)
            .first_beyond(asked, known)
            .is_none()
    })
}

/// Refuses a token for which too many roles of a constraint were asked for: the client must choose. Roles that were not
/// asked for are left out instead.
pub(crate) fn check_active(holder: &TokenSubject<'_>, granted: &Grant) -> Result<(), TokenError> {
    match holder.policy.dynamic_breach(&granted.active) {
        Some(breach) => Err(TokenError::ChooseRoles(Box::new(breach))),
        None => Ok(()),
    }
}

/// A client has no sessions, so a constraint per subject counts all roles that it has.
pub(crate) fn check_held_together(holder: &TokenSubject<'_>) -> Result<(), TokenError> {
    let assigned = holder.assigned.iter().map(|one| &one.role);
    let roles = holder.policy.closure(assigned);
    let constraints = holder.policy.constraints();
    let constraints = constraints.filter(|(_, one)| one.per == ConstraintScope::Subject);
    match first_breach(constraints, |role| roles.contains(role)) {
        Some(breach) => Err(TokenError::ChooseRoles(Box::new(breach))),
        None => Ok(()),
    }
}

/// Returns true if `active` leaves out of `whole` only what a constraint does not allow beside it: then a token has as
/// much as its holder can have at once.
fn is_maximal(policy: &Policy, whole: &BTreeSet<RoleName>, active: &BTreeSet<RoleName>) -> bool {
    let mut left_out = whole.difference(active);
    let Some(mut together) = Together::beside(None, policy, false) else {
        return left_out.next().is_none();
    };
    let present = together.listed(active);
    together.add(present);
    left_out.all(|role| {
        let more = policy.closure([role]);
        // what no token of this kind carries is not in the way
        let more = more.iter().filter(|one| whole.contains(*one));
        together.conflicts_with(&together.listed(more))
    })
}

#[cfg(test)]
mod tests;
