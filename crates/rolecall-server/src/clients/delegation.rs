//! The delegation limit for clients that sign people in.

use rolecall_core::{PermissionPattern, RoleName};

use super::{registration::refused_because, sign_in::Consent, store::Client};
use crate::{
    authority::{builtin, rights::Rights},
    error::ApiError,
    reasons::Reason,
    tokens::requested::RequestedScope,
};

/// Applies the delegation limit to what decides who signs in, and who is asked.
///
/// A client whose users are not asked gets in silence what they hold, up to its scope: whoever registers it, or changes
/// where its answers go, could use all of that.
pub(super) fn cover_sign_in(
    rights: &Rights,
    before: Option<&Client>,
    after: &Client,
) -> Result<(), ApiError> {
    let no_roles = Vec::new();
    let who = before.map_or(&no_roles, |before| &before.sign_in.who);
    if *who != after.sign_in.who {
        let unknown = |role: &&RoleName| rights.policy.role(role.as_str()).is_none();
        if let Some(unknown) = after.sign_in.who.iter().find(unknown) {
            let role = unknown.to_string();
            return Err(refused_because("who", Reason::NoRoleToAdmit { role }));
        }
        rights.cover(who.iter().chain(&after.sign_in.who))?;
    }
    if let Some(before) = before.filter(|before| admits_others(before, after)) {
        rights.cover(&before.sign_in.who)?;
    }
    let is_silent = |client: &Client| client.sign_in.consent == Consent::Skip;
    if is_silent(after) {
        cover_ceiling(rights, after)?;
    }
    match before.filter(|before| is_silent(before)) {
        Some(before) => cover_ceiling(rights, before),
        None => Ok(()),
    }
}

/// Returns true if a change beside `who` may let others in, or the same with fewer factors.
fn admits_others(before: &Client, after: &Client) -> bool {
    before.sign_in.tenant != after.sign_in.tenant
        || after.sign_in.acr.acr() < before.sign_in.acr.acr()
        || !after.grants.is_subset(&before.grants)
}

/// Applies the delegation limit to whoever gets the secret of a client, or takes the client away: as to changing it.
pub(super) fn cover_secret(rights: &Rights, client: &Client) -> Result<(), ApiError> {
    match client.sign_in.consent {
        Consent::Skip => cover_ceiling(rights, client),
        Consent::Ask => Ok(()),
    }
}

/// Requires that the caller holds all that tokens through the client may carry.
fn cover_ceiling(rights: &Rights, client: &Client) -> Result<(), ApiError> {
    let ceiling = client.scope.as_deref().and_then(RequestedScope::parse_any);
    let Some(ceiling) = ceiling else {
        // no limit but what its users hold
        let any = PermissionPattern::from(builtin::ANY.clone());
        return rights
            .authority
            .covers_pattern(&any)
            .map_err(ApiError::Exceeds);
    };
    rights.cover(&ceiling.roles)?;
    for permission in ceiling.permissions() {
        let pattern = PermissionPattern::from(permission.clone());
        rights
            .authority
            .covers_pattern(&pattern)
            .map_err(ApiError::Exceeds)?;
    }
    Ok(())
}
