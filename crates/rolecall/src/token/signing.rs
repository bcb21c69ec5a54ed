//! Keys that sign access tokens.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use rolecall_core::AccessClaims;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::der;
use super::encoding::encode;
use super::error::{KeyError, SignError};
use super::jws::MAX_TOKEN_BYTES;
use super::public_part::PublicPart;
use super::verifying::{VerifyingKey, checked_kid, hmac_key};

/// A key that signs access tokens with one algorithm.
///
/// `Debug` shows only the algorithm and the key id. aws-lc wipes the key from memory when it is dropped.
///
/// ```
/// use rolecall::token::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let stored = key.to_pkcs8().ok_or("an ES256 key has a private key to store")?;
/// let kid = key.kid().ok_or("a generated key has an id")?;
///
/// let loaded = SigningKey::from_pkcs8(Algorithm::Es256, kid, &stored)?;
/// assert_eq!(loaded.public_jwk(), key.public_jwk());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SigningKey {
    material: Material,
    verifying: VerifyingKey,
    /// The encoded header, which is the same for every access token that this key signs.
    header: String,
}

enum Material {
    Hmac(Box<hmac::Key>),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
}

impl SigningKey {
    /// Generates a random key. An RSA key has 3072 bits, an HMAC secret is as long as its hash.
    ///
    /// The key id is the thumbprint of the public key (RFC 7638), or 128 random bits for an HMAC secret.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generation`] if the generator of random numbers or keys fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        if let Some((_, length)) = algorithm.hmac() {
            let mut random = Zeroizing::new(vec![0; length + 16]);
            fill(&mut random).map_err(|_| KeyError::Generation)?;
            let (kid, secret) = random.split_at(16);
            return Self::from_secret(algorithm, Some(&encode(kid)), secret);
        }
        Self::from_generated(algorithm, Material::generate(algorithm)?)
    }

    /// Generates a random RSA key of 2048 bits, which signs seven times as fast as one of 3072 bits and is what most
    /// relying parties of OpenID Connect expect.
    ///
    /// ```
    /// use rolecall::token::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate_rsa_2048(Algorithm::Rs256)?;
    /// assert_eq!(key.algorithm(), Algorithm::Rs256);
    /// # Ok::<(), rolecall::token::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::Mismatched`] if `algorithm` is not one of RSA, [`KeyError::Generation`] if the generator fails.
    pub fn generate_rsa_2048(algorithm: Algorithm) -> Result<Self, KeyError> {
        let scheme = rsa_scheme(algorithm).ok_or(KeyError::Mismatched(algorithm))?;
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generation)?;
        Self::from_generated(algorithm, Material::Rsa(pair, scheme))
    }

    fn from_generated(algorithm: Algorithm, material: Material) -> Result<Self, KeyError> {
        let part = material.public_part(algorithm)?;
        let kid = part.thumbprint(algorithm);
        Self::from_parts(algorithm, &kid, material, part)
    }

    /// Loads a private key in PKCS#8 (RFC 5958).
    ///
    /// # Errors
    ///
    /// [`KeyError::Mismatched`] if `der` is not a key for `algorithm`, [`KeyError::Weak`] if the key is weak, and
    /// [`KeyError::KeyId`] if `kid` is empty or too long.
    pub fn from_pkcs8(algorithm: Algorithm, kid: &str, der: &[u8]) -> Result<Self, KeyError> {
        if !der::is_one_sequence(der) {
            return Err(KeyError::Mismatched(algorithm));
        }
        let material = Material::from_pkcs8(algorithm, der)?;
        let part = material.public_part(algorithm)?;
        Self::from_parts(algorithm, kid, material, part)
    }

    /// Creates a key from a shared secret. Everyone who can verify with it can also sign.
    ///
    /// # Errors
    ///
    /// [`KeyError::ShortSecret`] if the secret is shorter than the hash, [`KeyError::Mismatched`] if `algorithm` is not
    /// an HMAC, and [`KeyError::KeyId`] if `kid` is empty or too long.
    pub fn from_secret(
        algorithm: Algorithm,
        kid: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let material = Material::Hmac(Box::new(hmac_key(algorithm, secret)?));
        let verifying = VerifyingKey::from_secret(algorithm, kid, secret)?;
        Ok(Self::with(material, verifying))
    }

    fn from_parts(
        algorithm: Algorithm,
        kid: &str,
        material: Material,
        part: PublicPart,
    ) -> Result<Self, KeyError> {
        checked_kid(Some(kid))?;
        let verifying = VerifyingKey::from_public(algorithm, Some(kid), part)?;
        Ok(Self::with(material, verifying))
    }

    fn with(material: Material, verifying: VerifyingKey) -> Self {
        Self {
            header: header(&verifying, "at+jwt"),
            material,
            verifying,
        }
    }

    /// Returns the key id. Only a shared secret can be without one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.verifying.kid()
    }

    /// Returns the algorithm of the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// Returns the key that verifies the signatures of this one.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// Returns the public key as a JWK with `kid`, `alg` and `use` (RFC 7517), or `None` for a shared secret.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Value> {
        self.verifying.public_jwk()
    }

    /// Returns the private key in PKCS#8, or `None` for a shared secret. It is wiped from memory when it is dropped.
    #[must_use]
    pub fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let copy = |der: &[u8]| Zeroizing::new(der.to_vec());
        match &self.material {
            Material::Hmac(_) => None,
            Material::Ecdsa(pair) => pair.to_pkcs8v1().ok().map(|der| copy(der.as_ref())),
            Material::Ed25519(pair) => pair.to_pkcs8().ok().map(|der| copy(der.as_ref())),
            Material::Rsa(pair, _) => {
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).ok()?;
                Some(copy(der.as_ref()))
            }
        }
    }

    /// Signs an access token with the header `alg`, `typ`, `kid` (RFC 9068 section 2.1).
    ///
    /// # Errors
    ///
    /// [`SignError::TooLong`] if the token would be longer than [`MAX_TOKEN_BYTES`], so that no guard would accept it.
    pub fn sign(&self, claims: &AccessClaims) -> Result<String, SignError> {
        let payload = serde_json::to_vec(claims).map_err(|_| SignError::Claims)?;
        let token = self.sign_parts(&self.header, &payload)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(SignError::TooLong);
        }
        Ok(token)
    }

    /// Signs claims that are not those of an access token, such as an ID token (`JWT`) or a logout token (`logout+jwt`).
    ///
    /// ```
    /// use rolecall::token::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let token = key.sign_typed("JWT", &serde_json::json!({"sub": "u1"}))?;
    /// assert_eq!(token.split('.').count(), 3);
    /// assert!(key.sign_typed("at+jwt", &serde_json::json!({})).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SignError::Claims`] if the claims cannot be written or `typ` is that of access tokens, which only
    /// [`sign`](Self::sign) makes, and [`SignError::TooLong`] as there.
    pub fn sign_typed(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        if is_access_token_type(typ) {
            return Err(SignError::Claims);
        }
        let payload = serde_json::to_vec(claims).map_err(|_| SignError::Claims)?;
        let header = header(&self.verifying, typ);
        let token = self.sign_parts(&header, &payload)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(SignError::TooLong);
        }
        Ok(token)
    }

    /// Signs any payload with any header, for tests that need invalid tokens.
    ///
    /// # Errors
    ///
    /// [`SignError::Signature`] if the signature cannot be computed.
    #[cfg(any(test, feature = "testing"))]
    pub fn sign_raw(&self, header: &Value, payload: &[u8]) -> Result<String, SignError> {
        self.sign_parts(&encode(header.to_string().as_bytes()), payload)
    }

    /// Signs any text, for tests that build a token of parts.
    ///
    /// # Errors
    ///
    /// [`SignError::Signature`] if the signature cannot be computed.
    #[cfg(any(test, feature = "testing"))]
    pub fn sign_text(&self, text: &str) -> Result<Vec<u8>, SignError> {
        self.material.sign(text.as_bytes())
    }

    /// Returns true if `signature` is one of this key for `text`, for tests that use a signature again.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        self.verifying.accepts(text.as_bytes(), signature)
    }

    fn sign_parts(&self, header: &str, payload: &[u8]) -> Result<String, SignError> {
        let mut token = format!("{header}.{}", encode(payload));
        let signature = self.material.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&encode(&signature));
        Ok(token)
    }
}

/// Returns an encoded header.
fn header(key: &VerifyingKey, typ: &str) -> String {
    let mut header = json!({"alg": key.algorithm().as_str(), "typ": typ});
    if let (Some(kid), Value::Object(members)) = (key.kid(), &mut header) {
        members.insert("kid".to_owned(), kid.into());
    }
    encode(header.to_string().as_bytes())
}

/// Returns true for the media type of access tokens, in either form that guards accept (RFC 9068 section 4).
fn is_access_token_type(typ: &str) -> bool {
    let short = typ
        .get(..12)
        .filter(|prefix| prefix.eq_ignore_ascii_case("application/"));
    let typ = short.map_or(typ, |prefix| typ.get(prefix.len()..).unwrap_or_default());
    typ.eq_ignore_ascii_case("at+jwt")
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

fn ecdsa(algorithm: Algorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => Some(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => None,
    }
}

fn rsa_scheme(algorithm: Algorithm) -> Option<&'static RsaSignatureEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}

impl Material {
    fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let material = if let Some(curve) = ecdsa(algorithm) {
            EcdsaKeyPair::generate(curve).map(Self::Ecdsa)
        } else if let Some(scheme) = rsa_scheme(algorithm) {
            RsaKeyPair::generate(KeySize::Rsa3072).map(|pair| Self::Rsa(pair, scheme))
        } else if algorithm == Algorithm::EdDsa {
            Ed25519KeyPair::generate().map(Self::Ed25519)
        } else {
            return Err(KeyError::Mismatched(algorithm));
        };
        material.map_err(|_| KeyError::Generation)
    }

    fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let material = if let Some(curve) = ecdsa(algorithm) {
            EcdsaKeyPair::from_pkcs8(curve, der).map(Self::Ecdsa)
        } else if let Some(scheme) = rsa_scheme(algorithm) {
            RsaKeyPair::from_pkcs8(der).map(|pair| Self::Rsa(pair, scheme))
        } else if algorithm == Algorithm::EdDsa {
            Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519)
        } else {
            return Err(KeyError::Mismatched(algorithm));
        };
        material.map_err(|_| KeyError::Mismatched(algorithm))
    }

    fn public_part(&self, algorithm: Algorithm) -> Result<PublicPart, KeyError> {
        let part = match self {
            Self::Hmac(_) => None,
            // SEC 1 section 2.3.3: the byte 4, then both coordinates with the same length
            Self::Ecdsa(pair) => match pair.public_key().as_ref().split_first() {
                Some((4, point)) => {
                    let (x, y) = point.split_at(point.len() / 2);
                    Some(PublicPart::EllipticCurve {
                        x: x.to_vec(),
                        y: y.to_vec(),
                    })
                }
                _ => None,
            },
            Self::Ed25519(pair) => Some(PublicPart::Edwards {
                x: pair.public_key().as_ref().to_vec(),
            }),
            Self::Rsa(pair, _) => der::read_public_key(pair.public_key().as_ref())
                .map(|(n, e)| PublicPart::Rsa { n, e }),
        };
        part.ok_or(KeyError::Mismatched(algorithm))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |_| SignError::Signature;
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Rsa(pair, scheme) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*scheme, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::{Audience, SubjectKind};

    use super::*;
    use crate::token::encoding::decode;

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: "https://id.example".into(),
            sub: "u1".into(),
            subject_kind: SubjectKind::User,
            aud: Audience::One("https://api.example".into()),
            client_id: "rolecall".into(),
            iat: 1,
            exp: 2,
            jti: "t1".into(),
            sid: None,
            auth_time: None,
            acr: None,
            amr: vec![],
            step_up: vec![],
            username: "alice".into(),
            roles: vec![],
            scope: None,
            tenant: None,
            global: None,
            narrowed: false,
            rev: 0,
            era: String::new(),
            other: serde_json::Map::new(),
        }
    }

    fn header_of(key: &SigningKey) -> Value {
        let token = key.sign(&claims()).unwrap();
        let header = decode(token.split('.').next().unwrap()).unwrap();
        serde_json::from_slice(&header).unwrap()
    }

    #[test]
    fn the_header_has_only_algorithm_type_and_key_id() {
        let key = SigningKey::from_secret(Algorithm::Hs256, Some("k\"1"), &[7; 32]).unwrap();
        let expected = json!({"alg": "HS256", "typ": "at+jwt", "kid": "k\"1"});
        assert_eq!(header_of(&key), expected);
        let key = SigningKey::from_secret(Algorithm::Hs256, None, &[7; 32]).unwrap();
        assert_eq!(header_of(&key), json!({"alg": "HS256", "typ": "at+jwt"}));
    }

    #[test]
    fn i026_only_access_tokens_have_their_type() {
        let key = SigningKey::from_secret(Algorithm::Hs256, Some("k1"), &[7; 32]).unwrap();
        for typ in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/At+Jwt",
        ] {
            assert_eq!(
                key.sign_typed(typ, &json!({})),
                Err(SignError::Claims),
                "{typ}"
            );
        }
        let token = key.sign_typed("logout+jwt", &json!({"sub": "u1"})).unwrap();
        let header = decode(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(
            header,
            json!({"alg": "HS256", "typ": "logout+jwt", "kid": "k1"})
        );
        let long = json!({"sub": "s".repeat(MAX_TOKEN_BYTES)});
        assert_eq!(key.sign_typed("JWT", &long), Err(SignError::TooLong));
    }

    #[test]
    fn an_rsa_key_of_2048_bits_is_not_for_other_algorithms() {
        let key = SigningKey::generate_rsa_2048(Algorithm::Rs256).unwrap();
        let modulus = key.public_jwk().unwrap()["n"].as_str().unwrap().to_owned();
        assert_eq!(decode(&modulus).unwrap().len(), 256);
        let other = SigningKey::generate_rsa_2048(Algorithm::Es256);
        assert!(matches!(other, Err(KeyError::Mismatched(_))));
    }

    #[test]
    fn a_token_that_would_be_too_long_is_not_signed() {
        let key = SigningKey::from_secret(Algorithm::Hs256, None, &[7; 32]).unwrap();
        let mut claims = claims();
        claims.scope = Some("s".repeat(MAX_TOKEN_BYTES * 3 / 4));
        assert_eq!(key.sign(&claims), Err(SignError::TooLong));
        claims.scope = Some("s".repeat(MAX_TOKEN_BYTES * 3 / 4 - 400));
        assert!(key.sign(&claims).unwrap().len() <= MAX_TOKEN_BYTES);
    }

    #[test]
    fn generated_keys_differ_in_id_and_key() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
            let keys = [(); 2].map(|()| SigningKey::generate(algorithm).unwrap());
            let [one, two] = &keys;
            assert_ne!(one.kid(), two.kid());
            assert!(one.kid().is_some_and(|kid| kid.len() >= 22));
            assert_ne!(one.sign(&claims()), two.sign(&claims()));
        }
    }

    #[test]
    fn keys_can_be_shared_between_threads() {
        fn assert_shareable<T: Send + Sync + 'static>() {}
        assert_shareable::<SigningKey>();
        assert_shareable::<VerifyingKey>();
        assert_shareable::<crate::token::KeySet>();
    }
}
