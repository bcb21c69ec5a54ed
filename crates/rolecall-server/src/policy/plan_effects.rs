//! The effects of a plan: how many roles and subjects gain or lose something, and what the first of them do.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    AssignmentStatus, RoleAssignment, RoleName, TenantName, Timestamp,
    document::{EffectSummary, PolicyChange, PolicyComparison, RoleEffect},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::roles::holder_store;

/// The changes that a document would make.
pub(crate) struct Plan {
    /// The tag of the policy that is in force.
    pub(crate) tag: String,
    pub(crate) changes: Vec<PolicyChange>,
    /// Roles with the permissions and roles that they gain and lose, by name: as many as are shown.
    pub(crate) roles: Vec<(RoleName, RoleEffect)>,
    /// The subjects that gain or lose something, by name: as many as are shown.
    pub(crate) subjects: Vec<AffectedSubject>,
    /// The total numbers, whatever is shown.
    pub(crate) counts: Counts,
    /// True if the caller may read users and their roles. Otherwise there are no `subjects`, only their number.
    pub(crate) can_see_holders: bool,
}

/// The total numbers of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Counts {
    pub(crate) changes: usize,
    pub(crate) roles: usize,
    pub(crate) gaining: usize,
    pub(crate) losing: usize,
}

/// A user or client who gains or loses something.
pub(crate) struct AffectedSubject {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The tenant in which it applies; `None` outside of tenants, and in those that are not listed.
    pub(crate) tenant: Option<TenantName>,
    pub(crate) effect: RoleEffect,
}

/// The extent to which a plan is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// The most roles, and the most subjects.
    pub(crate) entries: usize,
    /// The most names of permissions and roles in all their effects together. The first entry is always shown.
    pub(crate) names: usize,
}

impl Shown {
    /// Shows everything.
    pub(crate) const ALL: Self = Self::entries(usize::MAX);

    /// Shows the first roles and subjects, with all that they gain and lose.
    pub(crate) const fn entries(entries: usize) -> Self {
        Self {
            entries,
            names: usize::MAX,
        }
    }
}

/// The roles in force: global ones, and those of one tenant.
type Roles = (BTreeSet<RoleName>, BTreeSet<RoleName>);

/// The number of names in an effect.
fn names_in(effect: &RoleEffect) -> usize {
    let permissions = effect.gains.len() + effect.loses.len();
    permissions + effect.gains_roles.len() + effect.loses_roles.len() + effect.needs_acr.len()
}

/// Returns the effects of the first `items`, as many as are shown.
fn first_effects<T, E>(
    items: Vec<T>,
    shown: Shown,
    effect: impl Fn(T) -> E,
    names: impl Fn(&E) -> usize,
) -> Vec<E> {
    let mut left = shown.names;
    let mut effects = Vec::new();
    for item in items.into_iter().take(shown.entries) {
        if left == 0 {
            break;
        }
        let effect = effect(item);
        left = left.saturating_sub(names(&effect));
        effects.push(effect);
    }
    effects
}

impl Plan {
    pub(super) fn add_roles(
        &mut self,
        comparison: &PolicyComparison<'_>,
        changes: &[PolicyChange],
        shown: Shown,
    ) {
        let affected = comparison.changed_roles(changes);
        self.counts.roles = affected.len();
        let effect = |role: RoleName| {
            let effect = comparison.effect([&role], []);
            (role, effect)
        };
        self.roles = first_effects(affected, shown, effect, |(_, effect)| names_in(effect));
    }
}

/// The subjects that gain or lose something. They are counted one by one, and only the first of them are kept, so that
/// the memory does not grow with the number of users.
pub(super) struct Subjects<'p> {
    summaries: Summaries<'p>,
    now: Timestamp,
    most: usize,
    gaining: usize,
    losing: usize,
    /// By name, id and tenant.
    first: BTreeMap<SubjectKey, (String, Roles)>,
}

/// The name and id of a subject, and a tenant.
type SubjectKey = (String, String, Option<TenantName>);

impl<'p> Subjects<'p> {
    /// Keeps up to `most` subjects.
    pub(super) fn new(comparison: &'p PolicyComparison<'p>, now: Timestamp, most: usize) -> Self {
        Self {
            summaries: Summaries {
                comparison,
                known: BTreeMap::new(),
            },
            now,
            most,
            gaining: 0,
            losing: 0,
            first: BTreeMap::new(),
        }
    }

    /// Counts a subject, and keeps it if it is among the first.
    pub(super) fn add(&mut self, holder: &holder_store::Holder) {
        let affected = self.summaries.of(holder, self.now);
        let any = |which: fn(&EffectSummary) -> bool| {
            usize::from(affected.iter().any(|(_, _, summary)| which(summary)))
        };
        self.gaining += any(|summary| summary.gains);
        self.losing += any(|summary| summary.loses);
        for (tenant, roles, _) in affected {
            let key = (holder.name.clone(), holder.id.clone(), tenant);
            self.first.insert(key, (holder.kind.clone(), roles));
            if self.first.len() > self.most {
                self.first.pop_last();
            }
        }
    }

    /// Adds the counts to a plan, and as many of the subjects as are shown.
    pub(super) fn show_in(self, plan: &mut Plan, shown: Shown) {
        (plan.counts.gaining, plan.counts.losing) = (self.gaining, self.losing);
        let comparison = self.summaries.comparison;
        let subject = |((name, id, tenant), (kind, roles)): (SubjectKey, (String, Roles))| {
            let effect = comparison.effect(&roles.0, &roles.1);
            AffectedSubject {
                id,
                kind,
                name,
                tenant,
                effect,
            }
        };
        let found = self.first.into_iter().collect();
        plan.subjects = first_effects(found, shown, subject, |one| names_in(&one.effect));
    }
}

/// The most different lists of roles whose effect is remembered.
const MAX_KNOWN: usize = 10_000;

/// Summarizes the effect of the changes on subjects; subjects with the same roles are computed once.
struct Summaries<'p> {
    comparison: &'p PolicyComparison<'p>,
    known: BTreeMap<Roles, EffectSummary>,
}

impl Summaries<'_> {
    /// Returns the tenants in which a subject gains or loses something, and those in which that differs from outside.
    fn of(
        &mut self,
        holder: &holder_store::Holder,
        now: Timestamp,
    ) -> Vec<(Option<TenantName>, Roles, EffectSummary)> {
        let outside = roles_in(&holder.assignments, None, now);
        let global = self.summary(&outside);
        let tenants = holder.assignments.iter();
        let tenants: BTreeSet<&TenantName> =
            tenants.filter_map(|given| given.tenant.as_ref()).collect();
        let mut found = Vec::new();
        for tenant in tenants {
            let roles = roles_in(&holder.assignments, Some(tenant), now);
            let summary = self.summary(&roles);
            if summary != global {
                found.push((Some(tenant.clone()), roles, summary));
            }
        }
        found.push((None, outside, global));
        found.retain(|(_, _, summary)| summary.gains || summary.loses);
        found
    }

    fn summary(&mut self, roles: &Roles) -> EffectSummary {
        if let Some(known) = self.known.get(roles) {
            return *known;
        }
        let summary = self.comparison.summary(&roles.0, &roles.1);
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(roles.clone(), summary);
        summary
    }
}

/// Returns the roles that count in a tenant, or outside of tenants.
fn roles_in(assignments: &[RoleAssignment], tenant: Option<&TenantName>, now: Timestamp) -> Roles {
    let counts = |given: &&RoleAssignment| given.status(tenant, now) == AssignmentStatus::InForce;
    let in_force = assignments.iter().filter(counts);
    let (global, local): (Vec<_>, Vec<_>) = in_force.partition(|given| given.tenant.is_none());
    let names = |given: Vec<&RoleAssignment>| given.iter().map(|one| one.role.clone()).collect();
    (names(global), names(local))
}

#[cfg(test)]
mod tests {
    use rolecall_core::{Policy, PolicyBuilder};

    use super::*;

    fn policy(reads: bool) -> Policy {
        let mut rules = PolicyBuilder::default();
        rules.permission("items:read".parse().unwrap());
        rules.role("reader".parse().unwrap());
        if reads {
            rules.grant("reader".parse().unwrap(), "items:read".parse().unwrap());
        }
        rules.build().unwrap()
    }

    #[test]
    fn y230_a_plan_keeps_no_more_subjects_than_it_shows() {
        let (before, after) = (policy(false), policy(true));
        let comparison = PolicyComparison::new(&before, &after);
        for most in [0, 1, 7, 200, 2000] {
            let mut subjects = Subjects::new(&comparison, Timestamp::default(), most);
            let mut names = BTreeSet::new();
            for number in 0..1000_u32 {
                // in no order
                let name = format!("{:04}", number * 387 % 1009);
                subjects.add(&holder_store::Holder {
                    id: name.clone(),
                    kind: "user".to_owned(),
                    name: name.clone(),
                    assignments: vec![RoleAssignment::permanent(&"reader".parse().unwrap())],
                });
                names.insert(name);
                assert!(subjects.first.len() <= most);
            }
            assert_eq!((subjects.gaining, subjects.losing), (1000, 0));
            let kept: Vec<String> = subjects.first.into_keys().map(|key| key.0).collect();
            let first: Vec<String> = names.into_iter().take(most).collect();
            assert_eq!(kept, first);
        }
    }
}
