use std::collections::BTreeSet;

use crate::{Permission, PermissionPattern, Policy, RoleName};

/// What somebody may hand on: all that they hold themselves (the delegation limit).
///
/// The limit is ours (ANSI INCITS 359 has no administrative model); it follows ARBAC97's idea that one
/// grants at most what one administers. A role that holds no permission itself works by its name alone, so
/// it must be held itself before it can be handed on, unless it is among the `open` roles that everyone
/// gets by registering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    patterns: BTreeSet<PermissionPattern>,
    roles: BTreeSet<RoleName>,
    unlimited: bool,
}

/// What is lacking to act on something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    /// Permissions that the thing acted on holds and the caller does not.
    pub permissions: Vec<PermissionPattern>,
    /// Roles without permissions of their own that it holds and the caller does not.
    pub roles: Vec<RoleName>,
}

impl Authority {
    /// Everything: the command line on the machine itself, and rolecall at its first start.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            unlimited: true,
            ..Self::default()
        }
    }

    /// What the holder of `roles` may hand on; `any` is the permission that lifts the limit.
    pub fn of<'a>(
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        any: &Permission,
    ) -> Self {
        let roles = policy.closure(roles);
        let patterns = policy.patterns_of(&roles);
        let unlimited = patterns.iter().any(|pattern| pattern.matches(any));
        Self {
            patterns,
            roles,
            unlimited,
        }
    }

    /// Cuts the authority to what a token carries: a token narrowed on purpose hands on no more.
    ///
    /// A wildcard stays only if the token carries every permission of its object.
    #[must_use]
    pub fn cut_to(
        self,
        policy: &Policy,
        roles: &BTreeSet<RoleName>,
        scope: &BTreeSet<Permission>,
        any: &Permission,
    ) -> Self {
        let unlimited = self.unlimited && scope.contains(any);
        let carried = |pattern: &PermissionPattern| match pattern.as_permission() {
            Some(permission) => scope.contains(&permission),
            None => policy
                .permissions()
                .filter(|permission| pattern.matches(permission))
                .all(|permission| scope.contains(permission)),
        };
        let held: BTreeSet<PermissionPattern> = scope
            .iter()
            .filter(|permission| self.holds(permission))
            .cloned()
            .map(PermissionPattern::from)
            .collect();
        Self {
            patterns: self
                .patterns
                .into_iter()
                .filter(carried)
                .chain(held)
                .collect(),
            roles: self.roles.intersection(roles).cloned().collect(),
            unlimited,
        }
    }

    /// Whether the limit is lifted.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.unlimited
    }

    /// Whether `permission` is held. Being unlimited is not holding everything.
    #[must_use]
    pub fn holds(&self, permission: &Permission) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(permission))
    }

    /// Whether all that `roles` hold and inherit may be acted on.
    ///
    /// # Errors
    ///
    /// The [`Excess`]: what is lacking.
    pub fn covers<'a>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        open: &BTreeSet<RoleName>,
    ) -> Result<(), Excess> {
        if self.unlimited {
            return Ok(());
        }
        let closure = policy.closure(roles);
        let lacking_roles = closure
            .iter()
            .filter(|role| {
                policy
                    .role(role.as_str())
                    .is_some_and(|rules| rules.permissions.is_empty())
            })
            .filter(|role| !self.roles.contains(*role) && !open.contains(*role));
        self.settle(
            policy.patterns_of(&closure),
            lacking_roles.cloned().collect(),
        )
    }

    /// Whether `pattern` may be handed on.
    ///
    /// # Errors
    ///
    /// The [`Excess`]: the pattern itself.
    pub fn covers_pattern(&self, pattern: &PermissionPattern) -> Result<(), Excess> {
        if self.unlimited {
            return Ok(());
        }
        self.settle([pattern.clone()], Vec::new())
    }

    fn settle(
        &self,
        needed: impl IntoIterator<Item = PermissionPattern>,
        roles: Vec<RoleName>,
    ) -> Result<(), Excess> {
        let held = |needed: &PermissionPattern| match needed.as_permission() {
            Some(permission) => self.holds(&permission),
            // who holds today's permissions of an object does not hold tomorrow's
            None => self.patterns.contains(needed.as_str()),
        };
        let permissions: Vec<_> = needed
            .into_iter()
            .filter(|pattern| !held(pattern))
            .collect();
        if permissions.is_empty() && roles.is_empty() {
            Ok(())
        } else {
            Err(Excess { permissions, roles })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyBuilder;

    const ANY: &str = "rolecall.assignments:any";

    fn role(name: &str) -> RoleName {
        name.parse().unwrap()
    }

    fn policy() -> Policy {
        let mut rules = PolicyBuilder::default();
        for permission in ["items:read", "items:write", ANY] {
            rules.permission(permission.parse().unwrap());
        }
        rules.grant(role("reader"), "items:read".parse().unwrap());
        rules
            .grant(role("writer"), "items:write".parse().unwrap())
            .inherit(role("writer"), role("reader"));
        rules.grant(role("all-items"), "items:*".parse().unwrap());
        rules.grant(role("owner"), ANY.parse().unwrap());
        rules
            .role(role("named"))
            .role(role("user"))
            .inherit(role("boss"), role("named"));
        rules.inherit(role("chief"), role("reader"));
        rules.build().unwrap()
    }

    fn authority(roles: &[&str]) -> Authority {
        let roles: Vec<_> = roles.iter().map(|name| role(name)).collect();
        Authority::of(&policy(), &roles, &ANY.parse().unwrap())
    }

    fn covers(holder: &[&str], target: &str) -> Result<(), Excess> {
        authority(holder).covers(&policy(), [&role(target)], &BTreeSet::from([role("user")]))
    }

    #[test]
    fn one_hands_on_what_one_holds_by_whatever_role() {
        assert!(covers(&["writer"], "reader").is_ok());
        assert!(covers(&["all-items"], "writer").is_ok());
        let excess = covers(&["reader"], "writer").unwrap_err();
        assert_eq!(excess.permissions, ["items:write".parse().unwrap()]);
    }

    #[test]
    fn a_wildcard_is_not_covered_by_todays_permissions() {
        let excess = covers(&["writer"], "all-items").unwrap_err();
        assert_eq!(excess.permissions, ["items:*".parse().unwrap()]);
        assert!(covers(&["all-items"], "all-items").is_ok());
    }

    #[test]
    fn a_role_that_works_by_its_name_must_be_held_itself() {
        assert_eq!(
            covers(&["writer"], "named").unwrap_err().roles,
            [role("named")]
        );
        assert_eq!(
            covers(&["named"], "boss").unwrap_err().roles,
            [role("boss")]
        );
        assert_eq!(
            covers(&["reader"], "chief").unwrap_err().roles,
            [role("chief")],
            "what it inherits does not make its name harmless"
        );
        assert!(covers(&["boss"], "named").is_ok());
        assert!(
            covers(&[], "user").is_ok(),
            "open to everyone who registers"
        );
    }

    #[test]
    fn the_lifting_permission_lifts_and_a_narrowed_token_lowers_again() {
        assert!(covers(&["owner"], "all-items").is_ok());
        let any = ANY.parse().unwrap();
        let cut = authority(&["owner"]).cut_to(
            &policy(),
            &BTreeSet::from([role("owner")]),
            &BTreeSet::new(),
            &any,
        );
        assert!(!cut.is_unlimited());
        assert!(
            cut.covers(&policy(), [&role("reader")], &BTreeSet::new())
                .is_err()
        );
    }

    #[test]
    fn a_cut_wildcard_keeps_the_permissions_that_the_token_carries() {
        let any = ANY.parse().unwrap();
        let cut = |scope: &[&str]| {
            let scope = scope
                .iter()
                .map(|permission| permission.parse().unwrap())
                .collect();
            authority(&["all-items"]).cut_to(&policy(), &BTreeSet::new(), &scope, &any)
        };
        assert!(
            cut(&["items:read"])
                .covers_pattern(&"items:read".parse().unwrap())
                .is_ok()
        );
        assert!(
            cut(&["items:read"])
                .covers_pattern(&"items:*".parse().unwrap())
                .is_err()
        );
        assert!(
            cut(&["items:read", "items:write"])
                .covers_pattern(&"items:*".parse().unwrap())
                .is_ok()
        );
        assert!(
            cut(&["items:read", ANY])
                .covers_pattern(&ANY.parse::<Permission>().unwrap().into())
                .is_err(),
            "a token adds nothing"
        );
    }
}
