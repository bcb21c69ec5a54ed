//! Verification of legacy tokens.

use std::time::Duration;

use rolecall::token::jws;
use rolecall_core::Timestamp;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::old_tokens::Legacy;

/// The most by which the clock of the old application may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);
/// The latest accepted time in seconds: 9999-12-31T23:59:59Z.
const MAX_TIME: i64 = 253_402_300_799;

/// The token is genuine but expired.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// The claims that are used; roles, scopes and other claims are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) exp: i64,
    #[serde(default, deserialize_with = "number")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    nbf: Option<i64>,
    /// A token with an audience is refused: the same secret often signs other tokens, for example in password reset
    /// links.
    #[serde(default, deserialize_with = "present")]
    aud: Option<IgnoredAny>,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    i64::deserialize(deserializer).map(Some)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}

/// Verifies `token` at time `now`; returns `None` if it is not a legacy token.
pub(super) fn read(legacy: &Legacy, token: &str, now: Timestamp) -> Option<Result<Claims, Ended>> {
    let verified = jws::verify(&legacy.keys, token).ok()?;
    // an access token of this server is never a legacy token, even with the same secret (RFC 8725 section 3.11)
    if verified
        .typ
        .is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt"))
    {
        return None;
    }
    // serde would accept an array too
    if verified.payload.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&verified.payload).ok()?;
    let times = [Some(claims.exp), claims.iat, claims.nbf];
    let possible = times
        .into_iter()
        .flatten()
        .all(|time| (0..=MAX_TIME).contains(&time));
    if !possible || claims.aud.is_some() || claims.sub.is_empty() {
        return None;
    }
    let starts = [claims.iat, claims.nbf]
        .into_iter()
        .flatten()
        .map(Timestamp::from_seconds);
    if starts.into_iter().any(|start| start > now.plus(LEEWAY)) {
        return None;
    }
    let exp = Timestamp::from_seconds(claims.exp);
    // without `iat`, only the remaining lifetime limits the age
    let oldest = claims
        .iat
        .map(|iat| Timestamp::from_seconds(iat).plus(legacy.max_age));
    let too_old = exp.since(now) > legacy.max_age || oldest.is_some_and(|oldest| now > oldest);
    if now >= exp || now >= legacy.until || too_old {
        return Some(Err(Ended));
    }
    Some(Ok(claims))
}
