//! A strict parser for JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037).

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyType};
use super::encoding::decode;
use super::error::KeyError;
use super::json;
use super::public_part::PublicPart;
use super::verifying::VerifyingKey;

/// The members that only a private key has (RFC 7518 sections 6.2.2 and 6.3.2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A JWK that was parsed but not checked.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Jwk {
    members: HashMap<String, Member>,
}

/// The value of a member. Strings are wiped from memory when dropped, because one of them can be a secret.
enum Member {
    String(Zeroizing<String>),
    Strings(Vec<String>),
    Other,
}

#[derive(serde::Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

impl VerifyingKey {
    /// Creates a key from a JWK (RFC 7517 section 4).
    ///
    /// `algorithm` is the algorithm that the caller expects. It must agree with the `alg` of the key, and is required
    /// if the key has none and its type allows several.
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
    /// Any [`KeyError`] that concerns a single key; [`KeyError::Malformed`] for an unknown `kty`, `crv` or `alg`.
    pub fn from_jwk(json: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        parse_jwk(json)?
            .to_key(algorithm)?
            .ok_or(KeyError::Malformed("an unsupported type of key"))
    }
}

fn parse_jwk(json: &str) -> Result<Jwk, KeyError> {
    json::check(json.as_bytes()).map_err(|_| KeyError::Malformed("not strict JSON"))?;
    serde_json::from_str(json).map_err(|_| KeyError::Malformed("not a JSON object"))
}

/// Parses the keys of a JWK Set, in the order of the set.
pub(super) fn parse_jwks(json: &str) -> Result<Vec<Jwk>, KeyError> {
    json::check(json.as_bytes()).map_err(|_| KeyError::Malformed("not strict JSON"))?;
    // serde would accept an array in place of the object
    if !json.trim_start().starts_with('{') {
        return Err(KeyError::Malformed("not a JSON object"));
    }
    let set: JwkSet = serde_json::from_str(json)
        .map_err(|_| KeyError::Malformed("`keys` is not an array of objects"))?;
    Ok(set.keys)
}

impl Jwk {
    pub(super) fn kid(&self) -> Result<Option<&str>, KeyError> {
        self.string("kid")
    }

    pub(super) fn is_symmetric(&self) -> bool {
        matches!(self.string("kty"), Ok(Some("oct")))
    }

    /// Checks the key and returns it, or `None` if its type or algorithm is not supported.
    ///
    /// `expected` is the algorithm that the caller expects, if any.
    pub(super) fn to_key(
        &self,
        expected: Option<Algorithm>,
    ) -> Result<Option<VerifyingKey>, KeyError> {
        let kty = self.string("kty")?;
        let kty = kty.ok_or(KeyError::Malformed("a key without `kty`"))?;
        let key_type = match kty {
            "oct" => KeyType::Octets,
            "EC" => KeyType::EllipticCurve,
            "OKP" => KeyType::Edwards,
            "RSA" => KeyType::Rsa,
            // RFC 7517 section 5: keys that are not understood are ignored
            _ => return Ok(None),
        };
        if key_type != KeyType::Octets
            && PRIVATE.iter().any(|name| self.members.contains_key(*name))
        {
            return Err(KeyError::PrivateKey);
        }
        self.check_use()?;
        let Some(algorithm) = self.algorithm(key_type, expected)? else {
            return Ok(None);
        };
        let kid = self.kid()?;
        let part = match key_type {
            KeyType::Octets => {
                let secret = Zeroizing::new(self.bytes("k")?);
                return VerifyingKey::from_secret(algorithm, kid, &secret).map(Some);
            }
            KeyType::EllipticCurve => PublicPart::EllipticCurve {
                x: self.bytes("x")?,
                y: self.bytes("y")?,
            },
            KeyType::Edwards => PublicPart::Edwards {
                x: self.bytes("x")?,
            },
            KeyType::Rsa => PublicPart::Rsa {
                n: self.bytes("n")?,
                e: self.bytes("e")?,
            },
        };
        VerifyingKey::from_public(algorithm, kid, part).map(Some)
    }

    /// Checks that the key may verify signatures (RFC 7517 sections 4.2 and 4.3).
    fn check_use(&self) -> Result<(), KeyError> {
        if self.string("use")?.is_some_and(|usage| usage != "sig") {
            return Err(KeyError::WrongUse);
        }
        match self.members.get("key_ops") {
            None => Ok(()),
            Some(Member::Strings(operations)) => {
                let verifies = operations.iter().any(|one| one == "verify");
                let only_signatures = operations
                    .iter()
                    .all(|one| one == "verify" || one == "sign");
                (verifies && only_signatures)
                    .then_some(())
                    .ok_or(KeyError::WrongUse)
            }
            Some(_) => Err(KeyError::Malformed("`key_ops` is not an array of strings")),
        }
    }

    /// Returns the only algorithm of the key, or `None` if it is not supported.
    ///
    /// INVARIANT: the algorithm comes from the key or from the caller, never from a token.
    fn algorithm(
        &self,
        key_type: KeyType,
        expected: Option<Algorithm>,
    ) -> Result<Option<Algorithm>, KeyError> {
        let mut candidates = vec![expected];
        if let Some(name) = self.string("alg")? {
            let Ok(algorithm) = name.parse() else {
                return Ok(None);
            };
            candidates.push(Some(algorithm));
        }
        if matches!(key_type, KeyType::EllipticCurve | KeyType::Edwards) {
            let curve = self.string("crv")?;
            let curve = curve.ok_or(KeyError::Malformed("a key without `crv`"))?;
            let uses_curve = |one: &Algorithm| one.curve().is_some_and(|(name, _)| name == curve);
            let Some(algorithm) = Algorithm::ALL.into_iter().find(uses_curve) else {
                return Ok(None);
            };
            candidates.push(Some(algorithm));
        }
        let mut candidates = candidates.into_iter().flatten();
        let algorithm = candidates.next().ok_or(KeyError::AmbiguousAlgorithm)?;
        if algorithm.key_type() != key_type || candidates.any(|other| other != algorithm) {
            return Err(KeyError::Mismatched(algorithm));
        }
        Ok(Some(algorithm))
    }

    fn string(&self, name: &str) -> Result<Option<&str>, KeyError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Member::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(KeyError::Malformed("a member of a key is not a string")),
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        let text = self.string(name)?;
        let text = text.ok_or(KeyError::Malformed("a member of a key is missing"))?;
        decode(text).ok_or(KeyError::Malformed("a member of a key is not base64url"))
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member of a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::String(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Member, A::Error> {
        let (mut strings, mut only_strings) = (Vec::new(), true);
        while let Some(item) = items.next_element::<Member>()? {
            match item {
                Member::String(text) => strings.push(text.as_str().to_owned()),
                _ => only_strings = false,
            }
        }
        Ok(if only_strings {
            Member::Strings(strings)
        } else {
            Member::Other
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Member, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Other)
    }
}
