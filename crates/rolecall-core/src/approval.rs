//! Roles that nobody gives alone: a second person confirms.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Policy, RoleAssignment, RoleName, Standing, TenantName, Timestamp};

/// A role that needs a second person and that somebody would come to hold without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapproved {
    /// The role.
    pub role: RoleName,
    /// From a role that is assigned down to it.
    pub path: Vec<RoleName>,
    /// In which tenant; `None` for without one, and so in all.
    pub tenant: Option<TenantName>,
}

impl Policy {
    /// Whether a second person must confirm that somebody is given `role`: because of itself, or of a role that
    /// it inherits. The way down to the nearest such role, both included.
    ///
    /// ```
    /// use rolecall_core::PolicyBuilder;
    ///
    /// let mut rules = PolicyBuilder::default();
    /// rules.approval("payer".parse()?, true).inherit("boss".parse()?, "payer".parse()?).role("clerk".parse()?);
    /// let policy = rules.build()?;
    /// assert_eq!(policy.needs_approval(&"boss".parse()?).unwrap().len(), 2);
    /// assert!(policy.needs_approval(&"clerk".parse()?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn needs_approval(&self, role: &RoleName) -> Option<Vec<RoleName>> {
        self.way_to(role, |role| self.is_approved(role))
    }

    /// A role that needs a second person and that whoever has `assignments` would hold under this policy at
    /// `now` or at any moment after it, while under `before` they would not: globally, or in one tenant with what
    /// is held globally.
    #[must_use]
    pub fn unapproved(
        &self,
        before: &Self,
        assignments: &[RoleAssignment],
        now: Timestamp,
    ) -> Option<Unapproved> {
        let reach = |policy: &Self| -> BTreeMap<RoleName, BTreeSet<RoleName>> {
            let roles = assignments.iter().map(|given| &given.role);
            roles
                .map(|role| (role.clone(), policy.closure([role])))
                .collect()
        };
        let (reached, reached_before) = (reach(self), reach(before));
        let tenants: BTreeSet<Option<&TenantName>> = assignments
            .iter()
            .map(|given| given.tenant.as_ref())
            .collect();
        for tenant in tenants {
            for moment in moments_of(assignments, now) {
                let counting: Vec<&RoleAssignment> = assignments
                    .iter()
                    .filter(|given| given.standing(tenant, moment) == Standing::InForce)
                    .collect();
                let old = held(&counting, &reached_before);
                for role in held(&counting, &reached).difference(&old) {
                    if self.is_approved(role) {
                        let mut ways = counting.iter().filter(|given| given.can_give_role(role));
                        return Some(Unapproved {
                            role: (*role).clone(),
                            path: ways
                                .find_map(|given| self.path(&given.role, role))
                                .unwrap_or_default(),
                            tenant: tenant.cloned(),
                        });
                    }
                }
            }
        }
        None
    }

    fn is_approved(&self, role: &RoleName) -> bool {
        self.role(role.as_str()).is_some_and(|rules| rules.approval)
    }
}

/// What assignments come to that all count, by what each role reaches.
fn held<'r>(
    counting: &[&RoleAssignment],
    reached: &'r BTreeMap<RoleName, BTreeSet<RoleName>>,
) -> BTreeSet<&'r RoleName> {
    let held = counting.iter().flat_map(|given| {
        let reached = reached.get(&given.role).into_iter().flatten();
        reached.filter(|role| given.can_give_role(role))
    });
    held.collect()
}

/// Now, and every later moment at which somebody comes to hold another set of roles.
fn moments_of(assignments: &[RoleAssignment], now: Timestamp) -> BTreeSet<Timestamp> {
    let turns = assignments
        .iter()
        .flat_map(|given| [given.valid_from, given.expires_at]);
    let later = turns.flatten().filter(|moment| *moment > now);
    later.chain([now]).collect()
}

#[cfg(test)]
mod tests;
