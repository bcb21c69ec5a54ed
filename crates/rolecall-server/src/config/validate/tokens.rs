//! The tokens, and those of the application that rolecall replaces.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::bounds;
use crate::config::{Config, SigningAlgorithm, values::show_duration};

/// Guards refuse tokens with a longer lifetime.
const MAX_ACCESS_TTL: Duration = Duration::from_hours(24);
const MIN_ROTATION: Duration = Duration::from_hours(1);
const MAX_ROTATION: Duration = Duration::from_hours(400 * 24);
/// The longest lifetime that a session of the old application may plausibly have.
const MAX_LEGACY_AGE: Duration = Duration::from_hours(90 * 24);
/// RFC 7518 section 3.2: an HMAC key is at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;

pub(super) fn faults(config: &Config) -> Vec<String> {
    let tokens = &config.tokens;
    let mut faults = Vec::new();
    let lifetimes = Duration::from_secs(1)..=MAX_ACCESS_TTL;
    faults.extend(bounds::duration(
        "tokens.access_ttl",
        tokens.access_ttl,
        lifetimes,
        "1s and 24h",
    ));
    if !tokens.rotate_every.is_zero() {
        let rotations = MIN_ROTATION..=MAX_ROTATION;
        let shown = "1h and 400d; `0` rotates by hand only";
        faults.extend(bounds::duration(
            "tokens.rotate_every",
            tokens.rotate_every,
            rotations,
            shown,
        ));
    }
    faults.extend(bounds::number(
        "tokens.max_bytes",
        tokens.max_bytes,
        1024..=16 * 1024,
    ));
    for (key, value) in [
        ("tokens.issuer", &tokens.issuer),
        ("tokens.audience", &tokens.audience),
    ] {
        let unusable = |text: &String| {
            text.is_empty()
                || text.len() > 256
                || text.contains(|letter: char| letter.is_control() || letter.is_whitespace())
        };
        if value.as_ref().is_some_and(unusable) {
            faults.push(format!(
                "`{key}` must have 1 to 256 characters, without spaces"
            ));
        }
    }
    match (&tokens.secret, tokens.algorithm) {
        (Some(secret), SigningAlgorithm::Hs256) => {
            let length = secret.expose_secret().len();
            if length < MIN_SECRET_BYTES {
                faults.push(format!(
                    "`tokens.secret` has {length} bytes and HS256 needs at least {MIN_SECRET_BYTES}; `openssl rand -hex 32` makes a good one"
                ));
            }
        }
        (Some(_), _) => faults.push(
            "`tokens.secret` is only used with `tokens.algorithm = \"HS256\"`; leave it out or set the algorithm".to_owned(),
        ),
        (None, _) => {}
    }
    faults
}

pub(super) fn legacy_faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let legacy = &config.tokens.legacy;
    let Some(secret) = legacy
        .secret
        .as_ref()
        .map(secrecy::ExposeSecret::expose_secret)
    else {
        if legacy.until.is_some() || legacy.max_age.is_some() || legacy.allow_short_secret {
            faults.push("`tokens.legacy.secret` is missing: set it to the secret that the old application signs with, or remove the section".to_owned());
        }
        return faults;
    };
    let length = secret.len();
    if length == 0 {
        faults.push("`tokens.legacy.secret` is empty".to_owned());
    } else if length < MIN_SECRET_BYTES && !legacy.allow_short_secret {
        faults.push(format!(
            "`tokens.legacy.secret` has {length} bytes and HS256 needs at least {MIN_SECRET_BYTES}: anyone with one token can guess it and forge tokens for every imported user; accept the risk until `tokens.legacy.until` with `tokens.legacy.allow_short_secret = true`"
        ));
    }
    let own = config.tokens.secret.as_ref();
    if own.is_some_and(|own| own.expose_secret() == secret) {
        faults.push("`tokens.secret` must not be the same as `tokens.legacy.secret`: anyone who knows the old secret could forge every token".to_owned());
    }
    if legacy.until.is_none() {
        faults.push("`tokens.legacy.until` is missing: set it to the time when the last token of the old application expires".to_owned());
    }
    match legacy.max_age {
        None => faults.push(
            "`tokens.legacy.max_age` is missing: set it to the lifetime of the old application's tokens, such as `30m`"
                .to_owned(),
        ),
        Some(age) if age.is_zero() || age > MAX_LEGACY_AGE => faults.push(format!(
            "`tokens.legacy.max_age`: {} is not between 1s and 90d",
            show_duration(age)
        )),
        Some(_) => {}
    }
    faults
}
