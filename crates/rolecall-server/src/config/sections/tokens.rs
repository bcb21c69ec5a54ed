//! The sections for tokens, and for the sessions that refresh them.

use std::time::Duration;

use rolecall_core::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::values;

/// Section `tokens`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// `ES256`, `EdDSA`, `RS256` or `HS256`.
    #[serde(deserialize_with = "values::parsed")]
    pub algorithm: SigningAlgorithm,
    /// The lifetime of an access token, such as `30m`.
    #[serde(deserialize_with = "values::duration")]
    pub access_ttl: Duration,
    /// The time after which the next signing key takes over, such as `30d`; `0` turns rotation off.
    #[serde(deserialize_with = "values::duration")]
    pub rotate_every: Duration,
    /// The issuer `iss`, if it is not `public_url`.
    pub issuer: Option<String>,
    /// The audience `aud`, if it is not the issuer.
    pub audience: Option<String>,
    /// The greatest length of an access token in bytes.
    #[serde(deserialize_with = "values::number")]
    pub max_bytes: usize,
    /// Members of the account itself that access tokens carry: `email`.
    #[serde(deserialize_with = "values::list")]
    pub claims: Vec<AccountClaim>,
    /// The shared secret of `HS256`.
    #[serde(deserialize_with = "values::optional_secret")]
    pub secret: Option<SecretString>,
    /// Tokens of the application that rolecall replaces.
    pub legacy: LegacyTokens,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            algorithm: SigningAlgorithm::default(),
            access_ttl: Duration::from_mins(30),
            rotate_every: ROTATE_EVERY,
            issuer: None,
            audience: None,
            max_bytes: 4096,
            claims: Vec::new(),
            secret: None,
            legacy: LegacyTokens::default(),
        }
    }
}

/// The default of `tokens.rotate_every`.
pub(crate) const ROTATE_EVERY: Duration = Duration::from_hours(30 * 24);

/// Section `tokens.legacy`. If it is there, `secret`, `until` and `max_age` are needed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LegacyTokens {
    /// `HS256`.
    #[serde(deserialize_with = "values::parsed")]
    pub algorithm: LegacyAlgorithm,
    /// The secret that the old application signs with.
    #[serde(deserialize_with = "values::optional_secret")]
    pub secret: Option<SecretString>,
    /// Accepts a secret of less than 32 bytes, which can be guessed from a single token.
    #[serde(deserialize_with = "values::switch")]
    pub allow_short_secret: bool,
    /// The time when the last of them expires.
    #[serde(deserialize_with = "values::optional_time")]
    pub until: Option<Timestamp>,
    /// Their longest lifetime.
    #[serde(deserialize_with = "values::optional_duration")]
    pub max_age: Option<Duration>,
}

/// A member of the account that access tokens can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccountClaim {
    /// The e-mail address, and that nobody has proven it.
    Email,
}

impl std::fmt::Display for AccountClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Email => f.write_str("email"),
        }
    }
}

impl std::str::FromStr for AccountClaim {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "email" => Ok(Self::Email),
            _ => Err(format!(
                "`{word}` is not `email`; a profile field is written into tokens with `claim = true` in its own table, `[profile.fields.{word}]`"
            )),
        }
    }
}

choices! {
    /// The signature algorithm of the old application's tokens.
    pub enum LegacyAlgorithm {
        /// HMAC with SHA-256.
        #[default]
        Hs256 = "HS256",
    }
}

choices! {
    /// The signature algorithm of access tokens.
    pub enum SigningAlgorithm {
        /// ECDSA with P-256 and SHA-256.
        #[default]
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
        /// RSA with PKCS #1 v1.5 and SHA-256, 3072 bits.
        Rs256 = "RS256",
        /// HMAC with SHA-256 and a secret that every verifier shares.
        Hs256 = "HS256",
    }
}

impl From<SigningAlgorithm> for rolecall::token::Algorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::Es256 => Self::Es256,
            SigningAlgorithm::EdDsa => Self::EdDsa,
            SigningAlgorithm::Rs256 => Self::Rs256,
            SigningAlgorithm::Hs256 => Self::Hs256,
        }
    }
}

/// Section `sessions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// The time without a refresh after which a session expires.
    #[serde(deserialize_with = "values::duration")]
    pub idle_ttl: Duration,
    /// The longest lifetime of a session, however often it is refreshed.
    #[serde(deserialize_with = "values::duration")]
    pub max_ttl: Duration,
    /// The sessions that a user can have. One more ends the idlest.
    #[serde(deserialize_with = "values::number")]
    pub per_user: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            idle_ttl: Duration::from_hours(14 * 24),
            max_ttl: Duration::from_hours(30 * 24),
            per_user: 100,
        }
    }
}
