//! What assignments come to, in each tenant and at each moment at which that is another set of roles.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Policy, RoleAssignment, RoleName, Standing, TenantName, Timestamp};

/// The assignments that count together, in one tenant or in none.
#[derive(Clone, Debug)]
pub(crate) struct Holding<'a> {
    /// `None` for without a tenant, where global assignments alone count.
    pub(crate) tenant: Option<&'a TenantName>,
    pub(crate) counting: Vec<&'a RoleAssignment>,
}

/// All that `assignments` come to from `now` on: for each tenant that is named and for none, now and at each later
/// beginning and end.
pub(crate) fn holdings<'a>(
    assignments: &[&'a RoleAssignment],
    now: Timestamp,
) -> impl Iterator<Item = Holding<'a>> {
    let named = assignments.iter().map(|given| given.tenant.as_ref());
    let tenants: BTreeSet<Option<&'a TenantName>> = named.chain([None]).collect();
    tenants.into_iter().flat_map(move |tenant| {
        let there = assignments.iter().copied();
        let there: Vec<&'a RoleAssignment> = there
            .filter(|given| given.tenant.is_none() || given.tenant.as_ref() == tenant)
            .collect();
        let moments = moments_of(&there, now);
        moments.into_iter().map(move |moment| Holding {
            tenant,
            counting: there
                .iter()
                .filter(|given| given.standing(tenant, moment) == Standing::InForce)
                .copied()
                .collect(),
        })
    })
}

fn moments_of(assignments: &[&RoleAssignment], now: Timestamp) -> BTreeSet<Timestamp> {
    let turns = assignments
        .iter()
        .flat_map(|given| [given.valid_from, given.expires_at]);
    let later = turns.flatten().filter(|moment| *moment > now);
    later.chain([now]).collect()
}

/// What each assigned role comes to under a policy: itself and all that it inherits.
#[derive(Clone, Debug)]
pub(crate) struct Reach<'a>(BTreeMap<&'a RoleName, BTreeSet<RoleName>>);

impl<'a> Reach<'a> {
    pub(crate) fn of(policy: &Policy, assignments: &'a [RoleAssignment]) -> Self {
        let roles = assignments.iter().map(|given| &given.role);
        Self(roles.map(|role| (role, policy.closure([role]))).collect())
    }

    /// Whether an assigned role comes to one of `members`.
    pub(crate) fn meets(&self, role: &RoleName, members: &BTreeSet<&RoleName>) -> bool {
        self.from(role).any(|role| members.contains(role))
    }

    /// The roles that count where these assignments do; from those of a tenant no reserved ones.
    pub(crate) fn held(&self, holding: &Holding<'_>) -> BTreeSet<&RoleName> {
        let held = holding.counting.iter().flat_map(|given| {
            self.from(&given.role)
                .filter(|role| given.can_give_role(role))
        });
        held.collect()
    }

    fn from(&self, role: &RoleName) -> impl Iterator<Item = &RoleName> {
        self.0.get(role).into_iter().flatten()
    }
}
