//! The section `connections`.

use std::time::Duration;

use serde::Deserialize;

use super::values;
use crate::http::Limits;

/// Section `connections`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// The most connections at the same time; fewer if the limit on open files does not allow so many.
    #[serde(deserialize_with = "values::number")]
    pub max: usize,
    /// The most connections of one address that is no trusted proxy, and never more than half of all.
    #[serde(deserialize_with = "values::number")]
    pub per_address: usize,
    /// The time after which an idle connection is closed.
    #[serde(deserialize_with = "values::duration")]
    pub idle_timeout: Duration,
    /// The time between the signal to stop and the end of accepting connections.
    #[serde(deserialize_with = "values::duration")]
    pub drain_delay: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            max: limits.connections,
            per_address: limits.per_client,
            idle_timeout: limits.idle,
            drain_delay: limits.drain,
        }
    }
}
