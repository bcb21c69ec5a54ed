//! Keys, valid tokens and forgeries for the tests.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rolecall::token::{
    Algorithm, KeySet, Reason, SigningKey, TokenError, VerifiedClaims, Verifier,
};
use rolecall_core::Timestamp;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

/// In the far future, so that a library that reads the system clock accepts the tokens as well.
pub(crate) const NOW: i64 = 4_000_000_000;

pub(crate) static ES256: LazyLock<SigningKey> = LazyLock::new(|| new_key(Algorithm::Es256));
pub(crate) static EDDSA: LazyLock<SigningKey> = LazyLock::new(|| new_key(Algorithm::EdDsa));
pub(crate) static RS256: LazyLock<SigningKey> = LazyLock::new(|| new_key(Algorithm::Rs256));
pub(crate) static HS256: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_secret(Algorithm::Hs256, Some("shared"), SECRET).unwrap());
pub(crate) const SECRET: &[u8; 64] =
    b"a secret of sixty-four bytes, which is enough for every HMAC....";

fn new_key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Returns the header of a token that rolecall signs with `key`.
pub(crate) fn header(key: &SigningKey) -> Value {
    json!({"alg": key.algorithm().as_str(), "typ": "at+jwt", "kid": key.kid()})
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u1", "subject_kind": "user", "aud": AUDIENCE,
        "client_id": "rolecall", "iat": NOW - 60, "exp": NOW + 1800, "jti": "t1", "sid": "s1",
        "auth_time": NOW - 60, "username": "alice", "roles": ["admin"], "scope": "items:read",
        "rev": 7, "era": "e1",
    })
}

/// Returns `object` with `name` set to `value`.
pub(crate) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}

/// Returns `object` without `name`.
pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

pub(crate) fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    key.sign_raw(header, claims.to_string().as_bytes()).unwrap()
}

/// Returns a valid token of `key`.
pub(crate) fn token(key: &SigningKey) -> String {
    sign(key, &header(key), &claims())
}

pub(crate) fn only(key: &SigningKey) -> KeySet {
    KeySet::new(vec![key.verifying_key()]).unwrap()
}

pub(crate) fn verify(keys: &KeySet, token: &str) -> Result<VerifiedClaims, TokenError> {
    verify_at(keys, token, NOW)
}

pub(crate) fn verify_at(
    keys: &KeySet,
    token: &str,
    now: i64,
) -> Result<VerifiedClaims, TokenError> {
    let verifier = Verifier::new(ISSUER, AUDIENCE);
    verifier.verify(keys, token, Timestamp::from_seconds(now))
}

/// Asserts that the token is refused for `reason`, and that a valid token of the same key is accepted.
#[track_caller]
pub(crate) fn assert_refused(key: &SigningKey, token: &str, reason: Reason) {
    assert!(verify(&only(key), &self::token(key)).is_ok(), "control");
    assert_eq!(
        verify(&only(key), token),
        Err(TokenError::Invalid(reason)),
        "{token}"
    );
}

/// Returns the signing input of any header and payload.
pub(crate) fn signed_part(header: &str, payload: &str) -> String {
    format!("{}.{}", encode(header), encode(payload))
}

/// Returns a token with any header, signed with HS256 and a secret of any length.
pub(crate) fn forge_hs256(header: &Value, secret: &[u8]) -> String {
    let signed = signed_part(&header.to_string(), &claims().to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())))
}

/// Returns a token with exactly this header and payload, correctly signed with the shared secret.
pub(crate) fn shared_token(header: &str, payload: &str) -> String {
    let signed = signed_part(header, payload);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())))
}

/// Returns a PEM block with 64 columns.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
