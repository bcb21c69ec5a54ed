//! Reading a token without verifying it. Nothing here may decide anything.
//!
//! This is the only place where a token is read unverified: a tool that shows a token to the person
//! who pasted it may use it, a guard may not.

use serde_json::{Map, Value};

use super::encoding::decode;
use super::error::JwsError;
use super::json;
use super::jws::Parts;

/// What a token says of itself. Anybody can have written it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unverified {
    /// The header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Reads header and claims of `token`; the signature is not looked at.
///
/// ```
/// let forged = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbnlib2R5In0.";
/// let said = rolecall::token::dangerous::decode_unverified(forged)?;
/// assert_eq!(said.claims["sub"], "anybody");
/// # Ok::<(), rolecall::token::JwsError>(())
/// ```
///
/// # Errors
///
/// [`JwsError`] if it does not have the form of a token: three parts, strict JSON objects in the
/// first two.
pub fn decode_unverified(token: &str) -> Result<Unverified, JwsError> {
    let parts = Parts::of(token)?;
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
