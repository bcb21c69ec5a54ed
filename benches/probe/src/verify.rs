//! The cost to verify an access token, beside that of the bare signature.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    hmac,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::{
    AccessClaims, Acr, Audience, Clock as _, Guard, LiveState, SubjectKind, SystemClock,
    token::{Algorithm, KeySet, SigningKey},
};

const ISSUER: &str = "https://login.example";
const API: &str = "https://items.example";

/// A key of aws-lc-rs for verification.
pub(crate) enum BareKey {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl BareKey {
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// An algorithm to time.
struct Case {
    algorithm: Algorithm,
    token: String,
    /// The signed text and the decoded signature.
    parts: (String, Vec<u8>),
    bare: BareKey,
    /// Has no cache.
    uncached: Guard,
    /// Has the token in its cache.
    cached: Guard,
}

/// Measures all algorithms and operations in turn, so that disturbances of the machine affect all of them.
pub(crate) fn run(rounds: usize, time: Duration) -> anyhow::Result<()> {
    let cases = Algorithm::ALL
        .into_iter()
        .map(Case::new)
        .collect::<anyhow::Result<Vec<_>>>()?;
    for _ in 0..rounds {
        for case in &cases {
            let (message, signature) = &case.parts;
            let bare = measure(time, || case.bare.verifies(message.as_bytes(), signature))?;
            let full = measure(time, || case.uncached.verify(&case.token).is_ok())?;
            let cached = measure(time, || case.cached.verify(&case.token).is_ok())?;
            for (operation, nanoseconds) in [("bare", bare), ("full", full), ("cached", cached)] {
                println!("{}\t{operation}\t{nanoseconds:.1}", case.algorithm);
            }
        }
    }
    Ok(())
}

/// The nanoseconds per call over at least `time`. Fails if a call does, since a refusal takes another time.
pub(crate) fn measure(time: Duration, mut call: impl FnMut() -> bool) -> anyhow::Result<f64> {
    let mut calls = 1_u32;
    loop {
        let start = Instant::now();
        for _ in 0..calls {
            if !black_box(call()) {
                bail!("a valid token was refused");
            }
        }
        let elapsed = start.elapsed();
        if elapsed >= time {
            return Ok(elapsed.as_secs_f64() * 1e9 / f64::from(calls));
        }
        // enough calls for the next attempt to be long enough, but at most ten times as many
        let ratio = time.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        calls = match ratio * 1.1 {
            ratio if ratio < 2.0 => calls.saturating_mul(2),
            ratio if ratio < 5.0 => calls.saturating_mul(5),
            _ => calls.saturating_mul(10),
        };
    }
}

impl Case {
    fn new(algorithm: Algorithm) -> anyhow::Result<Self> {
        let (key, bare) = keys(algorithm)?;
        let token = key.sign(&claims())?;
        let (message, signature) = token.rsplit_once('.').context("a token has three parts")?;
        let parts = (message.to_owned(), URL_SAFE_NO_PAD.decode(signature)?);
        let keys = KeySet::new(vec![key.verifying_key()])?;
        let uncached = guard(keys.clone(), 0)?;
        let cached = guard(keys, 100)?;
        cached.verify(&token)?;
        uncached.verify(&token)?;
        if (uncached.cached_tokens(), cached.cached_tokens()) != (0, 1) {
            bail!("the guards do not cache as configured");
        }
        Ok(Self {
            algorithm,
            token,
            parts,
            bare,
            uncached,
            cached,
        })
    }
}

/// A guard as in a server, which checks revocations, the era and the age of the state on every call.
pub(crate) fn guard(keys: KeySet, capacity: usize) -> anyhow::Result<Guard> {
    let live = LiveState::new(keys, "era", Arc::new(SystemClock));
    Ok(Guard::builder()
        .live(live)
        .issuer(ISSUER)
        .audience(API)
        .cache_capacity(capacity)
        .max_staleness(Duration::from_hours(24))
        .build()?)
}

fn keys(algorithm: Algorithm) -> anyhow::Result<(SigningKey, BareKey)> {
    use Algorithm::{
        EdDsa, Es256, Es384, Es512, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512,
    };
    match algorithm {
        Hs256 => hmac_keys(algorithm, hmac::HMAC_SHA256),
        Hs384 => hmac_keys(algorithm, hmac::HMAC_SHA384),
        Hs512 => hmac_keys(algorithm, hmac::HMAC_SHA512),
        Es256 => ecdsa_keys(
            algorithm,
            &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            &signature::ECDSA_P256_SHA256_FIXED,
        ),
        Es384 => ecdsa_keys(
            algorithm,
            &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            &signature::ECDSA_P384_SHA384_FIXED,
        ),
        Es512 => ecdsa_keys(
            algorithm,
            &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
            &signature::ECDSA_P521_SHA512_FIXED,
        ),
        EdDsa => {
            let pair = Ed25519KeyPair::generate()?;
            let key = SigningKey::from_pkcs8(algorithm, "key", pair.to_pkcs8()?.as_ref())?;
            let public = ParsedPublicKey::new(&signature::ED25519, pair.public_key().as_ref())?;
            Ok((key, BareKey::Public(public)))
        }
        Rs256 => rsa_keys(algorithm, &signature::RSA_PKCS1_2048_8192_SHA256),
        Rs384 => rsa_keys(algorithm, &signature::RSA_PKCS1_2048_8192_SHA384),
        Rs512 => rsa_keys(algorithm, &signature::RSA_PKCS1_2048_8192_SHA512),
        Ps256 => rsa_keys(algorithm, &signature::RSA_PSS_2048_8192_SHA256),
        Ps384 => rsa_keys(algorithm, &signature::RSA_PSS_2048_8192_SHA384),
        Ps512 => rsa_keys(algorithm, &signature::RSA_PSS_2048_8192_SHA512),
    }
}

fn hmac_keys(algorithm: Algorithm, hash: hmac::Algorithm) -> anyhow::Result<(SigningKey, BareKey)> {
    let secret = [7; 64];
    let key = SigningKey::from_secret(algorithm, Some("key"), &secret)?;
    Ok((
        key,
        BareKey::Secret(Box::new(hmac::Key::new(hash, &secret))),
    ))
}

fn ecdsa_keys(
    algorithm: Algorithm,
    signing: &'static signature::EcdsaSigningAlgorithm,
    verifying: &'static signature::EcdsaVerificationAlgorithm,
) -> anyhow::Result<(SigningKey, BareKey)> {
    let pair = EcdsaKeyPair::generate(signing)?;
    let key = SigningKey::from_pkcs8(algorithm, "key", pair.to_pkcs8v1()?.as_ref())?;
    let public = ParsedPublicKey::new(verifying, pair.public_key().as_ref())?;
    Ok((key, BareKey::Public(public)))
}

/// Generates keys with 2048 bits, as most issuers do.
fn rsa_keys(
    algorithm: Algorithm,
    verifying: &'static signature::RsaParameters,
) -> anyhow::Result<(SigningKey, BareKey)> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let private: Pkcs8V1Der<'_> = pair.as_der()?;
    let key = SigningKey::from_pkcs8(algorithm, "key", private.as_ref())?;
    let public = ParsedPublicKey::new(verifying, pair.public_key().as_ref())?;
    Ok((key, BareKey::Public(public)))
}

/// The claims that the server issues to a user with two roles and three permissions.
pub(crate) fn claims() -> AccessClaims {
    let now = SystemClock.now().seconds();
    AccessClaims {
        iss: ISSUER.to_owned(),
        sub: "01900000-0000-7000-8000-000000000001".to_owned(),
        subject_kind: SubjectKind::User,
        aud: Audience::One(API.to_owned()),
        client_id: "rolecall".to_owned(),
        iat: now,
        exp: now + 6 * 3600,
        jti: "abcdefghijklmnopqrstuvwxyz0".to_owned(),
        sid: Some("01900000-0000-7000-8000-000000000002".to_owned()),
        auth_time: Some(now),
        username: "alice".to_owned(),
        roles: vec!["editor".to_owned(), "user".to_owned()],
        scope: Some("items:read items:write reports:read".to_owned()),
        tenant: None,
        global: None,
        narrowed: false,
        acr: Some(Acr::Aal1),
        amr: vec!["pwd".to_owned()],
        step_up: Vec::new(),
        rev: 0,
        era: "era".to_owned(),
        other: serde_json::Map::new(),
    }
}
