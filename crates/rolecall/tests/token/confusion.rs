//! Tokens with an algorithm that is not the key's: `none`, and public keys used as HMAC secrets.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rolecall::token::{Algorithm, KeyError, KeySet, Reason, SigningKey, VerifyingKey};
use serde_json::json;

use crate::support::*;

fn spki(key: &SigningKey) -> Vec<u8> {
    let der = key.to_pkcs8().unwrap();
    let spki: PublicKeyX509Der<'_> = if key.algorithm() == Algorithm::Es256 {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
        pair.public_key().as_der().unwrap()
    } else {
        let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
        pair.public_key().as_der().unwrap()
    };
    spki.as_ref().to_vec()
}

fn pkcs1() -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(&RS256.to_pkcs8().unwrap()).unwrap();
    pair.public_key().as_ref().to_vec()
}

/// Asserts that tokens signed with HS256 and `secret` are refused, with and without the key's `kid`.
#[track_caller]
fn assert_no_secret(key: &SigningKey, secret: &[u8]) {
    let header = with(header(key), "alg", "HS256");
    assert_refused(key, &forge_hs256(&header, secret), Reason::Algorithm);
    let header = without(header, "kid");
    assert_refused(key, &forge_hs256(&header, secret), Reason::UnknownKey);
}

#[test]
fn none_in_any_spelling_is_refused_with_and_without_signature() {
    for key in [&*ES256, &*HS256] {
        let good = token(key);
        let signature = good.rsplit_once('.').unwrap().1;
        for none in ["none", "None", "NONE", "nOnE", "none ", "", "null"] {
            let header = with(header(key), "alg", none);
            let signed = signed_part(&header.to_string(), &claims().to_string());
            assert_refused(key, &format!("{signed}."), Reason::Algorithm);
            assert_refused(key, &format!("{signed}.{signature}"), Reason::Algorithm);
            assert_refused(key, &signed, Reason::Form);
        }
    }
}

#[test]
fn none_that_is_not_a_string_is_refused() {
    for alg in [
        json!(null),
        json!(["none"]),
        json!(["HS256"]),
        json!(0),
        json!({}),
        json!(false),
    ] {
        let header = with(header(&HS256), "alg", alg);
        assert_refused(&HS256, &sign(&HS256, &header, &claims()), Reason::Header);
    }
}

#[test]
fn none_implied_by_a_missing_algorithm_is_refused() {
    let header = without(header(&HS256), "alg");
    assert_refused(&HS256, &sign(&HS256, &header, &claims()), Reason::Header);
    assert_refused(&HS256, &sign(&HS256, &json!({}), &claims()), Reason::Header);
}

#[test]
fn none_is_refused_with_an_empty_key_set() {
    let unsigned = signed_part(r#"{"alg":"none","typ":"at+jwt"}"#, &claims().to_string());
    assert!(verify(&KeySet::empty(), &format!("{unsigned}.")).is_err());
}

#[test]
fn confusion_spki_der_public_key_as_secret_is_refused() {
    assert_no_secret(&ES256, &spki(&ES256));
    assert_no_secret(&RS256, &spki(&RS256));
}

#[test]
fn confusion_spki_pem_public_key_as_secret_is_refused() {
    for key in [&*ES256, &*RS256] {
        let pem = pem("PUBLIC KEY", &spki(key));
        assert_no_secret(key, pem.as_bytes());
        assert_no_secret(key, pem.trim_end().as_bytes());
        assert_no_secret(key, pem.replace('\n', "\r\n").as_bytes());
    }
}

#[test]
fn confusion_spki_pem_lead_ws_public_key_as_secret_is_refused() {
    for lead in [" ", "\n", "\t", "\u{feff}"] {
        let pem = format!("{lead}{}", pem("PUBLIC KEY", &spki(&RS256)));
        assert_no_secret(&RS256, pem.as_bytes());
    }
}

#[test]
fn confusion_pkcs1_pem_public_key_as_secret_is_refused() {
    let pem = pem("RSA PUBLIC KEY", &pkcs1());
    assert_no_secret(&RS256, pem.as_bytes());
    assert_no_secret(&RS256, format!(" {pem}").as_bytes());
    assert_no_secret(&RS256, &pkcs1());
}

#[test]
fn confusion_ec_ssh_public_key_as_secret_is_refused() {
    let spki = spki(&ES256);
    let point = &spki[spki.len() - 65..];
    let mut blob = Vec::new();
    for part in [&b"ecdsa-sha2-nistp256"[..], b"nistp256", point] {
        blob.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        blob.extend(part);
    }
    let line = format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(&blob));
    assert_no_secret(&ES256, line.as_bytes());
    assert_no_secret(&ES256, &blob);
    assert_no_secret(&ES256, point);
}

#[test]
fn confusion_jwk_json_public_key_as_secret_is_refused() {
    for key in [&*ES256, &*RS256, &*EDDSA] {
        let jwk = key.public_jwk().unwrap();
        assert_no_secret(key, jwk.to_string().as_bytes());
        let x = jwk.get("x").or_else(|| jwk.get("n")).unwrap();
        assert_no_secret(key, &decode(x.as_str().unwrap()));
    }
}

#[test]
fn confusion_empty_secret_is_refused() {
    for secret in [&b""[..], b"\0", &[0; 31]] {
        assert!(matches!(
            VerifyingKey::from_secret(Algorithm::Hs256, None, secret),
            Err(KeyError::ShortSecret { .. })
        ));
        assert!(matches!(
            SigningKey::from_secret(Algorithm::Hs256, None, secret),
            Err(KeyError::ShortSecret { .. })
        ));
    }
    let jwks = json!({"keys": [{"kty": "oct", "alg": "HS256", "k": ""}]}).to_string();
    assert!(matches!(
        KeySet::from_jwks(&jwks),
        Err(KeyError::ShortSecret { .. })
    ));
    assert_no_secret(&ES256, b"");
    assert_refused(
        &HS256,
        &forge_hs256(&header(&HS256), b""),
        Reason::Signature,
    );
}

#[test]
fn confusion_between_hashes_of_one_secret_is_refused() {
    for (made_for, used_with) in [
        (Algorithm::Hs256, Algorithm::Hs512),
        (Algorithm::Hs512, Algorithm::Hs256),
        (Algorithm::Hs384, Algorithm::Hs256),
    ] {
        let key = SigningKey::from_secret(made_for, Some("k"), SECRET).unwrap();
        let other = SigningKey::from_secret(used_with, Some("k"), SECRET).unwrap();
        assert_refused(&key, &token(&other), Reason::Algorithm);
    }
}

#[test]
fn alg_swap_between_ps_and_rs_is_refused() {
    let der = RS256.to_pkcs8().unwrap();
    let kid = RS256.kid().unwrap();
    let ps256 = SigningKey::from_pkcs8(Algorithm::Ps256, kid, &der).unwrap();
    assert_refused(&RS256, &token(&ps256), Reason::Algorithm);
    assert_refused(&ps256, &token(&RS256), Reason::Algorithm);
    // with the other's name in the header, the signature is not valid
    let lie = with(header(&ps256), "alg", "RS256");
    assert_refused(&RS256, &sign(&ps256, &lie, &claims()), Reason::Signature);
    let lie = with(header(&RS256), "alg", "PS256");
    assert_refused(&ps256, &sign(&RS256, &lie, &claims()), Reason::Signature);
}

#[test]
fn alg_swap_between_families_is_refused() {
    for key in [&*ES256, &*EDDSA, &*RS256, &*HS256] {
        for algorithm in Algorithm::ALL {
            if algorithm != key.algorithm() {
                let lie = with(header(key), "alg", algorithm.as_str());
                assert_refused(key, &sign(key, &lie, &claims()), Reason::Algorithm);
            }
        }
    }
}

#[test]
fn alg_unsupported_or_in_another_case_is_refused() {
    for alg in [
        "RS1",
        "RSA1_5",
        "ES521",
        "PS1",
        "ES256K",
        "HS1",
        "HS128",
        "hs256",
        "Hs256",
        "HS256 ",
        "eddsa",
        "Ed25519",
        "dir",
        "A256KW",
        "PBES2-HS256+A128KW",
    ] {
        let header = with(header(&HS256), "alg", alg);
        assert_refused(&HS256, &sign(&HS256, &header, &claims()), Reason::Algorithm);
    }
}
