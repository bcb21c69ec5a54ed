//! Decodes tokens without verifying them. Never base a decision on the result.
//!
//! This is the only place where unverified tokens are decoded. It is for tools that show a token to a person, not for
//! guards.

use serde_json::{Map, Value};

use super::encoding::decode;
use super::error::JwsError;
use super::json;
use super::jws::Parts;

/// The content of a token that was not verified. Anyone can have written it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unverified {
    /// The header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Decodes the header and claims of `token` and ignores its signature.
///
/// ```
/// let forged = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbnlib2R5In0.";
/// let unverified = rolecall::token::dangerous::decode_unverified(forged)?;
/// assert_eq!(unverified.claims["sub"], "anybody");
/// # Ok::<(), rolecall::token::JwsError>(())
/// ```
///
/// # Errors
///
/// A [`JwsError`] if the token does not have three parts, or one of the first two is not a strict JSON object.
pub fn decode_unverified(token: &str) -> Result<Unverified, JwsError> {
    let parts = Parts::split(token)?;
    Ok(Unverified {
        header: object(parts.header)?,
        claims: object(parts.payload)?,
    })
}

fn object(part: &str) -> Result<Map<String, Value>, JwsError> {
    let bytes = decode(part).ok_or(JwsError::Encoding)?;
    json::check(&bytes).map_err(|_| JwsError::Header)?;
    serde_json::from_slice(&bytes).map_err(|_| JwsError::Header)
}
