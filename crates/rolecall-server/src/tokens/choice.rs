//! Choosing the roles of a session, where a dynamic constraint does not allow all of them together.

use std::collections::BTreeSet;

use rolecall_core::{Breach, Permission, Policy, RoleName};

use super::{
    effective::EffectiveScope,
    holder::TokenSubject,
    requested::RequestedScope,
    selection::{self, Asked},
};

/// A choice that the holder has to make before a token can carry what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenChoice {
    /// The constraint, and those of its roles that the token would have active together.
    pub(crate) breach: Breach,
    /// The roles that can be chosen. A role that inherits too many others of the constraint is not among them.
    pub(crate) options: BTreeSet<RoleName>,
    /// All roles that the token would carry.
    roles: BTreeSet<RoleName>,
    /// The permissions that the request names.
    permissions: BTreeSet<Permission>,
}

/// Returns the choice that is open if `asked` is to be granted as it is; `None` also if it cannot be granted at all.
///
/// Without a choice [`grant`](super::grant::grant) leaves out roles that nobody asked for, the newest first. A person
/// can be asked instead.
pub(crate) fn open_choice(
    holder: &TokenSubject<'_>,
    asked: Option<&RequestedScope>,
) -> Option<OpenChoice> {
    let policy = holder.policy;
    let wanted = Asked::of(asked.into_iter());
    let lasting = selection::lasting_enough(holder, &wanted);
    let holder = &holder.resting_on(&lasting);
    if holder.tenant.is_some() && !holder.is_in_tenant() {
        return None;
    }
    let whole = EffectiveScope::of(holder);
    let Some(asked) = asked else {
        return choice_among(policy, whole.roles(), BTreeSet::new());
    };
    if whole.first_beyond(asked, &[]).is_some() {
        return None;
    }
    let held = if asked.roles.is_empty() {
        // permissions decide which roles are active: they leave a choice only if they need roles that conflict
        let compatible = selection::compatible(holder, &wanted);
        EffectiveScope::of(&holder.resting_on(&compatible))
    } else {
        whole
    };
    let roles = held.narrow(policy, asked).roles();
    choice_among(policy, roles, asked.permissions().clone())
}

/// Returns the roles that a token for `holder` could carry, each of them by itself.
pub(crate) fn nameable_roles(holder: &TokenSubject<'_>) -> BTreeSet<RoleName> {
    EffectiveScope::of(holder).roles()
}

fn choice_among(
    policy: &Policy,
    roles: BTreeSet<RoleName>,
    permissions: BTreeSet<Permission>,
) -> Option<OpenChoice> {
    let breach = policy.dynamic_breach(&roles)?;
    let most = usize::try_from(breach.at_most).unwrap_or(usize::MAX);
    let is_possible = |role: &&RoleName| {
        let active = policy.closure([*role]);
        breach
            .roles
            .iter()
            .filter(|one| active.contains(*one))
            .count()
            <= most
    };
    let options = breach.roles.iter().filter(is_possible).cloned().collect();
    Some(OpenChoice {
        breach,
        options,
        roles,
        permissions,
    })
}

impl OpenChoice {
    /// Returns the scope for these of the options: all that the token would carry without the other roles of the
    /// constraint. `None` if the constraint does not allow them together, or none is chosen.
    ///
    /// A role that inherits one that is left out is left out too; what else it inherits stays.
    pub(crate) fn choose(&self, policy: &Policy, picked: &BTreeSet<RoleName>) -> Option<String> {
        if picked.is_empty() || !picked.is_subset(&self.options) {
            return None;
        }
        let active = policy.closure(picked);
        let (chosen, left_out): (BTreeSet<&RoleName>, BTreeSet<&RoleName>) = self
            .breach
            .roles
            .iter()
            .partition(|role| active.contains(*role));
        let most = usize::try_from(self.breach.at_most).unwrap_or(usize::MAX);
        if chosen.len() > most {
            return None;
        }
        let mut kept: BTreeSet<&RoleName> = BTreeSet::new();
        let mut inherited: BTreeSet<RoleName> = BTreeSet::new();
        for role in &self.roles {
            let mut closure = policy.closure([role]);
            if closure.iter().all(|one| !left_out.contains(one)) {
                kept.insert(role);
                closure.remove(role);
                inherited.extend(closure);
            }
        }
        let named = kept.iter().filter(|role| !inherited.contains(**role));
        let named = named.map(|role| format!("role:{role}"));
        let given = policy.permissions_of(kept.iter().copied());
        let mut permissions: Vec<&Permission> = self.permissions.intersection(&given).collect();
        if permissions.is_empty() {
            // without a name here, the roles would give all that they have
            permissions = self.permissions.iter().collect();
        }
        let permissions = permissions.into_iter().map(ToString::to_string);
        Some(named.chain(permissions).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests;
