use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::error::KeyError;
use super::jwk;
use super::public_part::PublicPart;

/// Tells one key from another: equal only if algorithm, key id and key are.
///
/// Whoever keeps verified tokens keeps this beside them and asks [`KeySet::contains`] whether the
/// key that verified one is still trusted. It says nothing about a secret.
///
/// [`KeySet::contains`]: super::KeySet::contains
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFingerprint([u8; 32]);

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFingerprint(..)")
    }
}

/// One key that verifies tokens of one algorithm, parsed and checked when it was loaded.
///
/// Cloning shares the key. `Debug` shows algorithm and key id only.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: Option<String>,
    material: Material,
    fingerprint: KeyFingerprint,
}

enum Material {
    Secret(Box<hmac::Key>),
    Public(PublicPart, ParsedPublicKey),
}

impl VerifyingKey {
    /// A shared secret for an HMAC.
    ///
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] if it is shorter than the hash, [`KeyError::Mismatched`] if
    /// `algorithm` is no HMAC, and [`KeyError::KeyId`].
    pub fn from_secret(
        algorithm: Algorithm,
        kid: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let key = hmac_key(algorithm, secret)?;
        let kid = checked_kid(kid)?;
        // a keyed hash: the fingerprint of a guessable secret is no easier to search than its tokens
        let tag = hmac::sign(&key, b"rolecall key fingerprint");
        let fingerprint = fingerprint(algorithm, kid.as_deref(), [tag.as_ref(), &[]]);
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid,
            material: Material::Secret(Box::new(key)),
            fingerprint,
        })))
    }

    /// A JWK (RFC 7517 section 4).
    ///
    /// `algorithm` is what the caller knows the key to be for, out of band; it must not contradict
    /// the key's `alg`, and is needed where the key has none and its type allows several.
    ///
    /// ```
    /// use rolecall::token::{Algorithm, VerifyingKey};
    ///
    /// let jwk = r#"{"kty":"OKP","crv":"Ed25519",
    ///               "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = VerifyingKey::from_jwk(jwk, None)?;
    /// assert_eq!(key.algorithm(), Algorithm::EdDsa);
    /// # Ok::<(), rolecall::token::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Any [`KeyError`] about a single key; an unknown `kty`, `crv` or `alg` is
    /// [`KeyError::Malformed`] here.
    pub fn from_jwk(json: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        jwk::parse_one(json)?
            .to_key(algorithm)?
            .ok_or(KeyError::Malformed("an unknown kind of key"))
    }

    pub(super) fn from_public(
        algorithm: Algorithm,
        kid: Option<&str>,
        part: PublicPart,
    ) -> Result<Self, KeyError> {
        let parsed = part.parse(algorithm)?;
        let kid = checked_kid(kid)?;
        let parts = match &part {
            PublicPart::EllipticCurve { x, y } => [x.as_slice(), y],
            PublicPart::Edwards { x } => [x.as_slice(), &[]],
            PublicPart::Rsa { n, e } => [n.as_slice(), e],
        };
        let fingerprint = fingerprint(algorithm, kid.as_deref(), parts);
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid,
            material: Material::Public(part, parsed),
            fingerprint,
        })))
    }

    /// The one algorithm that this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The key id, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// What tells this key from another.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        self.0.fingerprint
    }

    /// The key as a JWK with `kid`, `alg` and `use` (RFC 7517); none for a secret.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Value> {
        let Material::Public(part, _) = &self.0.material else {
            return None;
        };
        let mut jwk: Map<String, Value> = part.to_jwk(self.0.algorithm);
        if let Some(kid) = &self.0.kid {
            jwk.insert("kid".to_owned(), kid.as_str().into());
        }
        jwk.insert("alg".to_owned(), self.0.algorithm.as_str().into());
        jwk.insert("use".to_owned(), "sig".into());
        Some(Value::Object(jwk))
    }

    /// The JWK thumbprint with SHA-256, in base64url (RFC 7638); none for a secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        match &self.0.material {
            Material::Public(part, _) => Some(part.thumbprint(self.0.algorithm)),
            Material::Secret(_) => None,
        }
    }

    /// Whether `signature` is this key's over `message`; compares in constant time for an HMAC.
    pub(super) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.material {
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Public(_, key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.0.algorithm)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

pub(super) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, KeyError> {
    let Some((hash, least)) = algorithm.hmac() else {
        return Err(KeyError::Mismatched(algorithm));
    };
    if secret.len() < least {
        let actual = secret.len();
        return Err(KeyError::ShortSecret {
            algorithm,
            least,
            actual,
        });
    }
    Ok(hmac::Key::new(hash, secret))
}

pub(super) fn checked_kid(kid: Option<&str>) -> Result<Option<String>, KeyError> {
    match kid {
        Some(kid) if kid.is_empty() || kid.len() > 256 => Err(KeyError::KeyId),
        kid => Ok(kid.map(str::to_owned)),
    }
}

fn fingerprint(algorithm: Algorithm, kid: Option<&str>, parts: [&[u8]; 2]) -> KeyFingerprint {
    let mut context = Context::new(&SHA256);
    let kid_part = kid.unwrap_or_default().as_bytes(); // an empty one is refused, so none is distinct
    for part in [algorithm.as_str().as_bytes(), kid_part]
        .into_iter()
        .chain(parts)
    {
        // the length before each part, so that no two lists of parts read the same
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    KeyFingerprint(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_differs_with_algorithm_key_id_and_key() {
        let key = |algorithm, kid, fill| {
            VerifyingKey::from_secret(algorithm, kid, &[fill; 64])
                .unwrap()
                .fingerprint()
        };
        let base = key(Algorithm::Hs256, Some("a"), 1);
        assert!(base == key(Algorithm::Hs256, Some("a"), 1));
        assert!(base != key(Algorithm::Hs384, Some("a"), 1));
        assert!(base != key(Algorithm::Hs256, Some("b"), 1));
        assert!(base != key(Algorithm::Hs256, None, 1));
        assert!(base != key(Algorithm::Hs256, Some("a"), 2));
    }

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        let secret = b"correct horse battery staple, long";
        let key = VerifyingKey::from_secret(Algorithm::Hs256, Some("kid-1"), secret).unwrap();
        let shown = format!("{key:?} {:?}", key.fingerprint());
        assert_eq!(
            shown,
            "VerifyingKey { algorithm: Hs256, kid: Some(\"kid-1\"), .. } KeyFingerprint(..)"
        );
    }

    #[test]
    fn a_secret_has_no_public_half() {
        let key = VerifyingKey::from_secret(Algorithm::Hs512, None, &[7; 64]).unwrap();
        assert_eq!((key.public_jwk(), key.thumbprint()), (None, None));
    }
}
