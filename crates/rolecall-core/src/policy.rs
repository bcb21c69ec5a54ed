use std::collections::{BTreeMap, BTreeSet};

use crate::{Permission, PermissionPattern, RoleName};

/// What is written down about one role: what it holds itself, and which roles it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleRules {
    /// The permissions and wildcards that the role holds itself.
    pub permissions: BTreeSet<PermissionPattern>,
    /// The roles that it inherits directly (NIST RBAC: its immediate descendants).
    pub juniors: BTreeSet<RoleName>,
}

/// Why a set of rules is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A role inherits a role that does not exist.
    #[error("role `{senior}` inherits `{junior}`, which does not exist")]
    UnknownJunior {
        /// The role that inherits.
        senior: RoleName,
        /// The role that is missing.
        junior: RoleName,
    },
    /// A role holds a permission that does not exist.
    #[error("role `{role}` holds `{permission}`, which does not exist")]
    UnknownPermission {
        /// The role that holds it.
        role: RoleName,
        /// The permission that is missing.
        permission: PermissionPattern,
    },
    /// Roles that inherit each other.
    #[error("roles may not inherit each other: {}", .0.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<RoleName>),
}

/// Collects rules; [`build`](Self::build) checks them and makes a [`Policy`].
#[derive(Clone, Debug, Default)]
pub struct PolicyBuilder {
    roles: BTreeMap<RoleName, RoleRules>,
    permissions: BTreeSet<Permission>,
}

impl PolicyBuilder {
    /// Declares a permission.
    pub fn permission(&mut self, permission: Permission) -> &mut Self {
        self.permissions.insert(permission);
        self
    }

    /// Declares a role, if it is not yet declared.
    pub fn role(&mut self, role: RoleName) -> &mut Self {
        self.roles.entry(role).or_default();
        self
    }

    /// Lets `role` hold `permission`.
    pub fn grant(&mut self, role: RoleName, permission: PermissionPattern) -> &mut Self {
        self.roles
            .entry(role)
            .or_default()
            .permissions
            .insert(permission);
        self
    }

    /// Lets `senior` inherit `junior`.
    pub fn inherit(&mut self, senior: RoleName, junior: RoleName) -> &mut Self {
        self.roles.entry(senior).or_default().juniors.insert(junior);
        self
    }

    /// Checks the rules.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names the first role, permission or cycle that does not fit.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let mut by_object: BTreeMap<Box<str>, BTreeSet<Permission>> = BTreeMap::new();
        for permission in &self.permissions {
            by_object
                .entry(permission.object().into())
                .or_default()
                .insert(permission.clone());
        }
        for (role, rules) in &self.roles {
            if let Some(junior) = rules
                .juniors
                .iter()
                .find(|junior| !self.roles.contains_key(*junior))
            {
                return Err(PolicyError::UnknownJunior {
                    senior: role.clone(),
                    junior: junior.clone(),
                });
            }
            let known = |pattern: &&PermissionPattern| match pattern.wildcard_object() {
                Some(object) => by_object.contains_key(object),
                None => self.permissions.contains(pattern.as_str()),
            };
            if let Some(permission) = rules.permissions.iter().find(|pattern| !known(pattern)) {
                return Err(PolicyError::UnknownPermission {
                    role: role.clone(),
                    permission: permission.clone(),
                });
            }
        }
        let policy = Policy {
            roles: self.roles,
            by_object,
        };
        match policy.find_cycle() {
            Some(path) => Err(PolicyError::Cycle(path)),
            None => Ok(policy),
        }
    }
}

/// Roles, what they hold and inherit: checked, and without cycles.
///
/// ```
/// use rolecall_core::PolicyBuilder;
///
/// let mut rules = PolicyBuilder::default();
/// rules.permission("items:read".parse()?).permission("items:write".parse()?);
/// rules.grant("editor".parse()?, "items:*".parse()?).inherit("editor".parse()?, "user".parse()?).role("user".parse()?);
/// let policy = rules.build()?;
/// assert_eq!(policy.closure([&"editor".parse()?]).len(), 2);
/// assert_eq!(policy.permissions_of([&"editor".parse()?]).len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    roles: BTreeMap<RoleName, RoleRules>,
    by_object: BTreeMap<Box<str>, BTreeSet<Permission>>,
}

impl Policy {
    /// The rules of one role.
    #[must_use]
    pub fn role(&self, role: &str) -> Option<&RoleRules> {
        self.roles.get(role)
    }

    /// All roles, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = (&RoleName, &RoleRules)> {
        self.roles.iter()
    }

    /// All permissions that exist, in the order of their names.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.by_object.values().flatten()
    }

    /// Whether `pattern` names something that exists: a permission, or at least one of an object.
    #[must_use]
    pub fn knows(&self, pattern: &PermissionPattern) -> bool {
        match pattern.as_permission() {
            Some(permission) => self
                .by_object
                .get(permission.object())
                .is_some_and(|of_object| of_object.contains(&permission)),
            None => pattern
                .wildcard_object()
                .is_some_and(|object| self.by_object.contains_key(object)),
        }
    }

    /// `roles` and every role that they inherit; unknown names are left out.
    pub fn closure<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> BTreeSet<RoleName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&RoleName> = roles.into_iter().collect();
        while let Some(role) = open.pop() {
            if let Some((role, rules)) = self.roles.get_key_value(role)
                && found.insert(role.clone())
            {
                open.extend(&rules.juniors);
            }
        }
        found
    }

    /// `role` and every role that inherits it, directly or not.
    #[must_use]
    pub fn seniors(&self, role: &RoleName) -> BTreeSet<RoleName> {
        let mut above: BTreeMap<&RoleName, Vec<&RoleName>> = BTreeMap::new();
        for (senior, rules) in &self.roles {
            for junior in &rules.juniors {
                above.entry(junior).or_default().push(senior);
            }
        }
        let mut found = BTreeSet::new();
        let mut open = vec![role];
        while let Some(role) = open.pop() {
            if self.roles.contains_key(role) && found.insert(role.clone()) {
                open.extend(above.get(role).into_iter().flatten());
            }
        }
        found
    }

    /// What `roles` and all that they inherit hold, wildcards not expanded.
    pub fn patterns_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<PermissionPattern> {
        let closure = self.closure(roles);
        closure
            .iter()
            .filter_map(|role| self.roles.get(role))
            .flat_map(|rules| rules.permissions.clone())
            .collect()
    }

    /// The permissions that `roles` and all that they inherit give, wildcards expanded.
    pub fn permissions_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<Permission> {
        let mut found = BTreeSet::new();
        for pattern in self.patterns_of(roles) {
            match pattern.wildcard_object() {
                Some(object) => {
                    found.extend(self.by_object.get(object).into_iter().flatten().cloned());
                }
                None => found.extend(pattern.as_permission().filter(|_| self.knows(&pattern))),
            }
        }
        found
    }

    /// How `senior` inherits `junior`: the roles from the one to the other, both included.
    #[must_use]
    pub fn path(&self, senior: &RoleName, junior: &RoleName) -> Option<Vec<RoleName>> {
        let mut reached_from: BTreeMap<&RoleName, &RoleName> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([senior]);
        while let Some(role) = open.pop_front() {
            if role == junior {
                let mut path = vec![role.clone()];
                let mut at = role;
                while at != senior {
                    at = reached_from.get(at)?;
                    path.push(at.clone());
                }
                path.reverse();
                return Some(path);
            }
            for next in self
                .roles
                .get(role)
                .into_iter()
                .flat_map(|rules| &rules.juniors)
            {
                if next != senior && !reached_from.contains_key(next) {
                    reached_from.insert(next, role);
                    open.push_back(next);
                }
            }
        }
        None
    }

    /// The cycle that would arise if `senior` inherited `junior`: it begins and ends with `senior`.
    #[must_use]
    pub fn cycle_with(&self, senior: &RoleName, junior: &RoleName) -> Option<Vec<RoleName>> {
        let back = self.path(junior, senior)?;
        Some(std::iter::once(senior.clone()).chain(back).collect())
    }

    /// Takes away roles that nothing below can still reach until none is left, or a cycle is.
    fn find_cycle(&self) -> Option<Vec<RoleName>> {
        let mut juniors_left: BTreeMap<&RoleName, usize> = self
            .roles
            .iter()
            .map(|(role, rules)| (role, rules.juniors.len()))
            .collect();
        let mut above: BTreeMap<&RoleName, Vec<&RoleName>> = BTreeMap::new();
        for (senior, rules) in &self.roles {
            for junior in &rules.juniors {
                above.entry(junior).or_default().push(senior);
            }
        }
        let mut free: Vec<&RoleName> = juniors_left
            .iter()
            .filter(|(_, left)| **left == 0)
            .map(|(role, _)| *role)
            .collect();
        while let Some(role) = free.pop() {
            juniors_left.remove(role);
            for senior in above.get(role).into_iter().flatten() {
                if let Some(left) = juniors_left.get_mut(senior) {
                    *left -= 1;
                    if *left == 0 {
                        free.push(senior);
                    }
                }
            }
        }
        let stuck: BTreeSet<&RoleName> = juniors_left.into_keys().collect();
        // every role left has a junior that is left: walking down must come round
        let mut walk: Vec<&RoleName> = vec![stuck.first()?];
        loop {
            let next = self
                .roles
                .get(*walk.last()?)?
                .juniors
                .iter()
                .find(|junior| stuck.contains(junior))?;
            if let Some(start) = walk.iter().position(|seen| *seen == next) {
                return Some(
                    walk.into_iter()
                        .skip(start)
                        .chain([next])
                        .cloned()
                        .collect(),
                );
            }
            walk.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn role(name: &str) -> RoleName {
        name.parse().unwrap()
    }

    fn policy(edges: &[(&str, &str)]) -> Result<Policy, PolicyError> {
        let mut builder = PolicyBuilder::default();
        for (senior, junior) in edges {
            builder
                .role(role(senior))
                .role(role(junior))
                .inherit(role(senior), role(junior));
        }
        builder.build()
    }

    #[test]
    fn a_diamond_is_no_cycle_and_gives_each_role_once() {
        let policy = policy(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]).unwrap();
        assert_eq!(policy.closure([&role("a")]).len(), 4);
        assert_eq!(policy.seniors(&role("d")).len(), 4);
        assert_eq!(policy.path(&role("a"), &role("d")).unwrap().len(), 3);
        assert_eq!(policy.path(&role("d"), &role("a")), None);
    }

    #[test]
    fn a_cycle_is_named_whole() {
        let error = policy(&[("a", "b"), ("b", "c"), ("c", "b")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "roles may not inherit each other: b -> c -> b"
        );
        let itself = policy(&[("a", "a")]).unwrap_err();
        assert_eq!(
            itself.to_string(),
            "roles may not inherit each other: a -> a"
        );
    }

    #[test]
    fn the_cycle_that_an_edge_would_close_is_named_before_it_is_made() {
        let policy = policy(&[("a", "b"), ("b", "c")]).unwrap();
        let names = |path: Vec<RoleName>| path.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            policy
                .cycle_with(&role("c"), &role("a"))
                .map(names)
                .unwrap(),
            ["c", "a", "b", "c"]
        );
        assert_eq!(
            policy
                .cycle_with(&role("a"), &role("a"))
                .map(names)
                .unwrap(),
            ["a", "a"]
        );
        assert_eq!(policy.cycle_with(&role("a"), &role("c")), None);
    }

    #[test]
    fn unknown_names_are_refused_by_name() {
        let mut builder = PolicyBuilder::default();
        builder.inherit(role("a"), role("ghost"));
        assert!(builder.build().unwrap_err().to_string().contains("`ghost`"));
        let mut builder = PolicyBuilder::default();
        builder.grant(role("a"), "items:read".parse().unwrap());
        assert!(
            builder
                .build()
                .unwrap_err()
                .to_string()
                .contains("`items:read`")
        );
        let mut builder = PolicyBuilder::default();
        builder.grant(role("a"), "items:*".parse().unwrap());
        assert!(
            builder
                .build()
                .unwrap_err()
                .to_string()
                .contains("`items:*`")
        );
    }

    #[test]
    fn x054_a_wildcard_gives_each_operation_of_its_object_and_no_other() {
        let mut builder = PolicyBuilder::default();
        for permission in ["items:read", "items:write", "item:read", "items.x:read"] {
            builder.permission(permission.parse().unwrap());
        }
        builder.grant(role("a"), "items:*".parse().unwrap());
        let given = builder.build().unwrap().permissions_of([&role("a")]);
        assert_eq!(
            given.iter().map(Permission::as_str).collect::<Vec<_>>(),
            ["items:read", "items:write"]
        );
    }

    #[test]
    fn x049_a_chain_of_ten_thousand_roles_is_walked_without_recursion() {
        let mut builder = PolicyBuilder::default();
        for n in 0..10_000 {
            builder
                .role(role(&format!("r{}", n + 1)))
                .inherit(role(&format!("r{n}")), role(&format!("r{}", n + 1)));
        }
        let policy = builder.build().unwrap();
        assert_eq!(policy.closure([&role("r0")]).len(), 10_001);
        assert_eq!(
            policy.path(&role("r0"), &role("r10000")).unwrap().len(),
            10_001
        );
    }

    proptest! {
        /// The model: reachability by repeated squaring of the relation.
        #[test]
        fn closure_and_cycles_agree_with_a_relation_closed_by_loops(edges in proptest::collection::btree_set((0usize..6, 0usize..6), 0..14)) {
            let names: Vec<String> = (0..6).map(|n| format!("r{n}")).collect();
            let mut reach = [[false; 6]; 6];
            for (a, b) in &edges { reach[*a][*b] = true; }
            for k in 0..6 { for a in 0..6 { for b in 0..6 { reach[a][b] |= reach[a][k] && reach[k][b]; } } }
            let mut builder = PolicyBuilder::default();
            for name in &names { builder.role(role(name)); }
            for (a, b) in &edges { builder.inherit(role(&names[*a]), role(&names[*b])); }
            let cyclic = (0..6).any(|n| reach[n][n]);
            match builder.build() {
                Err(PolicyError::Cycle(path)) => {
                    prop_assert!(cyclic);
                    prop_assert_eq!(path.first(), path.last());
                    for pair in path.windows(2) {
                        let index = |r: &RoleName| names.iter().position(|n| n == r.as_str()).unwrap();
                        prop_assert!(edges.contains(&(index(&pair[0]), index(&pair[1]))));
                    }
                }
                Err(other) => prop_assert!(false, "{}", other),
                Ok(policy) => {
                    prop_assert!(!cyclic);
                    for a in 0..6 {
                        let closure = policy.closure([&role(&names[a])]);
                        for b in 0..6 {
                            let inherits = a == b || reach[a][b];
                            prop_assert_eq!(closure.contains(names[b].as_str()), inherits);
                            prop_assert_eq!(policy.seniors(&role(&names[b])).contains(names[a].as_str()), inherits);
                            prop_assert_eq!(policy.path(&role(&names[a]), &role(&names[b])).is_some(), inherits);
                            prop_assert_eq!(policy.cycle_with(&role(&names[b]), &role(&names[a])).is_some(), inherits);
                        }
                    }
                }
            }
        }
    }
}
