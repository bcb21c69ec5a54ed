//! Tokens of an application that was there before: HS256, with `sub` and `exp` and little else.
//!
//! They are never verified by a guard. Where the user store is at hand, such a token is exchanged for an access
//! token of this server that lasts a minute, is for the application alone, carries what the user holds now and
//! nothing of `rolecall.*`, and then passes through the guard like every other: with its floors, its era and
//! its cache.
//!
//! INVARIANT: such a token says neither when it was issued nor for whom, and names can change hands. So it
//! counts only for a user who was imported, under the very name that they were imported with, and until
//! something is taken from that user for the first time: from then on none of theirs counts, whenever it was
//! issued (`users.legacy_name`).

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
    keys: KeySet,
    until: Timestamp,
    max_age: Duration,
    /// What stood in last, by the digest of the token.
    stand_ins: Cache<[u8; 32], Arc<str>>,
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
        let until = crate::accounts::views::rfc3339(self.until);
        if now >= self.until {
            tracing::warn!(%until, "`tokens.legacy`: tokens of the old application are no longer taken; remove the section and forget its secret");
        } else {
            tracing::warn!(%until, "`tokens.legacy`: tokens of the old application are taken; until then whoever knows its secret can be any imported user");
        }
    }
}

/// Exchanges tokens for the guard of an application.
pub(crate) struct LegacyExchange {
    app: App,
    /// The same guard without an exchange: whether what stood in before still counts.
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
                    tracing::error!(error = %error::chain_of(&failed), "a token of the old application could not be looked up");
                    Err(Denial::Unavailable)
                }
            }
        }))
    }
}
