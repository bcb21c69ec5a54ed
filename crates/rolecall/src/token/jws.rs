//! The JWS layer: form, algorithm and signature of a token (RFC 7515), nothing about its claims.
//!
//! [`Verifier`](super::Verifier) is what guards use. This layer alone serves payloads that are not
//! claims; what it answers says who signed, not that the signer may.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::MAX_TOKEN_BYTES;
use super::algorithm::Algorithm;
use super::encoding::decode;
use super::error::JwsError;
use super::json;
use super::key_set::KeySet;
use super::verifying::KeyFingerprint;

/// What a key of the set has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The algorithm: the key's and the token's.
    pub algorithm: Algorithm,
    /// The `kid` header of the token.
    pub kid: Option<String>,
    /// The `typ` header, as written.
    pub typ: Option<String>,
    /// The payload, as signed: any bytes.
    pub payload: Vec<u8>,
    /// Which key it was.
    pub key: KeyFingerprint,
}

/// Verifies the signature of `token` in its compact form, with the key that its `kid` names.
///
/// Members of the header that carry or point to keys (`jwk`, `jku`, `x5u`, `x5c`) are never used. A
/// `crit` of any content is refused, since no extension is understood, and so are `b64`, `zip` and
/// `enc`, which would change what the payload means.
///
/// An ECDSA signature (r, s) has a twin (r, n - s) that verifies as well (RFC 7518 does not ask for
/// the smaller one): a token is the same token under both, so revocation goes by `jti`, never by the
/// token's text.
///
/// ```
/// use rolecall::token::{KeySet, JwsError, jws};
///
/// let unsigned = "eyJhbGciOiJub25lIn0.e30.";
/// assert_eq!(jws::verify(&KeySet::empty(), unsigned), Err(JwsError::Algorithm));
/// ```
///
/// # Errors
///
/// The first [`JwsError`] that is found; it says nothing beyond what is public about the keys.
pub fn verify(keys: &KeySet, token: &str) -> Result<Verified, JwsError> {
    let parts = Parts::of(token)?;
    let header = Header::parse(&decode(parts.header).ok_or(JwsError::Encoding)?)?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| JwsError::Algorithm)?;
    let key = keys.select(header.kid.as_deref())?;
    // INVARIANT: the algorithm is the key's; that of the token can only agree (RFC 8725 section 3.1)
    if key.algorithm() != algorithm {
        return Err(JwsError::Algorithm);
    }
    let signature = decode(parts.signature).ok_or(JwsError::Encoding)?;
    if !key.accepts(parts.signed.as_bytes(), &signature) {
        return Err(JwsError::Signature);
    }
    let payload = decode(parts.payload).ok_or(JwsError::Encoding)?;
    Ok(Verified {
        algorithm,
        kid: header.kid,
        typ: header.typ,
        payload,
        key: key.fingerprint(),
    })
}

/// The three parts of a compact JWS (RFC 7515 section 7.1), borrowed.
pub(super) struct Parts<'t> {
    pub(super) header: &'t str,
    pub(super) payload: &'t str,
    /// Header and payload with the dot between them: what is signed.
    signed: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    /// Takes `token` apart without allocating, however many dots it has.
    pub(super) fn of(token: &'t str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Form)?;
        if payload.contains('.') {
            return Err(JwsError::Form);
        }
        Ok(Self {
            header,
            payload,
            signed,
            signature,
        })
    }
}

/// The members of a JOSE header that are acted upon (RFC 7515 section 4).
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) typ: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    enc: Option<IgnoredAny>,
}

impl Header {
    pub(super) fn parse(json: &[u8]) -> Result<Self, JwsError> {
        json::check(json).map_err(|_| JwsError::Header)?;
        // serde would take an array for the object as well
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(JwsError::Header);
        }
        let header: Self = serde_json::from_slice(json).map_err(|_| JwsError::Header)?;
        let extensions = [header.crit, header.b64, header.zip, header.enc];
        if extensions.iter().any(Option::is_some) {
            return Err(JwsError::Critical);
        }
        Ok(header)
    }
}

/// A string; `null` is not an absent member.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}
