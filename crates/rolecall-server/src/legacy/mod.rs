//! Legacy tokens: those of the application that rolecall replaced. They are HS256 tokens with little more than `sub` and
//! `exp`.
//!
//! Guards never verify them. A server with the user store exchanges a legacy token for an access token of its own, the
//! stand-in. It is valid for a minute and for the application only, and carries what the user holds now except
//! `rolecall.*`. It then passes through the guard like any other token, with floors, era and cache.
//!
//! INVARIANT: a legacy token does not say when or for whom it was issued, and user names can be reused. So it is accepted
//! only for an imported user, under the name of the import, and until access is revoked from that user for the first
//! time. From then on, all legacy tokens of the user are refused (`users.legacy_name`).

mod stand_in;
pub(crate) mod store;
mod token;

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;
use rolecall::{
    Denial, Exchange, Exchanged, Guard,
    token::{Algorithm, KeyError, KeySet, VerifyingKey},
};
use rolecall_core::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{app::App, error};

pub(crate) use stand_in::stand_in;

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
    keys: KeySet,
    until: Timestamp,
    max_age: Duration,
    /// The last stand-in of each token, by the digest of the token.
    stand_ins: Cache<[u8; 32], Arc<str>>,
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
        let until = crate::accounts::views::rfc3339(self.until);
        if now >= self.until {
            tracing::warn!(%until, "`tokens.legacy`: legacy tokens are no longer accepted; remove the section and destroy the secret");
        } else {
            tracing::warn!(%until, "`tokens.legacy`: legacy tokens are accepted; anyone who knows their secret can impersonate any imported user");
        }
    }
}

/// Exchanges legacy tokens for the guard of an application.
pub(crate) struct LegacyExchange {
    app: App,
    /// The same guard without an exchange, which verifies cached stand-ins.
    plain: Guard,
}

impl LegacyExchange {
    pub(crate) fn new(app: App, plain: Guard) -> Self {
        Self { app, plain }
    }
}

impl Exchange for LegacyExchange {
    fn exchange(&self, token: &str) -> Option<Exchanged> {
        let legacy = self.app.parts().legacy.as_ref()?;
        let claims = match token::read(legacy, token, self.app.now())? {
            Ok(claims) => claims,
            Err(token::Ended) => return Some(Box::pin(async { Err(Denial::EndedToken) })),
        };
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = legacy.stand_ins.get(&key) {
            if self.plain.verify(&known).is_ok() {
                return Some(Box::pin(async { Ok(known) }));
            }
            legacy.stand_ins.remove(&key);
        }
        let app = self.app.clone();
        Some(Box::pin(async move {
            match stand_in::for_claims(&app, &claims).await {
                Ok(Some(stand_in)) => {
                    let stand_in: Arc<str> = stand_in.into();
                    if let Some(legacy) = &app.parts().legacy {
                        legacy.stand_ins.insert(key, Arc::clone(&stand_in));
                    }
                    Ok(stand_in)
                }
                Ok(None) => Err(Denial::EndedToken),
                Err(failed) => {
                    tracing::error!(error = %error::chain_of(&failed), "a legacy token could not be exchanged");
                    Err(Denial::Unavailable)
                }
            }
        }))
    }
}
