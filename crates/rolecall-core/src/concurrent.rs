//! Finds assignments that are in force together: in each tenant, and at each moment at which that changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AssignmentStatus, Policy, RoleAssignment, RoleName, TenantName, Timestamp};

/// Assignments of one subject that are in force at the same moment, in one tenant or globally.
#[derive(Clone, Debug)]
pub(crate) struct Concurrent<'a> {
    /// The tenant; `None` outside any tenant, where only global assignments count.
    pub(crate) tenant: Option<&'a TenantName>,
    pub(crate) assignments: Vec<&'a RoleAssignment>,
}

/// Returns every combination of `assignments` that is in force together at `now` or later.
///
/// There is one for each tenant that is named, and one outside any tenant, at `now` and at each later moment at which
/// an assignment begins or ends.
pub(crate) fn concurrent_assignments<'a>(
    assignments: &[&'a RoleAssignment],
    now: Timestamp,
) -> impl Iterator<Item = Concurrent<'a>> {
    let named = assignments
        .iter()
        .map(|assignment| assignment.tenant.as_ref());
    let tenants: BTreeSet<Option<&'a TenantName>> = named.chain([None]).collect();
    tenants.into_iter().flat_map(move |tenant| {
        let all = assignments.iter().copied();
        let in_tenant: Vec<&'a RoleAssignment> = all
            .filter(|one| one.tenant.is_none() || one.tenant.as_ref() == tenant)
            .collect();
        let moments = moments_of_change(&in_tenant, now);
        moments.into_iter().map(move |moment| Concurrent {
            tenant,
            assignments: in_tenant
                .iter()
                .filter(|one| one.status(tenant, moment) == AssignmentStatus::InForce)
                .copied()
                .collect(),
        })
    })
}

/// Returns `now` and each later time at which an assignment begins or ends.
fn moments_of_change(assignments: &[&RoleAssignment], now: Timestamp) -> BTreeSet<Timestamp> {
    let bounds = assignments
        .iter()
        .flat_map(|assignment| [assignment.valid_from, assignment.expires_at]);
    let later = bounds.flatten().filter(|moment| *moment > now);
    later.chain([now]).collect()
}

/// The closure of each assigned role: the role itself and all roles that it inherits.
#[derive(Clone, Debug)]
pub(crate) struct Closures<'a>(BTreeMap<&'a RoleName, BTreeSet<RoleName>>);

impl<'a> Closures<'a> {
    /// Computes the closures under `policy`.
    pub(crate) fn new(policy: &Policy, assignments: &'a [RoleAssignment]) -> Self {
        let roles = assignments.iter().map(|assignment| &assignment.role);
        Self(roles.map(|role| (role, policy.closure([role]))).collect())
    }

    /// Returns true if `role` is or inherits one of `others`.
    pub(crate) fn contains_any(&self, role: &RoleName, others: &BTreeSet<&RoleName>) -> bool {
        self.closure(role).any(|role| others.contains(role))
    }

    /// Returns the roles that a subject holds through these assignments.
    ///
    /// An assignment within a tenant never gives a reserved role.
    pub(crate) fn held_roles(&self, concurrent: &Concurrent<'_>) -> BTreeSet<&RoleName> {
        let held = concurrent.assignments.iter().flat_map(|assignment| {
            self.closure(&assignment.role)
                .filter(|role| assignment.can_give_role(role))
        });
        held.collect()
    }

    fn closure(&self, role: &RoleName) -> impl Iterator<Item = &RoleName> {
        self.0.get(role).into_iter().flatten()
    }
}
