use std::collections::HashSet;
use std::sync::Arc;

use super::error::{JwsError, KeyError};
use super::jwk;
use super::verifying::{KeyFingerprint, VerifyingKey};

/// The longest JWK Set that is read, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

/// The most keys that a set may have.
pub const MAX_KEYS: usize = 100;

/// The keys that tokens are verified with: immutable, checked when made, cheap to clone.
///
/// A token is verified with the key that its `kid` names and with no other. Only a set of exactly
/// one key may have a key without id; that key then serves whatever `kid` a token has, or none (a
/// shared secret, say, of which the issuer alone knows under which id it keeps it).
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
    /// The set without keys: it verifies nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A set of `keys`.
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

    /// The keys of a JWK Set (RFC 7517 section 5).
    ///
    /// A key of an unknown `kty`, `crv` or `alg` is passed over, as the RFC asks. Everything that
    /// could weaken the others refuses the whole set, passed-over keys included: a `kid` twice,
    /// secrets beside public keys, private keys, a key for encryption, a weak or a malformed key, a
    /// key that does not say for which algorithm it is.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] that names the fault.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        Self::read(json, |jwk| jwk.to_key(None))
    }

    /// The keys of a JWK Set that was fetched from an issuer, and how many of the set were passed over.
    ///
    /// Issuers publish keys that are not for us beside those that are: a key for encryption, and one that
    /// does not say for which algorithm it is, are passed over as well. Everything else is as strict, and
    /// shared secrets are refused: whoever can fetch them could sign.
    #[cfg(feature = "remote")]
    pub(crate) fn from_fetched_jwks(json: &str) -> Result<(Self, usize), KeyError> {
        let mut passed_over = 0;
        let set = Self::read(json, |jwk| {
            if jwk.is_symmetric() {
                return Err(KeyError::MixedSet);
            }
            let key = match jwk.to_key(None) {
                Err(KeyError::WrongUse | KeyError::AmbiguousAlgorithm) => Ok(None),
                other => other,
            };
            passed_over += usize::from(matches!(key, Ok(None)));
            key
        })?;
        Ok((set, passed_over))
    }

    fn read(
        json: &str,
        mut to_key: impl FnMut(&jwk::Jwk) -> Result<Option<VerifyingKey>, KeyError>,
    ) -> Result<Self, KeyError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(KeyError::Malformed("too long"));
        }
        let jwks = jwk::parse_set(json)?;
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

    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether its keys are shared secrets.
    ///
    /// A set that was fetched must not be: whoever can fetch it could sign.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        self.keys.iter().any(|key| key.algorithm().is_symmetric())
    }

    /// The keys, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// Whether the very key is in the set: same algorithm, same id, same key.
    #[must_use]
    pub fn contains(&self, key: KeyFingerprint) -> bool {
        self.keys.iter().any(|one| one.fingerprint() == key)
    }

    /// The one key that a token with this `kid` may be verified with.
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

fn check_mix(mut symmetric: impl Iterator<Item = bool>) -> Result<(), KeyError> {
    let first = symmetric.next();
    if symmetric.any(|one| Some(one) != first) {
        return Err(KeyError::MixedSet);
    }
    Ok(())
}
