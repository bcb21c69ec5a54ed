//! The section `mail`.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::values;

/// Section `mail`: the server that takes mails, and how long the links in them work.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// `smtps://user@host:465` or `smtp://user@host:587`; without it, no mail is sent.
    #[serde(deserialize_with = "values::optional_secret")]
    pub url: Option<SecretString>,
    /// The password for the server, unless it is in the URL.
    #[serde(deserialize_with = "values::optional_secret")]
    pub password: Option<SecretString>,
    /// The sender, such as `Example <login@example.com>`.
    pub from: Option<String>,
    /// The address that answers go to.
    pub reply_to: Option<String>,
    /// Accepts that mails and the password cross a network unencrypted.
    #[serde(deserialize_with = "values::switch")]
    pub insecure_smtp: bool,
    /// The time for which a link to reset a password works.
    #[serde(deserialize_with = "values::duration")]
    pub reset_ttl: Duration,
    /// The time for which a link to verify an address works.
    #[serde(deserialize_with = "values::duration")]
    pub verify_ttl: Duration,
    /// The time for which an invitation can be accepted.
    #[serde(deserialize_with = "values::duration")]
    pub invitation_ttl: Duration,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            url: None,
            password: None,
            from: None,
            reply_to: None,
            insecure_smtp: false,
            reset_ttl: Duration::from_mins(30),
            verify_ttl: Duration::from_hours(24),
            invitation_ttl: Duration::from_hours(7 * 24),
        }
    }
}
