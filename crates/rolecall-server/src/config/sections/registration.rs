//! Section `registration`.

use rolecall_core::RoleName;
use serde::Deserialize;

use super::values;

/// Section `registration`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    /// `closed` or `open`.
    #[serde(deserialize_with = "values::parsed")]
    pub mode: RegistrationMode,
    /// Roles that a user gets by registering.
    #[serde(deserialize_with = "values::list")]
    pub roles: Vec<RoleName>,
    /// No two users have one e-mail address.
    #[serde(deserialize_with = "values::switch")]
    pub unique_email: bool,
    /// Addresses are proven by mail before there is an account, if mails are sent.
    #[serde(deserialize_with = "values::switch")]
    pub verify: bool,
    /// The domains of addresses with which people may register; all without one.
    #[serde(deserialize_with = "values::list")]
    pub domains: Vec<String>,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::default(),
            roles: "user".parse().into_iter().collect(),
            unique_email: false,
            verify: true,
            domains: Vec::new(),
        }
    }
}

choices! {
    /// Decides who can create an account.
    pub enum RegistrationMode {
        /// Only administrators create accounts.
        #[default]
        Closed = "closed",
        /// Everybody can register.
        Open = "open",
    }
}
