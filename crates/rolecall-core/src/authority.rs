use std::collections::BTreeSet;

use crate::{
    Permission, PermissionPattern, Policy, RoleName, assignment::pattern_counts_in_tenant,
};

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
    /// From a role that was to be acted on to the one that holds the first of these, both included.
    pub path: Vec<RoleName>,
}

/// Where what a role gives is to count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Everywhere,
    /// In one tenant, where rolecall's own does not count but for giving and taking roles.
    Tenant,
}

impl Extent {
    fn has(self, pattern: &PermissionPattern) -> bool {
        self == Self::Everywhere || pattern_counts_in_tenant(pattern)
    }

    fn has_role(self, role: &RoleName) -> bool {
        self == Self::Everywhere || !role.is_reserved()
    }
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

    /// What the holder of `roles` within a tenant may hand on there: of rolecall's own permissions only those
    /// to give and take roles, and of its own roles none (see [`counts_in_tenant`](crate::counts_in_tenant)).
    pub fn in_tenant<'a>(
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        any: &Permission,
    ) -> Self {
        let Self {
            mut patterns,
            mut roles,
            unlimited,
        } = Self::of(policy, roles, any);
        patterns.retain(|pattern| Extent::Tenant.has(pattern));
        roles.retain(|role| Extent::Tenant.has_role(role));
        Self {
            patterns,
            roles,
            unlimited,
        }
    }

    /// Both together: what is held globally and what is held in the tenant that is acted in.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.patterns.extend(other.patterns);
        self.roles.extend(other.roles);
        self.unlimited |= other.unlimited;
        self
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
        self.covers_what_counts(policy, roles, open, Extent::Everywhere)
    }

    /// The same for roles that are held within a tenant: of what they hold, that weighs which counts there.
    ///
    /// # Errors
    ///
    /// The [`Excess`]: what is lacking.
    pub fn covers_in_tenant<'a>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        open: &BTreeSet<RoleName>,
    ) -> Result<(), Excess> {
        self.covers_what_counts(policy, roles, open, Extent::Tenant)
    }

    fn covers_what_counts<'a>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'a RoleName>,
        open: &BTreeSet<RoleName>,
        extent: Extent,
    ) -> Result<(), Excess> {
        if self.unlimited {
            return Ok(());
        }
        let targets: Vec<&RoleName> = roles.into_iter().collect();
        let closure = policy.closure(targets.iter().copied());
        let works_by_its_name = |role: &&RoleName| {
            extent.has_role(role)
                && policy
                    .role(role.as_str())
                    .is_some_and(|rules| !rules.permissions.iter().any(|one| extent.has(one)))
        };
        let lacking_roles = closure
            .iter()
            .filter(works_by_its_name)
            .filter(|role| !self.roles.contains(*role) && !open.contains(*role));
        let mut needed = policy.patterns_of(&closure);
        needed.retain(|pattern| extent.has(pattern));
        self.settle(needed, lacking_roles.cloned().collect())
            .map_err(|excess| Excess {
                path: way_to(policy, &targets, &closure, &excess),
                ..excess
            })
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
            Err(Excess {
                permissions,
                roles,
                path: Vec::new(),
            })
        }
    }
}

/// From one of `targets` down to a role of their `closure` that holds the first thing that is lacking.
fn way_to(
    policy: &Policy,
    targets: &[&RoleName],
    closure: &BTreeSet<RoleName>,
    excess: &Excess,
) -> Vec<RoleName> {
    let holds = |role: &&RoleName| match excess.permissions.first() {
        Some(first) => {
            let rules = policy.role(role.as_str());
            rules.is_some_and(|rules| rules.permissions.contains(first))
        }
        None => excess.roles.first() == Some(*role),
    };
    let ways = closure.iter().filter(holds).flat_map(|holder| {
        let ways = targets.iter();
        ways.filter_map(move |target| policy.path(target, holder))
    });
    ways.min_by_key(Vec::len).unwrap_or_default()
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
    fn a_refusal_names_the_way_to_what_is_lacking() {
        let way = |holder: &[&str], target| covers(holder, target).unwrap_err().path;
        assert_eq!(way(&[], "reader"), [role("reader")]);
        assert_eq!(way(&["writer"], "all-items"), [role("all-items")]);
        assert_eq!(way(&["boss"], "chief"), [role("chief"), role("reader")]);
        assert_eq!(way(&["reader"], "chief"), [role("chief")]);
        assert_eq!(way(&[], "boss"), [role("boss")]);
        let two = authority(&["named"]).covers(
            &policy(),
            [&role("named"), &role("chief")],
            &BTreeSet::new(),
        );
        assert_eq!(two.unwrap_err().path, [role("chief"), role("reader")]);
    }

    #[test]
    fn what_is_held_in_a_tenant_reaches_no_further_than_what_counts_there() {
        let mut rules = PolicyBuilder::default();
        let own = ["users:write", "assignments:any", "assignments:write"];
        for permission in own.map(|name| format!("rolecall.{name}")) {
            rules.permission(permission.parse().unwrap());
        }
        rules.permission("items:read".parse().unwrap());
        let mut grant = |to: &str, what: &str| {
            rules.grant(role(to), what.parse().unwrap());
        };
        grant("rolecall.admin", "rolecall.users:write");
        grant("rolecall.admin", ANY);
        grant("helper", "rolecall.users:write");
        grant("helper", "items:read");
        grant("giver", "rolecall.assignments:write");
        grant("named", "rolecall.users:write");
        let policy = rules.build().unwrap();
        let (any, open) = (ANY.parse().unwrap(), BTreeSet::new());
        let local = |name: &str| Authority::in_tenant(&policy, [&role(name)], &any);
        let global = |name: &str| Authority::of(&policy, [&role(name)], &any);
        let users = "rolecall.users:write".parse().unwrap();
        assert!(!local("helper").holds(&users) && global("helper").holds(&users));
        assert!(local("giver").holds(&"rolecall.assignments:write".parse().unwrap()));
        assert!(!local("rolecall.admin").holds(&users) && local("rolecall.admin").is_unlimited());
        // within the tenant `helper` gives `items:read`, and whoever holds that may give it there
        let both = global("giver").and(local("helper"));
        assert!(
            both.covers_in_tenant(&policy, [&role("helper")], &open)
                .is_ok()
        );
        assert!(both.covers(&policy, [&role("helper")], &open).is_err());
        // what holds nothing that counts there works by its name, and must be held itself
        let named = both.covers_in_tenant(&policy, [&role("named")], &open);
        assert_eq!(named.unwrap_err().roles, [role("named")]);
        assert!(
            local("named")
                .covers_in_tenant(&policy, [&role("named")], &open)
                .is_ok()
        );
        // a reserved role gives its name to nobody there
        let admin = both.covers_in_tenant(&policy, [&role("rolecall.admin")], &open);
        let excess = admin.unwrap_err();
        assert_eq!(
            (excess.permissions, excess.roles),
            (vec![any.clone().into()], vec![])
        );
    }

    #[test]
    fn a_reserved_role_that_works_by_its_name_is_not_handed_on_but_in_a_tenant_where_it_counts_for_nothing()
     {
        let mut rules = PolicyBuilder::default();
        rules.permission("rolecall.users:write".parse().unwrap());
        rules.grant(
            role("rolecall.users"),
            "rolecall.users:write".parse().unwrap(),
        );
        rules.role(role("rolecall.named")).role(role("plain"));
        let (policy, nobody) = (rules.build().unwrap(), BTreeSet::new());
        let of = |holder: &str| Authority::of(&policy, &[role(holder)], &ANY.parse().unwrap());
        let named = [&role("rolecall.named")];
        let excess = of("plain").covers(&policy, named, &nobody).unwrap_err();
        assert_eq!(excess.roles, [role("rolecall.named")]);
        assert!(of("rolecall.named").covers(&policy, named, &nobody).is_ok());
        for counts_for_nothing in ["rolecall.named", "rolecall.users"] {
            let target = [&role(counts_for_nothing)];
            let plain = of("plain").covers_in_tenant(&policy, target, &nobody);
            assert_eq!(plain, Ok(()), "{counts_for_nothing}");
        }
        assert!(Authority::unlimited().is_unlimited());
        // whichever of the two lifts the limit
        assert!(Authority::unlimited().and(of("plain")).is_unlimited());
        assert!(of("plain").and(Authority::unlimited()).is_unlimited());
        assert!(!of("plain").and(of("plain")).is_unlimited());
        let held = Authority::in_tenant(&policy, &[role("rolecall.named")], &ANY.parse().unwrap());
        assert!(held.covers(&policy, named, &nobody).is_err());
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
