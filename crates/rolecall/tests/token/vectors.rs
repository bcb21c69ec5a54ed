//! Published test vectors: Wycheproof, RFC 7515, RFC 7520, RFC 8037.
//!
//! They are not part of the project. If they are missing, the tests print what they skip.

use std::path::PathBuf;

use rolecall::token::{Algorithm, KeyError, KeySet, VerifyingKey, jws};
use serde_json::{Value, json};

/// Signatures by keys of a faulty generator (ROCA, CVE-2017-15361). Such a modulus is not looked for: the keys
/// are those of the configured issuer, and an attacker cannot choose them.
const FAULTY_GENERATOR: [&str; 2] = ["wycheproof/json_web_key/7", "wycheproof/json_web_crypto/46"];

fn read(file: &str, purpose: &str) -> Option<Value> {
    let folder = std::env::var_os("ROLECALL_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/security/vectors"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        eprintln!("skipped: `{purpose}`, because `{file}` is missing (set ROLECALL_VECTORS)");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Returns the algorithm of a case whose key does not name one.
fn expected_algorithm(case: &Value) -> Option<Algorithm> {
    match case["id"].as_str().unwrap() {
        "rfc7515/A.1" => Some(Algorithm::Hs256),
        "rfc7515/A.2" | "rfc7520/4_1" => Some(Algorithm::Rs256),
        "rfc7520/4_2" => Some(Algorithm::Ps384),
        _ => None,
    }
}

fn load(case: &Value) -> Result<KeySet, KeyError> {
    let key = &case["key"];
    if key.get("keys").is_some() {
        return KeySet::from_jwks(&key.to_string());
    }
    let expected = expected_algorithm(case);
    if expected.is_none() && !key.is_null() {
        return KeySet::from_jwks(&json!({ "keys": [key] }).to_string());
    }
    KeySet::new(vec![VerifyingKey::from_jwk(&key.to_string(), expected)?])
}

fn is_accepted(case: &Value) -> bool {
    let token = match &case["jws"] {
        Value::String(token) => token.clone(),
        json => json.to_string(),
    };
    load(case).is_ok_and(|keys| jws::verify(&keys, &token).is_ok())
}

#[test]
fn x001_every_vector_has_the_result_of_a_strict_verifier() {
    let Some(file) = read("jws_flat.json", "every case of jws_flat.json") else {
        return;
    };
    let (mut wrong, mut accepted) = (Vec::new(), 0);
    let cases = file["tests"].as_array().unwrap();
    for case in cases {
        let answer = is_accepted(case);
        accepted += usize::from(answer);
        let is_unchecked = FAULTY_GENERATOR.iter().any(|id| case["id"] == *id);
        if answer != (case["strict"] == "valid") && !is_unchecked {
            wrong.push(format!("{}: {}", case["id"], case["comment"]));
        }
    }
    println!("{} cases, {accepted} accepted", cases.len());
    assert_eq!(wrong, Vec::<String>::new());
    assert!(
        accepted >= 60 && cases.len() >= 501,
        "{accepted} of {}",
        cases.len()
    );
}

#[test]
fn private_weak_and_encryption_keys_are_refused() {
    for file in [
        "wycheproof_json_web_key_test.json",
        "wycheproof_json_web_crypto_test.json",
    ] {
        let Some(vectors) = read(file, "keys that must not load") else {
            continue;
        };
        for group in vectors["testGroups"].as_array().unwrap() {
            let comment = group["comment"].as_str().unwrap();
            if let Some(private) = group.get("private").filter(|key| !key.is_null()) {
                let symmetric = keys_of(private).iter().all(|key| key["kty"] == "oct");
                let loaded = KeySet::from_jwks(&json!({"keys": keys_of(private)}).to_string());
                let good = group["tests"].as_array().unwrap().iter();
                let good = good.filter(|test| test["result"] == "valid").count();
                let usable = loaded.is_ok_and(|keys| !keys.is_empty());
                let encrypts = comment.starts_with("jwe");
                assert_eq!(
                    usable,
                    symmetric && good > 0 && !encrypts,
                    "{file}: {comment}"
                );
            }
        }
    }
}

fn keys_of(key: &Value) -> Vec<Value> {
    match key.get("keys") {
        Some(keys) => keys.as_array().unwrap().clone(),
        None => vec![key.clone()],
    }
}

#[test]
fn the_examples_of_the_rfcs_verify() {
    let Some(file) = read("jws_flat.json", "RFC 7515 A.2 and RFC 8037 A.4") else {
        return;
    };
    let cases = file["tests"].as_array().unwrap();
    let find = |id: &str| cases.iter().find(|case| case["id"] == id).unwrap();
    for (id, algorithm) in [
        ("rfc7515/A.1", Algorithm::Hs256),
        ("rfc7515/A.2", Algorithm::Rs256),
        ("rfc7515/A.3", Algorithm::Es256),
        ("rfc7515/A.4", Algorithm::Es512),
        ("rfc7520/4_2", Algorithm::Ps384),
        ("rfc8037/A.4", Algorithm::EdDsa),
    ] {
        let case = find(id);
        let keys = load(case).unwrap();
        let verified = jws::verify(&keys, case["jws"].as_str().unwrap()).unwrap();
        assert_eq!(verified.algorithm, algorithm, "{id}");
        assert!(!verified.payload.is_empty());
    }
}
