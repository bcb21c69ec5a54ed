//! The limits on failed log-ins.

use serde::Deserialize;

use super::values;

/// Section `login`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Failed log-ins of all addresses together that are forgiven in a minute. Ten minutes' worth cause no delay.
    #[serde(deserialize_with = "values::number")]
    pub failures_per_minute: u32,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            failures_per_minute: FAILURES_PER_MINUTE,
        }
    }
}

/// The default of `login.failures_per_minute`.
pub(crate) const FAILURES_PER_MINUTE: u32 = 600;
