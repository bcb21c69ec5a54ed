//! What a token is granted, at sign-in and at a refresh.

use super::{
    effective::{EffectiveScope, Grant, TokenSubject},
    error::TokenError,
    requested::RequestedScope,
};
use rolecall_core::{Policy, RoleName};
use std::collections::BTreeSet;

/// What a session was opened with: what it asked for, and what it was granted then.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionScope {
    pub(crate) asked: Option<RequestedScope>,
    pub(crate) granted: Option<RequestedScope>,
}

/// What the holder gets at a log-in, of what was `asked` for.
///
/// # Errors
///
/// `invalid_scope` if something was asked for that the holder does not have, a tenant among it.
pub(crate) fn grant(
    holder: &TokenSubject<'_>,
    asked: Option<&RequestedScope>,
) -> Result<Grant, TokenError> {
    if let Some(tenant) = holder.tenant
        && !holder.is_in_tenant()
    {
        // whether there is such a tenant is told to nobody who is not in it
        return Err(TokenError::InvalidScope(format!(
            "you have no role in tenant {tenant}"
        )));
    }
    let held = EffectiveScope::of(holder);
    let Some(asked) = asked else {
        return Ok(held.granted(holder));
    };
    refuse_beyond(asked, &held, &[])?;
    let chosen = Chosen::of(&held, [asked]);
    let granted = held.narrow(holder.policy, asked).granted(holder);
    Ok(chosen.settle(holder.policy, granted))
}

/// What the holder gets at a refresh: what the session asked for, without what was lost since; `requested`
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
    let mut held = EffectiveScope::of(holder);
    let chosen = Chosen::of(&held, session.asked.iter().chain(requested));
    if let Some(asked) = &session.asked {
        held = held.narrow(holder.policy, asked);
    }
    if let Some(requested) = requested {
        let known: Vec<&RequestedScope> = [&session.asked, &session.granted]
            .into_iter()
            .flatten()
            .collect();
        refuse_beyond(requested, &held, &known)?;
        held = held.narrow(holder.policy, requested);
    }
    Ok(chosen.settle(holder.policy, held.granted(holder)))
}

/// All that a holder has who narrowed by roles alone, where no client narrows too.
struct Chosen(Option<EffectiveScope>);

impl Chosen {
    fn of<'a>(held: &EffectiveScope, asked: impl IntoIterator<Item = &'a RequestedScope>) -> Self {
        let by_roles = asked.into_iter().all(|asked| asked.permissions.is_empty());
        Self((by_roles && held.named.is_none()).then(|| held.clone()))
    }

    /// Who has as many roles active as constraints allow, and all that these permit, has not narrowed the token.
    fn settle(self, policy: &Policy, mut granted: Grant) -> Grant {
        let Some(whole) = self.0.filter(|_| granted.narrowed) else {
            return granted;
        };
        let roles = whole.roles();
        if policy.dynamic_breach(&roles).is_some()
            && is_as_much_as_can_be(policy, &roles, &granted.roles)
        {
            let same = RequestedScope {
                roles: granted.roles.clone(),
                ..RequestedScope::default()
            };
            granted.narrowed = whole.narrow(policy, &same).permissions != granted.permissions;
        }
        granted
    }
}

/// A value beyond what is held is refused, never dropped in silence.
fn refuse_beyond(
    asked: &RequestedScope,
    held: &EffectiveScope,
    known: &[&RequestedScope],
) -> Result<(), TokenError> {
    match held.first_beyond(asked, known) {
        Some(value) => Err(TokenError::InvalidScope(format!(
            "{value} is not among what you hold"
        ))),
        None => Ok(()),
    }
}

/// A token that would have too many roles of a constraint active is not made with some of them left out: whoever
/// asks for it chooses.
pub(crate) fn check_active(holder: &TokenSubject<'_>, granted: &Grant) -> Result<(), TokenError> {
    match holder.policy.dynamic_breach(&granted.roles) {
        Some(breach) => Err(TokenError::ChooseRoles(Box::new(breach))),
        None => Ok(()),
    }
}

/// Whether `active` leaves out of `whole` only what a constraint does not allow beside it: then a token has as
/// much as its holder can have at once.
fn is_as_much_as_can_be(
    policy: &Policy,
    whole: &BTreeSet<RoleName>,
    active: &BTreeSet<RoleName>,
) -> bool {
    let mut left_out = whole.difference(active);
    left_out.all(|role| {
        let mut more = policy.closure([role]);
        // what no token of this kind carries is not in the way
        more.retain(|one| whole.contains(one));
        more.extend(active.iter().cloned());
        policy.dynamic_breach(&more).is_some()
    })
}

#[cfg(test)]
mod tests;
