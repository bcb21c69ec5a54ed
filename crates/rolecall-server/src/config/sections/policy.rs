use std::time::Duration;

use serde::Deserialize;

use crate::{config::values, policy_limits::PolicyLimits};

/// Section `policy`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySection {
    /// The most roles, rolecall's own included.
    #[serde(deserialize_with = "values::number")]
    pub max_roles: usize,
    /// The most permissions, rolecall's own included.
    #[serde(deserialize_with = "values::number")]
    pub max_permissions: usize,
    /// The most permissions and wildcards that roles hold themselves, in total.
    #[serde(deserialize_with = "values::number")]
    pub max_grants: usize,
    /// The most roles that roles inherit directly, in total.
    #[serde(deserialize_with = "values::number")]
    pub max_edges: usize,
    /// The most permissions and inherited roles that roles give, counted for each role.
    #[serde(deserialize_with = "values::number")]
    pub max_effects: usize,
    /// The longest time that a request waits for work on a policy, such as `10s`.
    #[serde(deserialize_with = "values::duration")]
    pub deadline: Duration,
    /// The number of requests whose policies are worked on at the same time.
    #[serde(deserialize_with = "values::number")]
    pub at_once: usize,
}

impl Default for PolicySection {
    fn default() -> Self {
        let limits = PolicyLimits::default();
        Self {
            max_roles: limits.roles,
            max_permissions: limits.permissions,
            max_grants: limits.grants,
            max_edges: limits.edges,
            max_effects: limits.effects,
            deadline: limits.deadline,
            at_once: limits.at_once,
        }
    }
}
