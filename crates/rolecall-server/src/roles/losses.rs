//! Tokens that end because roles lose something.

use std::collections::BTreeSet;

use rolecall_core::{Permission, Policy, RoleName};

use super::assignment_store;
use crate::store::{Change, StoreError};

/// The most roles whose losses are computed one by one.
const MAX_COMPARED: usize = 64;

/// The most roles of which it is asked one by one whether somebody has them.
const MAX_ASKED: usize = 64;

/// Ends the tokens with `roles`, by which their holders lose `lost`. `before` is the policy under which the tokens were
/// issued, and the assignments are still there.
///
/// Tokens without the names of roles end only if there is a holder who can have lost something. Otherwise a caller who may
/// change some roles of their own could end the tokens of everybody else, again and again.
pub(crate) async fn end_tokens(
    change: &mut Change<'_>,
    before: &Policy,
    roles: &BTreeSet<RoleName>,
    lost: BTreeSet<Permission>,
) -> Result<(), StoreError> {
    let counts = !lost.is_empty() && is_held(change, before, roles).await?;
    let lost = if counts { lost } else { BTreeSet::new() };
    change.end_roles(roles, lost);
    Ok(())
}

/// Returns true if a subject has one of `roles`, also by inheritance.
async fn is_held(
    change: &mut Change<'_>,
    before: &Policy,
    roles: &BTreeSet<RoleName>,
) -> Result<bool, StoreError> {
    let seniors = before.seniors_of(roles);
    if seniors.len() > MAX_ASKED {
        return Ok(true);
    }
    for role in seniors.iter().chain(roles) {
        if assignment_store::is_given(change.conn(), role).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns what `roles` give under one policy and not under another: perhaps too much if they are very many.
pub(crate) fn between(
    before: &Policy,
    after: &Policy,
    roles: &BTreeSet<RoleName>,
) -> BTreeSet<Permission> {
    if roles.len() > MAX_COMPARED {
        return before.permissions_of(roles);
    }
    let mut lost = BTreeSet::new();
    for role in roles {
        let still = after.effective([role]);
        let given = before.permissions_of([role]);
        let given = given.into_iter();
        lost.extend(given.filter(|permission| !still.allows(permission.as_str())));
    }
    lost
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rolecall_core::PolicyBuilder;

    use super::*;

    const ROLES: [&str; 4] = ["a", "b", "c", "d"];
    const PERMISSIONS: [&str; 3] = ["x:read", "x:write", "y:read"];

    fn policy(grants: &[(usize, usize)], edges: &[(usize, usize)]) -> Policy {
        let mut builder = PolicyBuilder::default();
        for permission in PERMISSIONS {
            builder.permission(permission.parse().unwrap());
        }
        for role in ROLES {
            builder.role(role.parse().unwrap());
        }
        for (role, permission) in grants {
            let permission = PERMISSIONS[*permission].parse().unwrap();
            builder.grant(ROLES[*role].parse().unwrap(), permission);
        }
        for (senior, junior) in edges.iter().filter(|(senior, junior)| senior < junior) {
            let roles = (
                ROLES[*senior].parse().unwrap(),
                ROLES[*junior].parse().unwrap(),
            );
            builder.inherit(roles.0, roles.1);
        }
        builder.build().unwrap()
    }

    fn pairs(of: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
        proptest::collection::vec((0..ROLES.len(), 0..of), 0..6)
    }

    proptest! {
        /// With the roles that an edit names, everything is among the lost that any holder of any role loses.
        #[test]
        fn y372_what_any_holder_loses_is_lost(
            grants in pairs(PERMISSIONS.len()), edges in pairs(ROLES.len()), cut in any::<prop::sample::Index>(),
        ) {
            let edges: Vec<_> = edges.into_iter().filter(|(one, other)| one < other).collect();
            prop_assume!(!edges.is_empty());
            let removed = edges[cut.index(edges.len())];
            let left: Vec<_> = edges.iter().copied().filter(|edge| *edge != removed).collect();
            let (before, after) = (policy(&grants, &edges), policy(&grants, &left));
            let senior: RoleName = ROLES[removed.0].parse().unwrap();
            let junior: RoleName = ROLES[removed.1].parse().unwrap();
            let mut named = before.closure([&junior]);
            named.insert(senior);
            let lost = between(&before, &after, &named);
            for role in ROLES {
                let role: RoleName = role.parse().unwrap();
                let still = after.permissions_of([&role]);
                for gone in before.permissions_of([&role]).difference(&still) {
                    prop_assert!(lost.contains(gone), "{role} loses {gone}");
                }
            }
            for one in &lost {
                let is_lost = ROLES.iter().any(|role| {
                    let role: RoleName = role.parse().unwrap();
                    before.permissions_of([&role]).contains(one) && !after.permissions_of([&role]).contains(one)
                });
                prop_assert!(is_lost, "nobody loses {one}");
            }
        }
    }
}
