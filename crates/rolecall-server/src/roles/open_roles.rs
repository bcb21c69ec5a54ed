//! The roles that registration gives to everyone: no permission of rolecall's own is among what they give.

use std::collections::BTreeSet;

use rolecall_core::{PermissionPattern, Policy, RoleName};

use crate::{app::App, error::ApiError, reasons::Reason};

/// Refuses a change of the policy through which registration would come to give a permission of rolecall's own.
///
/// A permission that registration gave before does not stand in the way of other changes.
pub(crate) fn check(app: &App, before: &Policy, after: &Policy) -> Result<(), ApiError> {
    let open = &app.settings().registration_roles;
    let known = reserved_patterns(open, before);
    let gained = reserved_patterns(open, after);
    match gained.difference(&known).next() {
        Some(pattern) => Err(refusal(open, after, pattern)),
        None => Ok(()),
    }
}

/// Refuses to grant `pattern` to a role that registration gives.
pub(super) fn check_grant(
    app: &App,
    policy: &Policy,
    role: &RoleName,
    pattern: &PermissionPattern,
) -> Result<(), ApiError> {
    let open = &app.settings().registration_roles;
    if !pattern.is_reserved() || !policy.closure(open).contains(role) {
        return Ok(());
    }
    let reason = reason(Some(role), pattern);
    Err(ApiError::because(reason, vec![role.clone()]))
}

/// Returns the refusal of roles that registration cannot give under the policy in force, or `None` if it can.
pub(crate) async fn violation(app: &App) -> Result<Option<ApiError>, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let open = &app.settings().registration_roles;
    let reserved = reserved_patterns(open, &policy);
    Ok(reserved.first().map(|one| refusal(open, &policy, one)))
}

fn reserved_patterns(open: &BTreeSet<RoleName>, policy: &Policy) -> BTreeSet<PermissionPattern> {
    let mut patterns = policy.patterns_of(open);
    patterns.retain(PermissionPattern::is_reserved);
    patterns
}

/// Returns the refusal, with the path from a role of registration down to the one that holds `pattern`.
fn refusal(open: &BTreeSet<RoleName>, policy: &Policy, pattern: &PermissionPattern) -> ApiError {
    let closure = policy.closure(open);
    let holds = |role: &&RoleName| {
        let rules = policy.role(role.as_str());
        rules.is_some_and(|rules| rules.permissions.contains(pattern))
    };
    let holders = closure.iter().filter(holds);
    let paths = holders.flat_map(|holder| open.iter().filter_map(|from| policy.path(from, holder)));
    let path = paths.min_by_key(Vec::len).unwrap_or_default();
    let reason = reason(path.last(), pattern);
    let roles = path.first().into_iter().cloned().collect();
    ApiError::because_along(reason, roles, path)
}

fn reason(role: Option<&RoleName>, pattern: &PermissionPattern) -> Reason {
    Reason::RegistrationGives {
        role: role.map(ToString::to_string).unwrap_or_default(),
        permission: pattern.to_string(),
    }
}
