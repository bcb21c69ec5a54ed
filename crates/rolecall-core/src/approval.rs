//! Roles that need approval: a second person confirms before a subject gets them.

use crate::{
    Policy, RoleAssignment, RoleName, TenantName, Timestamp,
    concurrent::{Closures, concurrent_assignments},
};

/// A role that needs approval and that a subject would gain without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnapprovedRole {
    /// The role that needs approval.
    pub role: RoleName,
    /// The path from an assigned role down to `role`, both included.
    pub path: Vec<RoleName>,
    /// The tenant in which the subject would hold the role; `None` if globally, and so in every tenant.
    pub tenant: Option<TenantName>,
}

impl Policy {
    /// Returns the path from `role` down to the nearest role that needs approval, both included.
    ///
    /// A role needs approval if it is marked so or inherits a role that is. Returns `None` if a single person may
    /// assign `role`.
    ///
    /// ```
    /// use rolecall_core::PolicyBuilder;
    ///
    /// let mut rules = PolicyBuilder::default();
    /// rules.approval("payer".parse()?, true).inherit("boss".parse()?, "payer".parse()?).role("clerk".parse()?);
    /// let policy = rules.build()?;
    /// assert_eq!(policy.approval_path(&"boss".parse()?).unwrap().len(), 2);
    /// assert!(policy.approval_path(&"clerk".parse()?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn approval_path(&self, role: &RoleName) -> Option<Vec<RoleName>> {
        self.path_to([role], |role| self.requires_approval(role))
    }

    /// Returns a role that needs approval and that a subject with `assignments` gains by the change from the policy
    /// `before` to this one, at `now` or later.
    ///
    /// Inherited roles count, in each tenant together with the roles that are held globally.
    #[must_use]
    pub fn unapproved_gain(
        &self,
        before: &Self,
        assignments: &[RoleAssignment],
        now: Timestamp,
    ) -> Option<UnapprovedRole> {
        let closures = Closures::new(self, assignments);
        let closures_before = Closures::new(before, assignments);
        let all: Vec<&RoleAssignment> = assignments.iter().collect();
        concurrent_assignments(&all, now).find_map(|concurrent| {
            let held_before = closures_before.held_roles(&concurrent);
            let held = closures.held_roles(&concurrent);
            let mut gained = held.difference(&held_before);
            let role = *gained.find(|role| self.requires_approval(role))?;
            let mut sources = concurrent
                .assignments
                .iter()
                .filter(|assignment| assignment.can_give_role(role));
            Some(UnapprovedRole {
                role: role.clone(),
                path: sources
                    .find_map(|assignment| self.path(&assignment.role, role))
                    .unwrap_or_default(),
                tenant: concurrent.tenant.cloned(),
            })
        })
    }

    fn requires_approval(&self, role: &RoleName) -> bool {
        self.role(role.as_str()).is_some_and(|rules| rules.approval)
    }
}

#[cfg(test)]
mod tests;
