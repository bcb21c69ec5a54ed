//! Assurance per role: what of a policy a session reaches.

use std::{collections::BTreeSet, sync::Arc};

use super::{builder::PolicyBuilder, model::Policy};
use crate::{Acr, Permission, RoleName};

impl Policy {
    /// Returns the policy as a session with the assurance `acr` has it: without the roles that need more.
    ///
    /// Such a role gives nothing in the session, neither its permissions nor the roles that it inherits, and a role that
    /// inherits it stays without it. What another role gives as well stays. Constraints stay as they are, since a role
    /// that is not there cannot be active.
    ///
    /// ```
    /// use rolecall_core::{Acr, PolicyBuilder};
    ///
    /// let mut rules = PolicyBuilder::default();
    /// rules.permission("invoices:read".parse()?).permission("invoices:pay".parse()?);
    /// rules.grant("clerk".parse()?, "invoices:read".parse()?).inherit("clerk".parse()?, "payer".parse()?);
    /// rules.grant("payer".parse()?, "invoices:pay".parse()?).acr("payer".parse()?, Acr::Aal2);
    /// let policy = rules.build()?;
    ///
    /// let clerk = "clerk".parse()?;
    /// let below = policy.reached_by(Acr::Aal1).effective([&clerk]);
    /// assert!(below.allows("invoices:read") && !below.allows("invoices:pay"));
    /// assert!(policy.reached_by(Acr::Aal2).effective([&clerk]).allows("invoices:pay"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reached_by(&self, acr: Acr) -> Self {
        let above: BTreeSet<RoleName> = self
            .roles()
            .filter(|(_, rules)| rules.acr > acr)
            .map(|(role, _)| role.clone())
            .collect();
        if above.is_empty() {
            return self.clone();
        }
        let mut rules = PolicyBuilder::from(self);
        rules.remove_roles(&above);
        // INVARIANT: without roles, edges only become fewer, so that this never fails; and then nothing is given
        let reached = rules.build_without_constraints().unwrap_or_default();
        Self {
            constraints: Arc::clone(&self.constraints),
            ..reached
        }
    }

    /// Returns `roles` and every role that they inherit, as a session with the assurance `acr` has them: the
    /// [`closure`](Self::closure) under the policy that [`reached_by`](Self::reached_by) returns, without computing that.
    pub fn closure_at<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
        acr: Acr,
    ) -> BTreeSet<RoleName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&RoleName> = roles.into_iter().collect();
        while let Some(role) = open.pop() {
            let reached = self.role(role.as_str()).filter(|one| one.acr <= acr);
            if let Some(reached) = reached
                && found.insert(role.clone())
            {
                open.extend(&reached.juniors);
            }
        }
        found
    }

    /// Returns the permissions that `roles` hold themselves, with wildcards expanded, and without those of the roles that
    /// they inherit.
    pub fn own_permissions_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<Permission> {
        let known = roles
            .into_iter()
            .filter_map(|role| self.role(role.as_str()));
        let held = known.flat_map(|one| &one.permissions);
        held.flat_map(|pattern| self.covered_by(pattern))
            .cloned()
            .collect()
    }

    /// Returns the permissions of a token that names these roles and not their permissions, from a session with the assurance
    /// `acr`.
    ///
    /// Reserved permissions come only from roles that the token names: a server may keep such a role out of a token for
    /// more reasons than the policy states.
    pub fn permissions_in_token<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
        acr: Acr,
    ) -> BTreeSet<Permission> {
        let named: BTreeSet<&RoleName> = roles.into_iter().collect();
        let mut roles = self.closure_at(named.iter().copied(), acr);
        roles.retain(|role| !role.is_reserved() || named.contains(role));
        self.own_permissions_of(&roles)
    }

    /// Returns true if a session with the assurance `acr` has every role of the policy.
    #[must_use]
    pub fn is_reached_by(&self, acr: Acr) -> bool {
        self.roles().all(|(_, rules)| rules.acr <= acr)
    }

    /// Returns the least assurance of a session in which a subject with `roles` has `role`, or `None` if it does not have
    /// it in any.
    ///
    /// That is the highest of the roles on the best path from an assigned role.
    #[must_use]
    pub fn least_acr_of<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName> + Copy,
        role: &RoleName,
    ) -> Option<Acr> {
        let has = |acr: &Acr| self.closure_at(roles, *acr).contains(role);
        Acr::ALL.into_iter().find(has)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Constraint, ConstraintKind, PolicyBuilder};

    const ROLES: usize = 6;

    fn role(number: usize) -> RoleName {
        format!("r{number}").parse().unwrap()
    }

    fn permission(number: usize) -> Permission {
        format!("items:p{number}").parse().unwrap()
    }

    /// Edges from a lower to a higher number, so that there is no cycle, and the assurance of each role.
    fn sketches() -> impl Strategy<Value = (BTreeSet<(usize, usize)>, Vec<Acr>)> {
        let edge = (0..ROLES, 0..ROLES).prop_map(|(one, other)| (one.min(other), one.max(other)));
        let edges = prop::collection::btree_set(edge, 0..12);
        let edges = edges.prop_map(|mut edges| {
            edges.retain(|(one, other)| one != other);
            edges
        });
        (
            edges,
            prop::collection::vec(prop::sample::select(&Acr::ALL), ROLES),
        )
    }

    /// Each role holds the permission with its number.
    fn policy(edges: &BTreeSet<(usize, usize)>, acrs: &[Acr]) -> Policy {
        let mut rules = PolicyBuilder::default();
        for (number, acr) in acrs.iter().enumerate() {
            rules.permission(permission(number));
            rules.grant(role(number), permission(number).into());
            rules.acr(role(number), *acr);
        }
        for (senior, junior) in edges {
            rules.inherit(role(*senior), role(*junior));
        }
        rules.build().unwrap()
    }

    /// The numbers of the roles that `start` gives, by walking only through roles that `acr` reaches.
    fn model(
        edges: &BTreeSet<(usize, usize)>,
        acrs: &[Acr],
        start: usize,
        acr: Acr,
    ) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![start];
        while let Some(one) = open.pop() {
            if acrs[one] <= acr && found.insert(one) {
                open.extend(edges.iter().filter(|edge| edge.0 == one).map(|edge| edge.1));
            }
        }
        found
    }

    proptest! {
        #[test]
        fn what_a_session_has_is_found_by_walking_through_the_roles_that_it_reaches((edges, acrs) in sketches()) {
            let policy = policy(&edges, &acrs);
            for acr in Acr::ALL {
                let reached = policy.reached_by(acr);
                prop_assert_eq!(policy.is_reached_by(acr), acrs.iter().all(|one| *one <= acr));
                for start in 0..ROLES {
                    let expected = model(&edges, &acrs, start, acr);
                    let roles: BTreeSet<RoleName> = expected.iter().copied().map(role).collect();
                    prop_assert_eq!(policy.closure_at([&role(start)], acr), roles.clone());
                    prop_assert_eq!(policy.own_permissions_of(&roles), reached.permissions_of([&role(start)]));
                    prop_assert_eq!(policy.permissions_in_token([&role(start)], acr), reached.permissions_of([&role(start)]));
                    prop_assert_eq!(reached.closure([&role(start)]), roles);
                    let permissions: BTreeSet<Permission> = expected.into_iter().map(permission).collect();
                    prop_assert_eq!(reached.permissions_of([&role(start)]), permissions);
                }
            }
        }

        #[test]
        fn a_session_with_a_higher_assurance_never_has_less((edges, acrs) in sketches()) {
            let policy = policy(&edges, &acrs);
            for pair in Acr::ALL.windows(2) {
                let (lower, higher) = (policy.reached_by(pair[0]), policy.reached_by(pair[1]));
                for start in 0..ROLES {
                    let (lower, higher) = (lower.closure([&role(start)]), higher.closure([&role(start)]));
                    prop_assert!(lower.is_subset(&higher));
                }
            }
            prop_assert_eq!(policy.reached_by(Acr::Phr), policy);
        }

        #[test]
        fn the_least_assurance_of_a_role_is_the_first_that_gives_it((edges, acrs) in sketches(), start in 0..ROLES, wanted in 0..ROLES) {
            let policy = policy(&edges, &acrs);
            let gives = |acr: &Acr| model(&edges, &acrs, start, *acr).contains(&wanted);
            let expected = Acr::ALL.into_iter().find(gives);
            prop_assert_eq!(policy.least_acr_of([&role(start)], &role(wanted)), expected);
        }
    }

    #[test]
    fn a_token_without_permissions_gives_reserved_ones_only_by_the_names_of_their_roles() {
        let mut rules = crate::builtin::rules();
        let admin: RoleName = "rolecall.admin".parse().unwrap();
        rules.permission("items:read".parse().unwrap());
        rules.grant(role(0), "items:read".parse().unwrap());
        rules
            .inherit(role(0), admin.clone())
            .inherit(role(1), role(0));
        let policy = rules.build().unwrap();
        let given =
            |roles: &[&RoleName]| policy.permissions_in_token(roles.iter().copied(), Acr::Aal1);
        assert_eq!(given(&[&role(1)]), ["items:read".parse().unwrap()].into());
        assert_eq!(
            given(&[&role(1), &admin]),
            policy.permissions_of([&role(1)])
        );
    }

    #[test]
    fn a_constraint_may_name_a_role_that_is_not_reached() {
        let mut rules = PolicyBuilder::default();
        rules.role(role(0)).acr(role(1), Acr::Aal2);
        let both = [role(0), role(1)].into();
        let constraint = Constraint::new(ConstraintKind::Dynamic, both, 1).unwrap();
        rules.constraint("c".parse().unwrap(), constraint);
        let below = rules.build().unwrap().reached_by(Acr::Aal1);
        assert_eq!(below.closure([&role(0), &role(1)]), [role(0)].into());
        assert!(below.constraint("c").is_some());
    }
}
