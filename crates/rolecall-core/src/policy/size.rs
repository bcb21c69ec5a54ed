use super::{
    model::Policy,
    set::{PermissionSet, Scratch},
};

/// The size of a policy, on which the work for it depends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicySize {
    /// The number of roles.
    pub roles: usize,
    /// The number of permissions.
    pub permissions: usize,
    /// The number of permissions and wildcards that roles hold themselves.
    pub grants: usize,
    /// The number of times that a role inherits another one directly.
    pub edges: usize,
}

impl Policy {
    /// Returns the size of the policy.
    ///
    /// ```
    /// use rolecall_core::PolicyBuilder;
    ///
    /// let mut rules = PolicyBuilder::default();
    /// rules.permission("items:read".parse()?).grant("reader".parse()?, "items:read".parse()?);
    /// rules.inherit("editor".parse()?, "reader".parse()?);
    /// let policy = rules.build()?;
    /// assert_eq!((policy.size().roles, policy.size().grants, policy.size().edges), (2, 1, 1));
    /// // both roles give one permission; `editor` inherits one role
    /// assert_eq!(policy.effects(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> PolicySize {
        let mut size = PolicySize {
            permissions: self.compiled.permissions().len(),
            ..PolicySize::default()
        };
        for (_, rules) in self.roles() {
            size.roles += 1;
            size.grants += rules.permissions.len();
            size.edges += rules.juniors.len();
        }
        size
    }

    /// Returns the number of pairs of a role and a permission that it gives, or a role that it inherits, directly or
    /// not. A chain of roles makes many from few rules.
    #[must_use]
    pub fn effects(&self) -> usize {
        let compiled = &self.compiled;
        let mut sets: Vec<PermissionSet> = vec![PermissionSet::default(); self.roles.len()];
        let mut scratch = Scratch::new(self.roles.len());
        let mut effects = 0;
        for role in compiled.order() {
            for junior in compiled.juniors_of(*role) {
                scratch.insert(*junior);
                if let Some(set) = sets.get(*junior as usize) {
                    scratch.extend(set);
                }
            }
            let set = scratch.take();
            effects += set.len() + compiled.effective(*role).map_or(0, PermissionSet::len);
            if let Some(entry) = sets.get_mut(*role as usize) {
                *entry = set;
            }
        }
        effects
    }
}
