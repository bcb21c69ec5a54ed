//! The limits of the policy, below the configuration, which takes its defaults from them.

use std::time::Duration;

/// The limits of the policy, and of the work for it.
#[derive(Clone, Debug)]
pub(crate) struct PolicyLimits {
    pub(crate) roles: usize,
    pub(crate) permissions: usize,
    /// Permissions and wildcards that roles hold themselves.
    pub(crate) grants: usize,
    /// Roles that roles inherit directly.
    pub(crate) edges: usize,
    /// Pairs of a role and a permission that it gives, or a role that it inherits.
    pub(crate) effects: usize,
    /// The time that a request waits for work on a policy.
    pub(crate) deadline: Duration,
    /// The number of policies that are worked on at the same time.
    pub(crate) at_once: usize,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self {
            roles: 10_000,
            permissions: 20_000,
            grants: 200_000,
            edges: 50_000,
            effects: 20_000_000,
            deadline: Duration::from_secs(10),
            at_once: 2,
        }
    }
}
