//! The limits of a policy. The work for a policy grows with its size, so every way to change one checks them.

use rolecall_core::{Policy, PolicySize};

use crate::{error::ApiError, reasons::Reason, settings::PolicyLimits};

/// Refuses rules that exceed a limit, before anything is computed from them. A policy that exceeds it already may
/// shrink.
pub(crate) fn check_size(
    limits: &PolicyLimits,
    before: PolicySize,
    after: PolicySize,
) -> Result<(), ApiError> {
    let roles = |wanted, limit| Reason::TooManyRoles { wanted, limit };
    let permissions = |wanted, limit| Reason::TooManyPermissions { wanted, limit };
    let grants = |wanted, limit| Reason::TooManyGrants { wanted, limit };
    let edges = |wanted, limit| Reason::TooManyEdges { wanted, limit };
    let sizes: [(TooMany, usize, usize, usize); 4] = [
        (roles, limits.roles, before.roles, after.roles),
        (
            permissions,
            limits.permissions,
            before.permissions,
            after.permissions,
        ),
        (grants, limits.grants, before.grants, after.grants),
        (edges, limits.edges, before.edges, after.edges),
    ];
    for (reason, limit, before, after) in sizes {
        if after > limit && after > before {
            return Err(too_large(reason, limit, after));
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
        let reason = |wanted, limit| Reason::TooManyEffects { wanted, limit };
        return Err(too_large(reason, limits.effects, effects));
    }
    Ok(())
}

/// Makes the reason from how many are wanted and how many are allowed.
type TooMany = fn(String, String) -> Reason;

fn too_large(reason: TooMany, limit: usize, wanted: usize) -> ApiError {
    let reason = reason(wanted.to_string(), limit.to_string());
    ApiError::PolicyTooLarge(Box::new(reason))
}
