//! The settings and keys for legacy tokens.

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use rolecall::token::{Algorithm, KeyError, KeySet, VerifyingKey};
use rolecall_core::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::times::rfc3339;

/// RFC 7518 section 3.2: an HMAC key is at least as long as the hash.
pub(crate) const LEAST_BYTES: usize = 32;
const CACHED: usize = 10_000;

/// The settings for accepting legacy tokens.
#[derive(Clone, Debug)]
pub struct LegacyTokens {
    secret: SecretString,
    until: Timestamp,
    max_age: Duration,
    allow_short_secret: bool,
}

impl LegacyTokens {
    /// Accepts HS256 tokens signed with `secret`, until `until`. A token that expires later than `max_age` from now, or
    /// is older than `max_age`, is refused.
    #[must_use]
    pub fn new(secret: &str, until: Timestamp, max_age: Duration) -> Self {
        Self {
            secret: secret.to_owned().into(),
            until,
            max_age,
            allow_short_secret: false,
        }
    }

    /// Accepts a secret of less than 32 bytes: **anyone with one token can guess it and impersonate any imported user**.
    #[must_use]
    pub fn allow_short_secret(mut self) -> Self {
        self.allow_short_secret = true;
        self
    }
}

/// Verifies legacy tokens and caches their stand-ins.
pub(crate) struct Legacy {
    pub(super) keys: KeySet,
    pub(super) until: Timestamp,
    pub(super) max_age: Duration,
    /// The last stand-in of each token, by the digest of the token.
    pub(super) stand_ins: Cache<[u8; 32], Arc<str>>,
}

impl Legacy {
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] if the secret is short and that is not allowed explicitly.
    pub(crate) fn new(tokens: &LegacyTokens) -> Result<Self, KeyError> {
        let mut secret = zeroize::Zeroizing::new(tokens.secret.expose_secret().as_bytes().to_vec());
        if tokens.allow_short_secret && !secret.is_empty() && secret.len() < LEAST_BYTES {
            // HMAC pads a key with zeros (RFC 2104 section 2): the same key, but long enough for the check
            secret.resize(LEAST_BYTES, 0);
        }
        let key = VerifyingKey::from_secret(Algorithm::Hs256, None, &secret)?;
        Ok(Self {
            keys: KeySet::new(vec![key])?,
            until: tokens.until,
            max_age: tokens.max_age,
            stand_ins: Cache::new(CACHED),
        })
    }

    /// Logs a warning that legacy tokens are accepted.
    pub(crate) fn warn(&self, now: Timestamp) {
        let until = rfc3339(self.until);
        if now >= self.until {
            tracing::warn!(%until, "`tokens.legacy`: legacy tokens are no longer accepted; remove the section and destroy the secret");
        } else {
            tracing::warn!(%until, "`tokens.legacy`: legacy tokens are accepted; anyone who knows their secret can impersonate any imported user");
        }
    }
}
