//! What a token gives: its permissions, and what of them is held without its tenant.

use std::collections::BTreeSet;

use rolecall_core::{Permission, Policy, RoleName};

use crate::token::VerifiedClaims;

/// Roles and permissions.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) roles: BTreeSet<Box<str>>,
    pub(super) permissions: BTreeSet<Box<str>>,
}

pub(super) fn values_of(scope: &str) -> BTreeSet<Box<str>> {
    let values = scope.split(' ').filter(|name| !name.is_empty());
    values.map(Box::from).collect()
}

/// Returns what the subject of a token for a tenant holds without it: nothing if an older issuer did not write it.
pub(super) fn held_globally(claims: &VerifiedClaims) -> Held {
    let Some(global) = &claims.global else {
        return Held::default();
    };
    // a floor compares the flat list, so a role that is only here could not be revoked
    let is_carried = |role: &&String| claims.roles.binary_search(role).is_ok();
    let roles = global.roles.iter().filter(is_carried);
    Held {
        roles: roles.map(|role| role.as_str().into()).collect(),
        permissions: values_of(global.scope.as_deref().unwrap_or_default()),
    }
}

/// Returns the permissions that `policy` gives to the roles of the token, and sets those of the `global` ones; invalid
/// role names are ignored.
pub(super) fn derive_permissions(
    policy: &Policy,
    claims: &VerifiedClaims,
    global: &mut Option<Held>,
) -> BTreeSet<Box<str>> {
    let acr = claims.acr.unwrap_or_default();
    // INVARIANT: a role that the session does not reach gives nothing, although another role inherits it
    let permissions_of = |roles: &mut dyn Iterator<Item = &str>| {
        let roles: Vec<RoleName> = roles.filter_map(|role| role.parse().ok()).collect();
        policy.permissions_in_token(&roles, acr)
    };
    let names = |permissions: &BTreeSet<Permission>| {
        // INVARIANT: reserved permissions are in the `scope` of a token for a tenant, or not in the token at all
        let counts = |one: &&Permission| claims.tenant.is_none() || !one.is_reserved();
        let permissions = permissions.iter().filter(counts);
        permissions.map(|one| one.as_str().into()).collect()
    };
    if let Some(global) = global {
        let mut roles = global.roles.iter().map(|role| &**role);
        global.permissions = names(&permissions_of(&mut roles));
    }
    let mut roles = claims.roles.iter().map(String::as_str);
    names(&permissions_of(&mut roles))
}
