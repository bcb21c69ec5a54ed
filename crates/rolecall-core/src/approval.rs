//! Roles that nobody gives alone: a second person confirms.

use crate::{
    Policy, RoleAssignment, RoleName, TenantName, Timestamp,
    holding::{Reach, holdings},
};

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
        let (reach, reach_before) = (Reach::of(self, assignments), Reach::of(before, assignments));
        holdings(&assignments.iter().collect::<Vec<_>>(), now).find_map(|holding| {
            let old = reach_before.held(&holding);
            let held = reach.held(&holding);
            let mut gained = held.difference(&old);
            let role = *gained.find(|role| self.is_approved(role))?;
            let mut ways = holding
                .counting
                .iter()
                .filter(|given| given.can_give_role(role));
            Some(Unapproved {
                role: role.clone(),
                path: ways
                    .find_map(|given| self.path(&given.role, role))
                    .unwrap_or_default(),
                tenant: holding.tenant.cloned(),
            })
        })
    }

    fn is_approved(&self, role: &RoleName) -> bool {
        self.role(role.as_str()).is_some_and(|rules| rules.approval)
    }
}

#[cfg(test)]
mod tests;
