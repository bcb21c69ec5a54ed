//! The section `quotas`.

use serde::Deserialize;

use super::values;

/// Section `quotas`: how much one subject may write in an hour. As much may be written at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Changes that a user makes to the own account through one client.
    #[serde(deserialize_with = "values::number")]
    pub own_changes_per_hour: u32,
    /// Changes with permissions of rolecall itself, by a user through one client or by a client.
    #[serde(deserialize_with = "values::number")]
    pub changes_per_hour: u32,
    /// Access tokens of one user and client that are revoked; an address without a client may revoke ten times as many.
    #[serde(deserialize_with = "values::number")]
    pub revocations_per_hour: u32,
    /// Refreshes of one session, and tickets of a user; all sessions of a user through one client have ten times as many.
    #[serde(deserialize_with = "values::number")]
    pub refreshes_per_hour: u32,
    /// Log-ins of a user, each of which stores a session and an event.
    #[serde(deserialize_with = "values::number")]
    pub log_ins_per_hour: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            own_changes_per_hour: 600,
            changes_per_hour: 60_000,
            revocations_per_hour: 600,
            refreshes_per_hour: 3_600,
            log_ins_per_hour: 3_600,
        }
    }
}
