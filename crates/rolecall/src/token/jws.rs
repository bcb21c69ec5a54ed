//! Verifies the form, algorithm and signature of a token (RFC 7515), but not its claims.
//!
//! Guards use [`Verifier`](super::Verifier). Use this layer only for payloads that are not claims: it verifies which
//! key signed the payload, not that the payload is meant for you.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::algorithm::Algorithm;
use super::encoding::decode;
use super::error::JwsError;
use super::json;
use super::key_set::KeySet;
use super::verifying::KeyFingerprint;

/// The maximum length of a token, in bytes. A longer token is refused before it is parsed.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A payload whose signature was verified with a key of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The algorithm of the key and the token.
    pub algorithm: Algorithm,
    /// The `kid` header of the token.
    pub kid: Option<String>,
    /// The `typ` header, as written.
    pub typ: Option<String>,
    /// The signed payload, which can be any bytes.
    pub payload: Vec<u8>,
    /// The fingerprint of the key that verified the signature.
    pub key: KeyFingerprint,
}

/// Verifies the signature of `token`, in compact serialization, with the key that its `kid` names.
///
/// Header members that contain or refer to keys (`jwk`, `jku`, `x5u`, `x5c`) are never used. A token with `crit` is
/// refused, since no extension is supported, and so is one with `b64`, `zip` or `enc`, which would change the meaning
/// of the payload.
///
/// For every ECDSA signature (r, s), the signature (r, n - s) is valid as well, and RFC 7518 does not require the
/// smaller one. Both tokens are the same token, so revocation compares `jti` and never the text of a token.
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
/// The first [`JwsError`] that is found. It reveals nothing secret about the keys.
pub fn verify(keys: &KeySet, token: &str) -> Result<Verified, JwsError> {
    let parts = Parts::split(token)?;
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

/// The three parts of a JWS in compact serialization (RFC 7515 section 7.1), borrowed from the token.
pub(super) struct Parts<'t> {
    pub(super) header: &'t str,
    pub(super) payload: &'t str,
    /// The signing input: header and payload with the dot between them.
    signed: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    /// Splits `token` without allocating, no matter how many dots it has.
    pub(super) fn split(token: &'t str) -> Result<Self, JwsError> {
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

/// The members of a JOSE header that matter here (RFC 7515 section 4).
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
        // serde would accept an array in place of the object
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

/// Deserializes a string; unlike `Option<String>`, it refuses `null`.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}
