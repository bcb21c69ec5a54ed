//! Which tokens of the old application are accepted, and until when.

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use rolecall::token::{Algorithm, KeyError, KeySet, VerifyingKey};
use rolecall_core::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::times::rfc3339;

/// RFC 7518 section 3.2: an HMAC key is at least as long as the hash.
pub(crate) const LEAST_BYTES: usize = 32;
const CACHED: usize = 10_000;

/// Which tokens of an old application are taken, and how long.
#[derive(Clone, Debug)]
pub struct LegacyTokens {
    secret: SecretString,
    until: Timestamp,
    max_age: Duration,
    allow_short_secret: bool,
}

impl LegacyTokens {
    /// Takes HS256 tokens signed with `secret` until `until`; one that ends later than `max_age` from now, or
    /// says that it is older, is refused.
    #[must_use]
    pub fn new(secret: &str, until: Timestamp, max_age: Duration) -> Self {
        Self {
            secret: secret.to_owned().into(),
            until,
            max_age,
            allow_short_secret: false,
        }
    }

    /// Takes a secret of less than 32 bytes: **whoever has one token can guess it, and be any imported user**.
    #[must_use]
    pub fn allow_short_secret(mut self) -> Self {
        self.allow_short_secret = true;
        self
    }
}

/// The same, ready for use.
pub(crate) struct Legacy {
    pub(super) keys: KeySet,
    pub(super) until: Timestamp,
    pub(super) max_age: Duration,
    /// What stood in last, by the digest of the token.
    pub(super) stand_ins: Cache<[u8; 32], Arc<str>>,
}

impl Legacy {
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] if the secret is short and that was not allowed by name.
    pub(crate) fn new(tokens: &LegacyTokens) -> Result<Self, KeyError> {
        let mut secret = zeroize::Zeroizing::new(tokens.secret.expose_secret().as_bytes().to_vec());
        if tokens.allow_short_secret && !secret.is_empty() && secret.len() < LEAST_BYTES {
            // RFC 2104 section 2 fills every key up with zeros: the same key, long enough for the check
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

    /// Says loudly that such tokens are taken.
    pub(crate) fn warn(&self, now: Timestamp) {
        let until = rfc3339(self.until);
        if now >= self.until {
            tracing::warn!(%until, "`tokens.legacy`: tokens of the old application are no longer taken; remove the section and forget its secret");
        } else {
            tracing::warn!(%until, "`tokens.legacy`: tokens of the old application are taken; until then whoever knows its secret can be any imported user");
        }
    }
}
