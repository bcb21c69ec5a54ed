//! The limits on failed log-ins.

use std::time::Duration;

use serde::Deserialize;

use super::values;

/// Section `login`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Failed log-ins of all addresses together that are forgiven in a minute. Ten minutes' worth cause no delay.
    #[serde(deserialize_with = "values::number")]
    pub failures_per_minute: u32,
    /// The time after which somebody who is signed in with a browser, and opens nothing, has to sign in again.
    #[serde(deserialize_with = "values::duration")]
    pub idle: Duration,
    /// The longest that somebody is signed in with a browser.
    #[serde(deserialize_with = "values::duration")]
    pub max: Duration,
    /// The time for which somebody who ticked "stay signed in" is; `off` takes the choice away.
    #[serde(deserialize_with = "values::duration_or_off")]
    pub stay: Option<Duration>,
    /// The need of a second factor.
    #[serde(deserialize_with = "values::parsed")]
    pub mfa: Mfa,
    /// Lets people sign in with a code that is sent to their verified address, in place of the password.
    #[serde(deserialize_with = "values::switch")]
    pub mail_code: bool,
    /// Asks whoever has an address that is not verified for a code that is sent to it, when they sign in with a browser.
    #[serde(deserialize_with = "values::switch")]
    pub verified_address: bool,
    /// The time for which a sign-in counts as fresh enough to change the factors of the own account.
    #[serde(deserialize_with = "values::duration")]
    pub fresh: Duration,
    /// The time for which a device can be remembered, on which no second factor is asked for; `off` remembers none.
    #[serde(deserialize_with = "values::duration_or_off")]
    pub remember_device: Option<Duration>,
}

choices! {
    /// The need of a second factor when somebody signs in with a browser.
    pub enum Mfa {
        /// Nobody can add one. Those that exist are asked for all the same.
        Off = "off",
        /// Whoever has added one is asked for it.
        #[default]
        Optional = "optional",
        /// Whoever has none adds one when they sign in.
        Required = "required",
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            failures_per_minute: FAILURES_PER_MINUTE,
            idle: Duration::from_hours(8),
            max: Duration::from_hours(24),
            stay: Some(Duration::from_hours(30 * 24)),
            mfa: Mfa::default(),
            mail_code: false,
            verified_address: false,
            fresh: Duration::from_mins(5),
            remember_device: None,
        }
    }
}

/// The default of `login.failures_per_minute`.
pub(crate) const FAILURES_PER_MINUTE: u32 = 600;
