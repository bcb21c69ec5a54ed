//! The body of the fuzz target `token`; `corpus.rs` replays its corpus.
//!
//! The first byte selects how the rest is used: as a token, as header and payload to be signed, as damage to a valid
//! token, or as one claim of a valid token.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken as other;
use rolecall::token::{
    Algorithm, KeySet, SigningKey, TokenError, VerifiedClaims, Verifier, dangerous,
};
use rolecall_core::{AccessClaims, Timestamp};
use serde_json::{Map, Value, json};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";
/// In the far future, so that jsonwebtoken, which reads the system clock, accepts the tokens as well.
const NOW: i64 = 4_000_000_000;
const DAY: i64 = 24 * 60 * 60;
const SECRET: &[u8; 64] = b"a secret of sixty-four bytes, which is enough for every HMAC....";

static KEYS: LazyLock<[SigningKey; 3]> = LazyLock::new(|| {
    [
        SigningKey::from_secret(Algorithm::Hs256, Some("shared"), SECRET).unwrap(),
        SigningKey::generate(Algorithm::Es256).unwrap(),
        SigningKey::generate(Algorithm::EdDsa).unwrap(),
    ]
});

/// One set with the secret, and one with both public keys.
static SETS: LazyLock<[KeySet; 2]> = LazyLock::new(|| {
    let [secret, public @ ..] = &*KEYS;
    [
        KeySet::new(vec![secret.verifying_key()]).unwrap(),
        KeySet::new(public.iter().map(SigningKey::verifying_key).collect()).unwrap(),
    ]
});

pub(crate) fn run(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else {
        return;
    };
    match how % 4 {
        0 => as_token(rest),
        1 => as_signed_parts(rest),
        2 => as_damage(rest),
        _ => as_claim(rest),
    }
}

fn as_token(rest: &[u8]) {
    let text = String::from_utf8_lossy(rest);
    for keys in &*SETS {
        verify_and_check(keys, &text);
    }
}

/// Signs header and payload of any bytes, which are separated by a line break.
fn as_signed_parts(rest: &[u8]) {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (header, payload) = rest.split_at(end.unwrap_or(rest.len()));
    let payload = payload.strip_prefix(b"\n").unwrap_or(payload);
    verify_and_check(&SETS[0], &signed_with_secret(header, payload));
}

/// Replaces, removes or adds bytes in the text of a valid token, with three bytes of input for each edit.
fn as_damage(rest: &[u8]) {
    let Some((which, edits)) = rest.split_first() else {
        return;
    };
    let which = usize::from(*which) % KEYS.len();
    let key = &KEYS[which];
    let good = key
        .sign_raw(&header_of(key), good_claims().to_string().as_bytes())
        .unwrap();
    let mut text = good.clone().into_bytes();
    for edit in edits.chunks_exact(3).take(8) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1] & 0x7f])) % (text.len() + 1);
        match (edit[1] >> 7, edit[2]) {
            (0, byte) if at < text.len() => text[at] = byte,
            (0, byte) => text.push(byte),
            (_, 0) if at < text.len() => drop(text.remove(at)),
            (_, byte) => text.insert(at, byte),
        }
    }
    let keys = &SETS[usize::from(which > 0)];
    let text = String::from_utf8_lossy(&text);
    let accepted = verify_and_check(keys, &text);
    assert_eq!(accepted, text == good, "{text} was derived from {good}");
}

/// Replaces or removes a member of a valid token. The input is `h` (header) or `c` (claims), then `name=json`.
fn as_claim(rest: &[u8]) {
    let text = String::from_utf8_lossy(rest);
    let Some((name, value)) = text.split_once('=') else {
        return;
    };
    let key = &KEYS[0];
    let (mut header, mut claims) = (header_of(key), good_claims());
    let (members, name) = match name.strip_prefix('h') {
        Some(name) => (&mut header, name),
        None => (&mut claims, name.strip_prefix('c').unwrap_or(name)),
    };
    match serde_json::from_str::<Value>(value) {
        // a deeper value is refused because of its depth
        Ok(value) if depth(&value) > 8 => return,
        Ok(value) => members[name] = value,
        Err(_) => drop(members.as_object_mut().unwrap().remove(name)),
    }
    let token = signed_with_secret(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let accepted = verify_and_check(&SETS[0], &token);
    let fits = header_fits(&header) && claims_fit(&claims) && token.len() <= 16 * 1024;
    assert_eq!(accepted, fits, "header {header}, claims {claims}");
}

/// Verifies `token`, checks the result in every way, and returns true if the token was accepted.
fn verify_and_check(keys: &KeySet, token: &str) -> bool {
    let verifier = Verifier::new(ISSUER, AUDIENCE);
    let answer = verifier.verify(keys, token, Timestamp::from_seconds(NOW));
    let unverified = dangerous::decode_unverified(token);
    if unverified.is_ok() {
        for part in token.rsplit_once('.').unwrap().0.split('.') {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.encode(bytes), part, "canonical");
        }
    }
    let Ok(claims) = answer else {
        // the same error again
        let again = verifier.verify(keys, token, Timestamp::from_seconds(NOW));
        assert_eq!(again.err(), answer.err());
        return false;
    };
    let unverified = unverified.expect("a verified token can be decoded");
    assert!(header_fits(&Value::Object(unverified.header.clone())));
    assert!(claims_fit(&Value::Object(unverified.claims.clone())));
    let late = verifier.verify(keys, token, Timestamp::from_seconds(claims.exp));
    assert_eq!(late, Err(TokenError::Ended));
    assert_other_verifies(token, &unverified.header, &unverified.claims);
    assert_round_trip(&claims);
    true
}

/// A naive check of the header (RFC 7515, RFC 9068).
fn header_fits(header: &Value) -> bool {
    let members = header.as_object().unwrap();
    let typ = header["typ"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let alg = header["alg"].as_str().unwrap_or_default();
    let key = KEYS.iter().find(|key| key.algorithm().as_str() == alg);
    ["crit", "b64", "zip", "enc"]
        .iter()
        .all(|name| !members.contains_key(*name))
        && (typ == "at+jwt" || typ == "application/at+jwt")
        && key.is_some_and(|key| header["kid"].as_str() == key.kid())
}

/// A naive check of the claims (RFC 7519, RFC 9068).
fn claims_fit(claims: &Value) -> bool {
    let members = claims.as_object().unwrap();
    let all = |names: &[&str], fits: &dyn Fn(&Value) -> bool| {
        let mut present = names.iter().filter_map(|name| members.get(*name));
        present.all(fits)
    };
    let is_count = |value: &Value| value.as_i64().is_some_and(|number| number >= 0);
    let is_time = |value: &Value| {
        let seconds = value.as_i64();
        seconds.is_some_and(|seconds| (0..=253_402_300_799).contains(&seconds))
    };
    let texts = |value: &Value| {
        let items = value.as_array();
        items.is_some_and(|items| items.iter().all(Value::is_string))
    };
    let for_us = match &claims["aud"] {
        Value::String(one) => one == AUDIENCE,
        many => texts(many) && many.as_array().unwrap().contains(&json!(AUDIENCE)),
    };
    let optional = [
        "client_id",
        "jti",
        "sid",
        "username",
        "scope",
        "tenant",
        "era",
    ];
    claims["iss"] == ISSUER
        && claims["sub"].as_str().is_some_and(|sub| !sub.is_empty())
        && for_us
        && ["iat", "exp"].iter().all(|name| is_time(&claims[*name]))
        && all(&["nbf", "auth_time"], &is_time)
        && all(&["rev"], &is_count)
        && all(&["roles", "step_up"], &texts)
        && all(&["acr"], &Value::is_string)
        && all(&["narrowed"], &Value::is_boolean)
        && all(&optional, &Value::is_string)
        && all(&["subject_kind"], &|kind| {
            kind == "user" || kind == "client"
        })
        && all(&["iat", "nbf"], &|at| at.as_i64() <= Some(NOW + 30))
        && claims["exp"].as_i64() > Some(NOW)
        && claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= DAY
}

/// Asserts that jsonwebtoken accepts the token too. It refuses unknown header members that are not strings.
fn assert_other_verifies(token: &str, header: &Map<String, Value>, claims: &Map<String, Value>) {
    let known = ["alg", "typ", "kid"];
    let is_readable = header.keys().all(|name| known.contains(&name.as_str()));
    if !is_readable {
        return;
    }
    let key = KEYS
        .iter()
        .find(|key| header["alg"] == key.algorithm().as_str())
        .unwrap();
    let decoding = match key.public_jwk() {
        Some(jwk) => other::DecodingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap(),
        None => other::DecodingKey::from_secret(SECRET),
    };
    let mut validation = other::Validation::new(key.algorithm().as_str().parse().unwrap());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let read = other::decode::<Map<String, Value>>(token, &decoding, &validation);
    assert_eq!(&read.expect("jsonwebtoken refuses").claims, claims);
}

/// Asserts that verified claims are the same after they were signed and verified again.
fn assert_round_trip(claims: &VerifiedClaims) {
    let signed = KEYS[0].sign(&AccessClaims {
        iss: claims.iss.clone(),
        sub: claims.sub.clone(),
        subject_kind: claims.subject_kind,
        aud: claims.aud.clone(),
        client_id: claims.client_id.clone(),
        iat: claims.iat,
        exp: claims.exp,
        jti: claims.jti.clone(),
        sid: claims.sid.clone(),
        auth_time: claims.auth_time,
        acr: claims.acr,
        amr: claims.amr.clone(),
        step_up: claims.step_up.clone(),
        username: claims.username.clone(),
        roles: claims.roles.clone(),
        scope: claims.has_scope.then(|| claims.scope.clone()),
        tenant: claims.tenant.clone(),
        global: claims.global.clone(),
        narrowed: claims.narrowed,
        rev: claims.rev,
        era: claims.era.clone(),
        other: claims.other.clone(),
    });
    // escapes can make the token longer than before
    let Ok(signed) = signed else { return };
    let verifier = Verifier::new(ISSUER, AUDIENCE);
    let again = verifier.verify(&SETS[0], &signed, Timestamp::from_seconds(NOW));
    let mut expected = claims.clone();
    expected.nbf = None;
    expected.key = KEYS[0].verifying_key().fingerprint();
    assert_eq!(again, Ok(expected));
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or_default()
}

fn header_of(key: &SigningKey) -> Value {
    json!({"alg": key.algorithm().as_str(), "typ": "at+jwt", "kid": key.kid()})
}

fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u1", "subject_kind": "user", "aud": AUDIENCE,
        "client_id": "rolecall", "iat": NOW - 60, "exp": NOW + 1800, "jti": "t1", "sid": "s1",
        "auth_time": NOW - 60, "username": "alice", "roles": ["admin"], "scope": "items:read",
        "rev": 7, "era": "e1",
    })
}

fn signed_with_secret(header: &[u8], payload: &[u8]) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header), encode(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", encode(tag.as_ref()))
}
