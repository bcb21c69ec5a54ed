//! Keys and key sets that must be refused, and the behavior of valid ones.

use rolecall::token::{
    Algorithm, KeyError, KeySet, MAX_JWKS_BYTES, MAX_KEYS, SigningKey, VerifyingKey,
};
use serde_json::{Value, json};

use crate::support::*;

fn load(keys: &[Value]) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(&json!({ "keys": keys }).to_string())
}

fn ec() -> Value {
    ES256.public_jwk().unwrap()
}

fn rsa() -> Value {
    RS256.public_jwk().unwrap()
}

fn okp() -> Value {
    EDDSA.public_jwk().unwrap()
}

fn oct() -> Value {
    json!({"kty": "oct", "alg": "HS256", "kid": "shared", "use": "sig", "k": encode(SECRET)})
}

#[test]
fn published_keys_load_and_verify_tokens() {
    let keys = load(&[ec(), rsa(), okp()]).unwrap();
    assert_eq!(keys.len(), 3);
    for key in [&*ES256, &*RS256, &*EDDSA] {
        assert!(verify(&keys, &token(key)).is_ok());
        assert!(keys.contains(key.verifying_key().fingerprint()));
    }
    let secret = load(&[oct()]).unwrap();
    assert!(verify(&secret, &token(&HS256)).is_ok());
    assert!(secret.is_symmetric() && !keys.is_symmetric() && !KeySet::empty().is_symmetric());
}

#[test]
fn a_published_key_has_no_private_members() {
    for key in [&*ES256, &*RS256, &*EDDSA] {
        let jwk = key.public_jwk().unwrap();
        let mut names: Vec<&str> = jwk
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        let expected = match key.algorithm() {
            Algorithm::Es256 => vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
            Algorithm::EdDsa => vec!["alg", "crv", "kid", "kty", "use", "x"],
            _ => vec!["alg", "e", "kid", "kty", "n", "use"],
        };
        assert_eq!(names, expected);
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["kid"], key.kid().unwrap());
    }
    assert_eq!(HS256.public_jwk(), None);
    assert!(HS256.to_pkcs8().is_none());
}

#[test]
fn a_duplicate_kid_is_refused_even_on_an_ignored_key() {
    let twice = with(okp(), "kid", ES256.kid().unwrap());
    assert_eq!(load(&[ec(), twice]).unwrap_err(), KeyError::DuplicateKeyId);
    assert_eq!(load(&[ec(), ec()]).unwrap_err(), KeyError::DuplicateKeyId);
    let unknown = json!({"kty": "XYZ", "kid": ES256.kid().unwrap()});
    assert_eq!(
        load(&[ec(), unknown]).unwrap_err(),
        KeyError::DuplicateKeyId
    );
    let again = vec![ES256.verifying_key(), ES256.verifying_key()];
    assert_eq!(KeySet::new(again).unwrap_err(), KeyError::DuplicateKeyId);
}

#[test]
fn a_key_for_encryption_is_refused() {
    for usage in ["enc", "SIG", "", "tls"] {
        assert_eq!(
            load(&[with(ec(), "use", usage)]).unwrap_err(),
            KeyError::WrongUse
        );
    }
    for operations in [
        json!(["encrypt"]),
        json!(["sign"]),
        json!([]),
        json!(["verify", "wrapKey"]),
    ] {
        let key = with(ec(), "key_ops", operations);
        assert_eq!(load(&[key]).unwrap_err(), KeyError::WrongUse);
    }
    assert!(load(&[with(ec(), "key_ops", json!(["verify"]))]).is_ok());
    assert!(
        load(&[with(
            without(ec(), "use"),
            "key_ops",
            json!(["sign", "verify"])
        )])
        .is_ok()
    );
}

#[test]
fn a_set_that_mixes_secrets_with_public_keys_is_refused() {
    assert_eq!(load(&[oct(), ec()]).unwrap_err(), KeyError::MixedSet);
    assert_eq!(
        load(&[ec(), with(oct(), "alg", "A256KW")]).unwrap_err(),
        KeyError::MixedSet
    );
    let mixed = vec![ES256.verifying_key(), HS256.verifying_key()];
    assert_eq!(KeySet::new(mixed).unwrap_err(), KeyError::MixedSet);
}

#[test]
fn a_private_key_in_a_set_is_refused() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(
            load(&[with(ec(), name, "AQAB")]).unwrap_err(),
            KeyError::PrivateKey
        );
        assert_eq!(
            load(&[with(rsa(), name, "AQAB")]).unwrap_err(),
            KeyError::PrivateKey
        );
    }
    assert_eq!(
        load(&[with(okp(), "d", Value::Null)]).unwrap_err(),
        KeyError::PrivateKey
    );
}

#[test]
fn a_secret_shorter_than_the_hash_is_refused() {
    for (algorithm, least) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let jwk = |length| {
            let key = with(oct(), "k", encode(vec![7; length]));
            load(&[with(key, "alg", algorithm.as_str())])
        };
        assert!(jwk(least).is_ok() && jwk(least + 100).is_ok());
        let actual = least - 1;
        let short = KeyError::ShortSecret {
            algorithm,
            least,
            actual,
        };
        assert_eq!(jwk(actual).unwrap_err(), short);
        let loaded = VerifyingKey::from_secret(algorithm, None, &vec![7; actual]);
        assert_eq!(loaded.unwrap_err(), short);
    }
}

#[test]
fn a_weak_rsa_key_is_refused() {
    let n = decode(rsa()["n"].as_str().unwrap());
    let weak = |n: &[u8], e: &[u8]| load(&[with(with(rsa(), "n", encode(n)), "e", encode(e))]);
    assert!(weak(&n, &[1, 0, 1]).is_ok());
    let (last, others) = n.split_last().unwrap();
    let even = [others, &[last - 1]].concat();
    for (n, e) in [
        (&even[..], &[1, 0, 1][..]),
        (&n[..128], &[1, 0, 1]),
        (&n[..255], &[1, 0, 1]),
        (&n, &[1]),
        (&n, &[3]),
        (&n, &[1, 0, 0]),
    ] {
        let loaded = weak(n, e).map(|_| ());
        assert!(
            matches!(loaded, Err(KeyError::Weak(_))),
            "{} {e:?}: {loaded:?}",
            n.len()
        );
    }
    assert!(weak(&[&[0], &n[..]].concat(), &[1, 0, 1]).is_err());
    assert!(weak(&n, &[0, 1, 0, 1]).is_err());
    assert!(weak(&n, &[]).is_err());
    assert!(weak(&[], &[1, 0, 1]).is_err());
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    let mismatched = KeyError::Mismatched(Algorithm::Es256);
    let mut y = decode(ec()["y"].as_str().unwrap());
    y[31] ^= 1;
    for (name, value) in [
        ("y", encode(&y)),
        ("y", encode(&y[..31])),
        ("y", encode([&[0], &y[..]].concat())),
        ("x", encode([0; 32])),
        ("x", encode([0xff; 32])),
        ("x", String::new()),
    ] {
        assert_eq!(load(&[with(ec(), name, value)]).unwrap_err(), mismatched);
    }
    assert!(load(&[with(ec(), "crv", "P-384")]).is_err());
    assert!(load(&[with(okp(), "x", encode([0; 31]))]).is_err());
    assert!(matches!(
        load(&[with(okp(), "x", encode([0; 32]))]),
        Err(KeyError::Weak(_))
    ));
}

#[test]
fn a_key_without_a_definite_algorithm_is_refused() {
    let open = without(rsa(), "alg");
    assert_eq!(
        load(std::slice::from_ref(&open)).unwrap_err(),
        KeyError::AmbiguousAlgorithm
    );
    assert_eq!(
        load(&[without(oct(), "alg")]).unwrap_err(),
        KeyError::AmbiguousAlgorithm
    );
    let key = VerifyingKey::from_jwk(&open.to_string(), Some(Algorithm::Ps256)).unwrap();
    let keys = KeySet::new(vec![key]).unwrap();
    assert!(verify(&keys, &token(&RS256)).is_err());
    // a curve has only one algorithm
    assert_eq!(
        load(&[without(ec(), "alg"), without(okp(), "alg")])
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn an_algorithm_that_contradicts_the_key_is_refused() {
    for (key, alg) in [
        (ec(), "ES384"),
        (ec(), "HS256"),
        (ec(), "RS256"),
        (okp(), "ES256"),
        (rsa(), "ES256"),
        (rsa(), "HS256"),
        (oct(), "RS256"),
        (oct(), "EdDSA"),
    ] {
        let loaded = load(&[with(key, "alg", alg)]);
        assert!(matches!(loaded, Err(KeyError::Mismatched(_))), "{alg}");
    }
    let key = VerifyingKey::from_jwk(&ec().to_string(), Some(Algorithm::Hs256));
    assert!(matches!(key, Err(KeyError::Mismatched(_))));
    let key = VerifyingKey::from_jwk(&rsa().to_string(), Some(Algorithm::Ps256));
    assert!(matches!(key, Err(KeyError::Mismatched(_))));
}

#[test]
fn a_key_of_an_unknown_type_is_ignored() {
    for unknown in [
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA"}),
        json!({"kty": "XYZ", "use": "enc", "n": 5}),
        json!({"kty": "oct2"}),
        with(with(ec(), "alg", "ES256K"), "kid", "k1"),
        with(without(with(ec(), "crv", "secp256k1"), "alg"), "kid", "k1"),
        with(without(with(okp(), "crv", "X25519"), "alg"), "kid", "k1"),
        with(with(rsa(), "alg", "RSA-OAEP"), "kid", "k1"),
    ] {
        let keys = load(&[unknown.clone(), ec()]).unwrap();
        assert_eq!(keys.len(), 1, "{unknown}");
        assert!(verify(&keys, &token(&ES256)).is_ok());
        assert!(VerifyingKey::from_jwk(&unknown.to_string(), None).is_err());
    }
}

#[test]
fn a_set_that_is_not_strict_json_is_refused() {
    let good = json!({ "keys": [ec()] }).to_string();
    assert!(KeySet::from_jwks(&good).is_ok());
    for odd in [
        String::new(),
        "null".into(),
        "[]".into(),
        "[[]]".into(),
        "{}".into(),
        "<html>".into(),
        r#"{"keys":{}}"#.into(),
        r#"{"keys":null}"#.into(),
        r#"{"keys":[null]}"#.into(),
        r#"{"keys":[[]]}"#.into(),
        r#"{"keys":["x"]}"#.into(),
        r#"{"keys":[{}]}"#.into(),
        r#"{"keys":[],"keys":[]}"#.into(),
        r#"{"Keys":[]}"#.into(),
        format!("{good}{good}"),
        good.replace("\"kty\"", "\"kty\":\"EC\",\"kty\""),
        good.replace("\"kty\"", "\"\\u006bty\":\"EC\",\"kty\""),
        good.replace("\"EC\"", "7"),
        good.replace("\"EC\"", "null"),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{good}{}", " ".repeat(MAX_JWKS_BYTES - good.len() + 1)),
    ] {
        let short = odd.chars().take(80).collect::<String>();
        assert!(
            matches!(KeySet::from_jwks(&odd), Err(KeyError::Malformed(_))),
            "{short}"
        );
    }
    let longest = format!("{good}{}", " ".repeat(MAX_JWKS_BYTES - good.len()));
    assert!(KeySet::from_jwks(&longest).is_ok());
}

#[test]
fn a_member_with_a_wrong_type_or_encoding_is_refused() {
    for name in ["kid", "alg", "use", "crv", "x", "y"] {
        for value in [
            json!(1),
            json!(null),
            json!(["sig"]),
            json!({}),
            json!(true),
        ] {
            let loaded = load(&[with(ec(), name, value)]);
            assert!(matches!(loaded, Err(KeyError::Malformed(_))), "{name}");
        }
    }
    for operations in [
        json!("verify"),
        json!(null),
        json!([1, "verify"]),
        json!({}),
    ] {
        assert!(load(&[with(ec(), "key_ops", operations)]).is_err());
    }
    let x = ec()["x"].as_str().unwrap().to_owned();
    for spelling in [
        format!("{x}="),
        format!(" {x}"),
        format!("{x}\n"),
        format!("{x}AA"),
    ] {
        assert!(load(&[with(ec(), "x", spelling)]).is_err());
    }
    for name in ["x", "y", "crv", "kty"] {
        assert!(load(&[without(ec(), name)]).is_err(), "{name}");
    }
}

#[test]
fn a_kid_that_is_empty_or_too_long_is_refused() {
    let longest = "k".repeat(256);
    assert!(SigningKey::from_secret(Algorithm::Hs256, Some(&longest), SECRET).is_ok());
    for kid in [String::new(), "k".repeat(257)] {
        assert_eq!(
            load(&[with(ec(), "kid", kid.as_str())]).unwrap_err(),
            KeyError::KeyId
        );
        let secret = SigningKey::from_secret(Algorithm::Hs256, Some(&kid), SECRET);
        assert_eq!(secret.unwrap_err(), KeyError::KeyId);
        let pkcs8 = ES256.to_pkcs8().unwrap();
        let pair = SigningKey::from_pkcs8(Algorithm::Es256, &kid, &pkcs8);
        assert_eq!(pair.unwrap_err(), KeyError::KeyId);
    }
}

#[test]
fn a_key_without_kid_among_several_is_refused() {
    assert_eq!(
        load(&[without(ec(), "kid"), okp()]).unwrap_err(),
        KeyError::MissingKeyId
    );
    assert_eq!(load(&[without(ec(), "kid")]).unwrap().len(), 1);
}

#[test]
fn the_number_of_keys_is_limited() {
    let keys = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|n| with(okp(), "kid", format!("k{n}")))
            .collect()
    };
    assert_eq!(load(&keys(MAX_KEYS)).unwrap().len(), MAX_KEYS);
    assert_eq!(
        load(&keys(MAX_KEYS + 1)).unwrap_err(),
        KeyError::TooManyKeys
    );
    let many = (0..=MAX_KEYS).map(|n| {
        VerifyingKey::from_secret(Algorithm::Hs256, Some(&format!("k{n}")), SECRET).unwrap()
    });
    assert_eq!(
        KeySet::new(many.collect()).unwrap_err(),
        KeyError::TooManyKeys
    );
}

#[test]
fn x014_an_empty_set_loads_and_verifies_nothing() {
    let empty = load(&[]).unwrap();
    assert!(empty.is_empty() && KeySet::empty().is_empty());
    for key in [&*ES256, &*HS256] {
        assert!(verify(&empty, &token(key)).is_err());
    }
}

#[test]
fn a_pkcs8_key_of_another_type_or_size_is_refused() {
    let ec = ES256.to_pkcs8().unwrap();
    for algorithm in Algorithm::ALL
        .into_iter()
        .filter(|one| *one != Algorithm::Es256)
    {
        let loaded = SigningKey::from_pkcs8(algorithm, "k", &ec);
        assert_eq!(loaded.unwrap_err(), KeyError::Mismatched(algorithm));
    }
    for damaged in [
        &[][..],
        &ec[..ec.len() - 1],
        &[&ec[..], &[0]].concat(),
        b"-----BEGIN",
    ] {
        assert!(SigningKey::from_pkcs8(Algorithm::Es256, "k", damaged).is_err());
    }
}

#[test]
fn tokens_of_every_algorithm_verify_after_the_key_was_stored() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert!(verify(&only(&key), &token(&key)).is_ok(), "{algorithm}");
        let Some(stored) = key.to_pkcs8() else {
            assert!(algorithm.is_symmetric());
            continue;
        };
        let again = SigningKey::from_pkcs8(algorithm, key.kid().unwrap(), &stored).unwrap();
        assert!(verify(&only(&key), &token(&again)).is_ok(), "{algorithm}");
        assert_eq!(
            again.verifying_key().fingerprint(),
            key.verifying_key().fingerprint()
        );
        assert_eq!(key.kid(), key.verifying_key().thumbprint().as_deref());
    }
}

#[test]
fn debug_output_has_no_keys() {
    let pkcs8 = ES256.to_pkcs8().unwrap();
    let shown = format!("{:?} {:?} {:?}", *ES256, *HS256, only(&HS256));
    assert!(shown.contains("shared") && shown.contains("Es256"));
    assert!(!shown.contains("secret") && !shown.contains(&encode(SECRET)));
    assert!(!shown.contains(&encode(&pkcs8)) && !shown.contains("100, 32") && shown.len() < 400);
}

#[test]
fn errors_about_a_key_do_not_contain_it() {
    let secret = "a-guessable-secret";
    let shown = [
        load(&[with(oct(), "k", encode(secret))]).unwrap_err(),
        load(&[with(oct(), "k", format!("{secret}!"))]).unwrap_err(),
        load(&[with(ec(), "d", secret)]).unwrap_err(),
    ];
    for error in shown {
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains(secret) && !text.contains(&encode(secret)),
            "{text}"
        );
    }
}
