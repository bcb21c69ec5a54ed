//! The limits of a policy. The work for a policy grows with its size, so every way to change one checks them.

use rolecall_core::{Policy, PolicySize};

use crate::{error::ApiError, settings::PolicyLimits};

/// Refuses rules that exceed a limit, before anything is computed from them. A policy that exceeds it already may
/// shrink.
pub(crate) fn check_size(
    limits: &PolicyLimits,
    before: PolicySize,
    after: PolicySize,
) -> Result<(), ApiError> {
    for (what, key, limit, before, after) in [
        (
            "roles",
            "max_roles",
            limits.roles,
            before.roles,
            after.roles,
        ),
        (
            "permissions",
            "max_permissions",
            limits.permissions,
            before.permissions,
            after.permissions,
        ),
        (
            "permissions and wildcards held by roles",
            "max_grants",
            limits.grants,
            before.grants,
            after.grants,
        ),
        (
            "roles inherited by roles",
            "max_edges",
            limits.edges,
            before.edges,
            after.edges,
        ),
    ] {
        if after > limit && after > before {
            return Err(too_large(what, key, limit, after));
        }
    }
    Ok(())
}

/// Refuses a policy that exceeds a limit, by its rules or by what its roles give. A policy that exceeds it already may
/// shrink.
pub(crate) fn check_policy(
    limits: &PolicyLimits,
    before: &Policy,
    after: &Policy,
) -> Result<(), ApiError> {
    check_size(limits, before.size(), after.size())?;
    let effects = after.effects();
    if effects > limits.effects && effects > before.effects() {
        let what = "permissions and inherited roles, counted for each role that gives them";
        return Err(too_large(what, "max_effects", limits.effects, effects));
    }
    Ok(())
}

fn too_large(what: &str, key: &str, limit: usize, wanted: usize) -> ApiError {
    ApiError::PolicyTooLarge(format!(
        "the policy would have {wanted} {what}; `policy.{key}` allows {limit}"
    ))
}
