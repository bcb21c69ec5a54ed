//! A comparison with jsonwebtoken: each side verifies the tokens of the other, for every algorithm.

use jsonwebtoken as other;
use rolecall::token::{Algorithm, SigningKey};
use serde_json::Value;

use crate::support::*;

const RSA: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// Returns all algorithms except ES512, which jsonwebtoken does not support; vectors of RFC 7515 and 7520 cover it.
fn shared() -> impl Iterator<Item = Algorithm> {
    let all = Algorithm::ALL.into_iter();
    all.filter(|one| *one != Algorithm::Es512)
}

fn key(algorithm: Algorithm) -> SigningKey {
    if algorithm.is_symmetric() {
        return SigningKey::from_secret(algorithm, Some("shared"), SECRET).unwrap();
    }
    if RSA.contains(&algorithm) {
        // the same key pair for all, because generating one is slow
        let pkcs8 = RS256.to_pkcs8().unwrap();
        return SigningKey::from_pkcs8(algorithm, "rsa", &pkcs8).unwrap();
    }
    SigningKey::generate(algorithm).unwrap()
}

fn name(algorithm: Algorithm) -> other::Algorithm {
    algorithm.as_str().parse().unwrap()
}

fn encoding_key(key: &SigningKey) -> other::EncodingKey {
    let Some(pkcs8) = key.to_pkcs8() else {
        return other::EncodingKey::from_secret(SECRET);
    };
    let pem = pem("PRIVATE KEY", &pkcs8);
    match key.algorithm() {
        Algorithm::EdDsa => other::EncodingKey::from_ed_pem(pem.as_bytes()),
        Algorithm::Es256 | Algorithm::Es384 => other::EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => other::EncodingKey::from_rsa_pem(pem.as_bytes()),
    }
    .unwrap()
}

fn decoding_key(key: &SigningKey) -> other::DecodingKey {
    let Some(jwk) = key.public_jwk() else {
        return other::DecodingKey::from_secret(SECRET);
    };
    other::DecodingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap()
}

fn validation(algorithm: Algorithm) -> other::Validation {
    let mut validation = other::Validation::new(name(algorithm));
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

#[test]
fn tokens_signed_by_rolecall_verify_with_jsonwebtoken() {
    for algorithm in shared() {
        let key = key(algorithm);
        let claims: rolecall_core::AccessClaims = serde_json::from_value(claims()).unwrap();
        let token = key.sign(&claims).unwrap();
        let read = other::decode::<Value>(&token, &decoding_key(&key), &validation(algorithm));
        let read = read.unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(read.claims, crate::support::claims());
        assert_eq!(read.header.kid.as_deref(), key.kid());
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        let header = decode(token.split('.').next().unwrap());
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(
            header,
            crate::support::header(&key),
            "exactly alg, typ, kid"
        );
    }
}

#[test]
fn tokens_signed_by_jsonwebtoken_verify_with_rolecall() {
    for algorithm in shared() {
        let key = key(algorithm);
        let mut header = other::Header::new(name(algorithm));
        header.typ = Some("at+jwt".to_owned());
        header.kid = key.kid().map(str::to_owned);
        let token = other::encode(&header, &claims(), &encoding_key(&key)).unwrap();
        let read =
            verify(&only(&key), &token).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!((read.sub.as_str(), read.rev), ("u1", 7));
    }
}

#[test]
fn tokens_of_another_key_are_refused_on_both_sides() {
    for algorithm in [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
    ] {
        let (ours, theirs) = (key(algorithm), SigningKey::generate(algorithm).unwrap());
        let token = sign(&theirs, &header(&ours), &claims());
        let read = other::decode::<Value>(&token, &decoding_key(&ours), &validation(algorithm));
        assert!(read.is_err() && verify(&only(&ours), &token).is_err());
    }
}
