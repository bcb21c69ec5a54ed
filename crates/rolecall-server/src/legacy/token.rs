//! What a token of the old application must look like.

use std::time::Duration;

use rolecall::token::jws;
use rolecall_core::Timestamp;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::old_tokens::Legacy;

/// How far ahead the old application's clock may be.
const LEEWAY: Duration = Duration::from_secs(30);
/// The latest time that is taken: 9999-12-31T23:59:59Z, in seconds.
const MAX_TIME: i64 = 253_402_300_799;

/// It was one, and is none any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// What counts of its claims. Roles, scopes and whatever else it may hold say nothing here.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) exp: i64,
    #[serde(default, deserialize_with = "number")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    nbf: Option<i64>,
    /// Whoever names an audience means another one: the secret often signs links to reset passwords too.
    #[serde(default, deserialize_with = "present")]
    aud: Option<IgnoredAny>,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    i64::deserialize(deserializer).map(Some)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}

/// Verifies `token` as of `now`; `None` if it is no token of the old application.
pub(super) fn read(legacy: &Legacy, token: &str, now: Timestamp) -> Option<Result<Claims, Ended>> {
    let verified = jws::verify(&legacy.keys, token).ok()?;
    // RFC 8725 section 3.11: an access token of ours is none of theirs, whoever signed it
    if verified
        .typ
        .is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt"))
    {
        return None;
    }
    // serde would take an array for the object as well
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
    // without `iat`, how long it lasts yet is all that is known of its age
    let oldest = claims
        .iat
        .map(|iat| Timestamp::from_seconds(iat).plus(legacy.max_age));
    let too_old = exp.since(now) > legacy.max_age || oldest.is_some_and(|oldest| now > oldest);
    if now >= exp || now >= legacy.until || too_old {
        return Some(Err(Ended));
    }
    Some(Ok(claims))
}
