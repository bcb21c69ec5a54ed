//! Keys of each algorithm.

use std::{collections::BTreeSet, time::Duration};

use rolecall_server::SigningAlgorithm;
use serde_json::{Value, json};

use super::{LEAD, keys_of, kid, patiently, published, rotate};
use crate::support::{Database, TestApp, eventually, on_both, part};

on_both![
    o081_another_algorithm_signs_once_its_key_was_published_and_tokens_of_before_stay_good,
    secrets_and_key_pairs_never_share_a_set,
];

fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.insert(name.clone());
                walk(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_holds_a_private_half() {
    for algorithm in [
        SigningAlgorithm::Es256,
        SigningAlgorithm::EdDsa,
        SigningAlgorithm::Rs256,
        SigningAlgorithm::Hs256,
    ] {
        let app = TestApp::on(Database::sqlite(), |builder| builder.algorithm(algorithm)).await;
        let admin = app.login("admin").await;
        let rotated = app.post("/api/keys/rotate", &admin, json!({})).await;
        let listed = app.get("/api/keys", &admin).await;
        let set = app.get("/.well-known/jwks.json", "").await;
        assert_eq!(listed.items("kid").len(), 3);
        for answer in [&rotated, &listed, &set] {
            let mut members = BTreeSet::new();
            walk(&answer.is(200).json, &mut members);
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "sealed"] {
                assert!(
                    !members.contains(private),
                    "{algorithm}: `{private}` in {answer:?}"
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
        verified_by_others(&app, &admin, &algorithm.to_string()).await;
    }
}

/// jsonwebtoken as second opinion, with nothing but the published set.
async fn verified_by_others(app: &TestApp, token: &str, algorithm: &str) {
    use jsonwebtoken as other;
    assert_eq!(part(token, 0)["alg"], algorithm);
    assert_eq!(part(token, 0)["typ"], "at+jwt");
    app.get("/api/me", token).await.is(200);
    if algorithm == "HS256" {
        return;
    }
    let set = app.get("/.well-known/jwks.json", "").await.json;
    let set: other::jwk::JwkSet = serde_json::from_value(set).unwrap();
    let key = other::DecodingKey::from_jwk(set.find(&kid(token)).unwrap()).unwrap();
    let mut validation = other::Validation::new(algorithm.parse().unwrap());
    validation.set_audience(&[crate::support::ISSUER]);
    validation.set_issuer(&[crate::support::ISSUER]);
    let decoded = other::decode::<Value>(token, &key, &validation).unwrap();
    assert_eq!(decoded.claims["username"], "admin");
    let cut = &token[..token.len() - 8];
    assert!(other::decode::<Value>(cut, &key, &validation).is_err());
}

async fn o081_another_algorithm_signs_once_its_key_was_published_and_tokens_of_before_stay_good(
    app: TestApp,
) {
    let old = app.login("admin").await;
    let other = app
        .node(|builder| builder.algorithm(SigningAlgorithm::EdDsa))
        .await;
    let next = keys_of(&other, "next").await.pop().unwrap();
    // published, and not signing before everybody has it
    assert!(published(&other).await.contains(&next));
    let alg = |token: &str| part(token, 0)["alg"].as_str().unwrap().to_owned();
    assert_eq!(alg(&other.login("admin").await), "ES256");
    app.pass(LEAD);
    app.clock.advance(Duration::from_mins(1));
    for node in [&*app, &other] {
        eventually("the new algorithm signs", async || {
            alg(&node.login("admin").await) == "EdDSA"
        })
        .await;
    }
    let new = other.login("admin").await;
    assert_eq!(kid(&new), next);
    for node in [&*app, &other] {
        for token in [&old, &new] {
            patiently(async || node.get("/api/me", token).await)
                .await
                .is(200);
        }
    }
    // it stays: what comes next is of the same kind
    assert!(!rotate(&other, json!({})).await.status.is_server_error());
    app.pass(LEAD);
    rotate(&app, json!({})).await.is(200);
    assert_eq!(alg(&app.login("admin").await), "EdDSA");
}

async fn secrets_and_key_pairs_never_share_a_set(app: TestApp) {
    let old = app.login("admin").await;
    let other = app
        .node(|builder| builder.algorithm(SigningAlgorithm::Hs256))
        .await;
    assert_eq!(published(&other).await.len(), 0);
    other.get("/api/me", &old).await.not_valid();
    let new = other.login("admin").await;
    other.get("/api/me", &new).await.is(200);
    eventually("the other node follows", async || {
        app.get("/api/me", &new).await.status == 200
    })
    .await;
    app.get("/api/me", &old).await.not_valid();
    rotate(&other, json!({})).await.is(200);
    other.get("/api/me", &new).await.is(200);
    assert_eq!(published(&other).await.len(), 0);
}
