//! Keys of each algorithm.

use std::{collections::BTreeSet, time::Duration};

use rolecall_server::{EmbeddedBuilder, SigningAlgorithm};
use serde_json::{Value, json};

use super::{LEAD, keys_of, kid, published, rotate, until_available};
use crate::support::{Database, ISSUER, TestApp, eventually, on_both, part};

on_both![
    o081_a_new_algorithm_signs_once_its_key_is_published_and_older_tokens_stay_valid,
    shared_secrets_and_key_pairs_are_never_in_one_set,
];

/// Collects the names of all members at any depth.
fn member_names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.insert(name.clone());
                member_names(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| member_names(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_response_contains_a_private_key() {
    for algorithm in [
        SigningAlgorithm::Es256,
        SigningAlgorithm::EdDsa,
        SigningAlgorithm::Rs256,
        SigningAlgorithm::Hs256,
    ] {
        let app =
            TestApp::configured(Database::sqlite(), |builder| builder.algorithm(algorithm)).await;
        let admin = app.log_in("admin").await;
        let rotated = app.post("/api/keys/rotate", &admin, json!({})).await;
        let listed = app.get("/api/keys", &admin).await;
        let set = app.get("/.well-known/jwks.json", "").await;
        assert_eq!(listed.items("kid").len(), 3);
        for response in [&rotated, &listed, &set] {
            let mut members = BTreeSet::new();
            member_names(&response.is(200).json, &mut members);
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "sealed"] {
                assert!(
                    !members.contains(private),
                    "{algorithm}: `{private}` in {response:?}"
                );
            }
        }
        let expected = if algorithm == SigningAlgorithm::Hs256 {
            0
        } else {
            3
        };
        assert_eq!(set.json["keys"].as_array().unwrap().len(), expected);
        for key in set.json["keys"].as_array().unwrap() {
            assert_eq!(
                (&key["alg"], &key["use"]),
                (&json!(algorithm.to_string()), &json!("sig"))
            );
        }
        verify_independently(&app, &admin, &algorithm.to_string()).await;
    }
}

/// Verifies a token with the crate `jsonwebtoken` and the published set.
async fn verify_independently(app: &TestApp, token: &str, algorithm: &str) {
    use jsonwebtoken::{DecodingKey, Validation, decode, jwk::JwkSet};
    assert_eq!(part(token, 0)["alg"], algorithm);
    assert_eq!(part(token, 0)["typ"], "at+jwt");
    app.get("/api/me", token).await.is(200);
    if algorithm == "HS256" {
        return;
    }
    let set = app.get("/.well-known/jwks.json", "").await.json;
    let set: JwkSet = serde_json::from_value(set).unwrap();
    let key = DecodingKey::from_jwk(set.find(&kid(token)).unwrap()).unwrap();
    let mut validation = Validation::new(algorithm.parse().unwrap());
    validation.set_audience(&[ISSUER]);
    validation.set_issuer(&[ISSUER]);
    let decoded = decode::<Value>(token, &key, &validation).unwrap();
    assert_eq!(decoded.claims["username"], "admin");
    let cut = &token[..token.len() - 8];
    assert!(decode::<Value>(cut, &key, &validation).is_err());
}

async fn o081_a_new_algorithm_signs_once_its_key_is_published_and_older_tokens_stay_valid(
    db: Database,
) {
    // tokens outlive the time for which the next key waits
    let long = |builder: EmbeddedBuilder| builder.access_ttl(Duration::from_hours(3));
    let app = TestApp::configured(db, long).await;
    let old = app.log_in("admin").await;
    let other = app
        .node(|builder| long(builder).algorithm(SigningAlgorithm::EdDsa))
        .await;
    let next = keys_of(&other, "next").await.pop().unwrap();
    // published, but not signing before every verifier can have it
    assert!(published(&other).await.contains(&next));
    let alg = |token: &str| part(token, 0)["alg"].as_str().unwrap().to_owned();
    assert_eq!(alg(&other.log_in("admin").await), "ES256");
    app.clock.advance(LEAD + Duration::from_mins(1));
    for node in [&*app, &other] {
        eventually("the new algorithm signs", async || {
            alg(&node.log_in("admin").await) == "EdDSA"
        })
        .await;
    }
    let new = other.log_in("admin").await;
    assert_eq!(kid(&new), next);
    for node in [&*app, &other] {
        for token in [&old, &new] {
            until_available(async || node.get("/api/me", token).await)
                .await
                .is(200);
        }
    }
    // the next keys are of the same algorithm
    assert!(!rotate(&other, json!({})).await.status.is_server_error());
    app.pass_time(LEAD);
    rotate(&app, json!({})).await.is(200);
    assert_eq!(alg(&app.log_in("admin").await), "EdDSA");
}

async fn shared_secrets_and_key_pairs_are_never_in_one_set(app: TestApp) {
    let old = app.log_in("admin").await;
    let other = app
        .node(|builder| builder.algorithm(SigningAlgorithm::Hs256))
        .await;
    assert_eq!(published(&other).await.len(), 0);
    other.get("/api/me", &old).await.invalid_token();
    let new = other.log_in("admin").await;
    other.get("/api/me", &new).await.is(200);
    eventually("the other node switches too", async || {
        app.get("/api/me", &new).await.status == 200
    })
    .await;
    app.get("/api/me", &old).await.invalid_token();
    rotate(&other, json!({})).await.is(200);
    other.get("/api/me", &new).await.is(200);
    assert_eq!(published(&other).await.len(), 0);
}
