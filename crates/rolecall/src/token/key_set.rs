use std::collections::HashSet;
use std::sync::Arc;

use super::error::{JwsError, KeyError};
use super::jwk;
use super::verifying::{KeyFingerprint, VerifyingKey};

/// The maximum length of a JWK Set, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

/// The maximum number of keys in a set.
pub const MAX_KEYS: usize = 100;

/// The keys with which tokens are verified. A set is immutable, checked when it is created, and cheap to clone.
///
/// A token is verified only with the key that its `kid` names. If a set has a single key without an id, that key
/// verifies tokens with any `kid` and without one: the id of a shared secret, for example, may be known only to the
/// issuer.
///
/// ```
/// use rolecall::token::{KeyError, KeySet};
///
/// let jwks = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2026-11",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig"}]}"#;
/// assert_eq!(KeySet::from_jwks(jwks)?.len(), 1);
///
/// let encryption = jwks.replace("sig", "enc");
/// assert_eq!(KeySet::from_jwks(&encryption).unwrap_err(), KeyError::WrongUse);
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
}

impl KeySet {
    /// Returns a set without keys, which verifies no token.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Creates a set of `keys`.
    ///
    /// # Errors
    ///
    /// [`KeyError::DuplicateKeyId`], [`KeyError::MissingKeyId`], [`KeyError::MixedSet`] or
    /// [`KeyError::TooManyKeys`].
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self, KeyError> {
        if keys.len() > MAX_KEYS {
            return Err(KeyError::TooManyKeys);
        }
        if keys.len() > 1 && keys.iter().any(|key| key.kid().is_none()) {
            return Err(KeyError::MissingKeyId);
        }
        let mut seen = HashSet::new();
        if !keys
            .iter()
            .filter_map(VerifyingKey::kid)
            .all(|kid| seen.insert(kid))
        {
            return Err(KeyError::DuplicateKeyId);
        }
        check_mix(keys.iter().map(|key| key.algorithm().is_symmetric()))?;
        Ok(Self { keys: keys.into() })
    }

    /// Creates a set from a JWK Set (RFC 7517 section 5).
    ///
    /// Keys with an unknown `kty`, `crv` or `alg` are ignored, as the RFC asks. Anything that could weaken the other
    /// keys makes the whole set invalid, even in a key that is ignored: a duplicate `kid`, secrets beside public keys,
    /// private keys, a key for encryption, a weak or malformed key, and a key without a definite algorithm.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] that names the fault.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        Self::read(json, |jwk| jwk.to_key(None))
    }

    /// Creates a set from a JWK Set that was fetched from an issuer; also returns the number of ignored keys.
    ///
    /// Issuers publish keys for other purposes in the same set, so keys for encryption and keys without a definite
    /// algorithm are ignored as well. Shared secrets are refused: anyone who can fetch them could sign tokens.
    /// Otherwise this is as strict as [`from_jwks`](Self::from_jwks).
    #[cfg(feature = "remote")]
    pub(crate) fn from_fetched_jwks(json: &str) -> Result<(Self, usize), KeyError> {
        let mut ignored = 0;
        let set = Self::read(json, |jwk| {
            if jwk.is_symmetric() {
                return Err(KeyError::MixedSet);
            }
            let key = match jwk.to_key(None) {
                Err(KeyError::WrongUse | KeyError::AmbiguousAlgorithm) => Ok(None),
                other => other,
            };
            ignored += usize::from(matches!(key, Ok(None)));
            key
        })?;
        Ok((set, ignored))
    }

    fn read(
        json: &str,
        mut to_key: impl FnMut(&jwk::Jwk) -> Result<Option<VerifyingKey>, KeyError>,
    ) -> Result<Self, KeyError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(KeyError::Malformed("a JWK Set over 256 KiB"));
        }
        let jwks = jwk::parse_jwks(json)?;
        if jwks.len() > MAX_KEYS {
            return Err(KeyError::TooManyKeys);
        }
        let mut seen = HashSet::new();
        for jwk in &jwks {
            if jwk.kid()?.is_some_and(|kid| !seen.insert(kid)) {
                return Err(KeyError::DuplicateKeyId);
            }
        }
        check_mix(jwks.iter().map(jwk::Jwk::is_symmetric))?;
        let keys: Result<Vec<_>, _> = jwks
            .iter()
            .filter_map(|jwk| to_key(jwk).transpose())
            .collect();
        Self::new(keys?)
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if the set has no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns true if the keys are shared secrets.
    ///
    /// Never trust such a set if it was fetched: anyone who can fetch it can sign tokens.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        self.keys.iter().any(|key| key.algorithm().is_symmetric())
    }

    /// Returns the keys, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// Returns true if the set contains the key: the same algorithm, id and key material.
    #[must_use]
    pub fn contains(&self, key: KeyFingerprint) -> bool {
        self.keys.iter().any(|one| one.fingerprint() == key)
    }

    /// Returns the only key that may verify a token with this `kid`.
    pub(super) fn select(&self, kid: Option<&str>) -> Result<&VerifyingKey, JwsError> {
        if let [only] = &*self.keys
            && only.kid().is_none()
        {
            return Ok(only);
        }
        let kid = kid.ok_or(JwsError::UnknownKey)?;
        let mut keys = self.keys.iter();
        keys.find(|key| key.kid() == Some(kid))
            .ok_or(JwsError::UnknownKey)
    }
}

/// Refuses a set with both symmetric and asymmetric keys: a public key could then be abused as a secret.
fn check_mix(mut symmetric: impl Iterator<Item = bool>) -> Result<(), KeyError> {
    let first = symmetric.next();
    if symmetric.any(|is_symmetric| Some(is_symmetric) != first) {
        return Err(KeyError::MixedSet);
    }
    Ok(())
}
