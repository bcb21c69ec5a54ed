use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::error::KeyError;
use super::public_part::PublicPart;

/// A digest that identifies a key: two are equal only if algorithm, key id and key material are.
///
/// A cache of verified tokens stores it with each token, and asks [`KeySet::contains`] whether the key that verified
/// the token is still trusted. It reveals nothing about a shared secret.
///
/// [`KeySet::contains`]: super::KeySet::contains
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFingerprint([u8; 32]);

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFingerprint(..)")
    }
}

/// The maximum length of a key id, in bytes.
const MAX_KID_BYTES: usize = 256;

/// A key that verifies tokens of one algorithm. It is parsed and checked when it is loaded.
///
/// Cloning is cheap and shares the key. `Debug` shows only the algorithm and the key id.
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
    /// Creates a key from a shared secret, for an HMAC algorithm.
    ///
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] if the secret is shorter than the hash (RFC 7518 section 3.2),
    /// [`KeyError::Mismatched`] if `algorithm` is not an HMAC, and [`KeyError::KeyId`] if `kid` is empty or longer than
    /// 256 bytes.
    pub fn from_secret(
        algorithm: Algorithm,
        kid: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let key = hmac_key(algorithm, secret)?;
        let kid = checked_kid(kid)?;
        // a MAC instead of a plain hash, so that guessing the secret from it is no easier than from a token
        let tag = hmac::sign(&key, b"rolecall key fingerprint");
        let fingerprint = fingerprint(algorithm, kid.as_deref(), [tag.as_ref(), &[]]);
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid,
            material: Material::Secret(Box::new(key)),
            fingerprint,
        })))
    }

    /// Creates a key from the public part of a key pair.
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

    /// Returns the only algorithm that this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Returns the key id, if the key has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// Returns the fingerprint, which identifies the key.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        self.0.fingerprint
    }

    /// Returns the key as a JWK with `kid`, `alg` and `use` (RFC 7517), or `None` for a shared secret.
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

    /// Returns the JWK thumbprint with SHA-256 in base64url (RFC 7638), or `None` for a shared secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        match &self.0.material {
            Material::Public(part, _) => Some(part.thumbprint(self.0.algorithm)),
            Material::Secret(_) => None,
        }
    }

    /// Returns true if `signature` is a valid signature of `message`; an HMAC is compared in constant time.
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

/// Creates an HMAC key; the secret must be at least as long as the hash.
pub(super) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, KeyError> {
    let Some((hash, min_length)) = algorithm.hmac() else {
        return Err(KeyError::Mismatched(algorithm));
    };
    if secret.len() < min_length {
        return Err(KeyError::ShortSecret {
            algorithm,
            least: min_length,
            actual: secret.len(),
        });
    }
    Ok(hmac::Key::new(hash, secret))
}

/// Checks the length of a key id, which is 1 to [`MAX_KID_BYTES`].
pub(super) fn checked_kid(kid: Option<&str>) -> Result<Option<String>, KeyError> {
    match kid {
        Some(kid) if kid.is_empty() || kid.len() > MAX_KID_BYTES => Err(KeyError::KeyId),
        kid => Ok(kid.map(str::to_owned)),
    }
}

fn fingerprint(algorithm: Algorithm, kid: Option<&str>, parts: [&[u8]; 2]) -> KeyFingerprint {
    let mut context = Context::new(&SHA256);
    // an empty key id is refused, so this cannot be confused with a key without one
    let kid_part = kid.unwrap_or_default().as_bytes();
    for part in [algorithm.as_str().as_bytes(), kid_part]
        .into_iter()
        .chain(parts)
    {
        // each part is preceded by its length, so that different parts never hash to the same bytes
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
    fn the_fingerprint_depends_on_algorithm_key_id_and_key() {
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
    fn debug_does_not_show_the_secret() {
        let secret = b"correct horse battery staple, long";
        let key = VerifyingKey::from_secret(Algorithm::Hs256, Some("kid-1"), secret).unwrap();
        let shown = format!("{key:?} {:?}", key.fingerprint());
        assert_eq!(
            shown,
            "VerifyingKey { algorithm: Hs256, kid: Some(\"kid-1\"), .. } KeyFingerprint(..)"
        );
    }

    #[test]
    fn a_secret_has_no_public_jwk() {
        let key = VerifyingKey::from_secret(Algorithm::Hs512, None, &[7; 64]).unwrap();
        assert_eq!((key.public_jwk(), key.thumbprint()), (None, None));
    }
}
