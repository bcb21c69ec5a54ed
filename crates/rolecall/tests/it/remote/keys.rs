//! Loading the keys of an issuer, including one that is malicious.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use rolecall::{Audience, Denial, OnStale, testing::TestIssuer, token::Algorithm};
use serde_json::json;

use super::{Issuer, KEYS, METADATA, OIDC, eventually, metadata, not_found};

#[tokio::test]
async fn tokens_are_503_until_the_keys_are_loaded() {
    let issuer = Issuer::new().await;
    let token = issuer.token();
    issuer.on(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let guard = issuer.guard();
    assert_eq!(guard.verify(&token), Err(Denial::Unavailable));
    eventually("it tries", async || guard.status().failures > 1).await;
    assert_eq!(guard.verify(&token), Err(Denial::Unavailable));
    assert!(guard.status().last_failure.unwrap().contains("500"));
    issuer.serve_keys(&issuer.key_set());
    eventually("it recovers by itself", async || {
        guard.verify(&token).is_ok()
    })
    .await;
    let status = guard.status();
    assert_eq!((status.keys, status.key_loads, status.age), (1, 1, None));
    assert_eq!(status.last_failure, None);
}

#[tokio::test]
async fn a_guard_without_a_feed_ignores_revision_and_era() {
    let issuer = Issuer::new().await;
    let guard = issuer.loaded().await;
    let token = issuer.tokens.token("alice").rev(0).claims(|claims| {
        claims.iss.clone_from(&issuer.url);
        claims.aud = Audience::One("https://items.example".into());
        claims.era = "another".into();
    });
    guard.verify(&token.sign()).unwrap();
    issuer.tokens.clock().advance(Duration::from_mins(5));
    guard.verify(&issuer.token()).unwrap();
}

#[tokio::test]
async fn x009_rotated_keys_are_loaded_and_removed_ones_refused() {
    let issuer = Issuer::new().await;
    let guard = issuer.loaded().await;
    let old = issuer.token();
    guard.verify(&old).unwrap();
    let next = TestIssuer::with(Algorithm::Es256);
    let new = issuer.token_of(&next);
    // the keys were just loaded, so they are not loaded again so soon
    assert_eq!(guard.verify(&new), Err(Denial::InvalidToken));
    issuer.serve_keys(&json!({ "keys": [next.key().public_jwk().unwrap()] }));
    issuer.tokens.clock().advance(Duration::from_secs(11));
    assert_eq!(guard.verify(&new), Err(Denial::Unavailable));
    // tokens with known keys are still accepted
    guard.verify(&old).unwrap();
    eventually("the new key is found", async || guard.verify(&new).is_ok()).await;
    assert_eq!(guard.verify(&old), Err(Denial::InvalidToken));
}

#[tokio::test]
async fn x008_tokens_with_unknown_keys_cause_few_requests() {
    let issuer = Issuer::new().await;
    let guard = issuer.loaded().await;
    assert_eq!(issuer.key_requests(), 1);
    let stranger = issuer.token_of(&TestIssuer::with(Algorithm::Es256));
    for round in 2..4 {
        issuer.tokens.clock().advance(Duration::from_secs(11));
        for _ in 0..100 {
            assert!(guard.verify(&stranger).is_err());
        }
        eventually("it asked once", async || {
            let loads = guard.status().key_loads;
            loads == round
        })
        .await;
        for _ in 0..100 {
            assert_eq!(guard.verify(&stranger), Err(Denial::InvalidToken));
            tokio::task::yield_now().await;
        }
        assert_eq!(issuer.key_requests() as u64, round);
    }
}

#[tokio::test]
async fn x007_the_last_valid_keys_are_kept_after_invalid_answers() {
    let issuer = Issuer::new().await;
    let guard = issuer.loaded().await;
    let token = issuer.token();
    let stranger = TestIssuer::with(Algorithm::Es256);
    let foreign = issuer.token_of(&stranger);
    let own = issuer.tokens.key().public_jwk().unwrap();
    let mut symmetric = json!({ "kty": "oct", "alg": "HS256", "kid": "s", "k": "A".repeat(43) });
    let mut weak = own.clone();
    weak["d"] = json!("AAAA");
    let sets = [
        json!({ "keys": [] }).to_string(),
        json!({ "keys": [symmetric.clone()] }).to_string(),
        json!({ "keys": [own.clone(), symmetric.take()] }).to_string(),
        json!({ "keys": [own.clone(), own] }).to_string(),
        json!({ "keys": [weak] }).to_string(),
        "<html>".to_owned(),
        " ".repeat(300 * 1024),
    ];
    for set in sets {
        let url = issuer.url.clone();
        let shown: String = set.chars().take(60).collect();
        issuer.on(move |path| match path {
            METADATA => metadata(&url, &format!("{url}{KEYS}")),
            _ => set.clone().into_response(),
        });
        issuer.tokens.clock().advance(Duration::from_secs(11));
        let failures = guard.status().failures;
        assert!(guard.verify(&foreign).is_err());
        eventually("it fails", async || guard.status().failures > failures).await;
        assert!(guard.verify(&foreign).is_err(), "{shown}");
        guard.verify(&token).unwrap();
        assert_eq!(guard.status().keys, 1, "{shown}");
    }
}

#[tokio::test]
async fn x007_keys_for_other_purposes_are_ignored() {
    let issuer = Issuer::new().await;
    let own = issuer.tokens.key().public_jwk().unwrap();
    let rsa = json!({ "kty": "RSA", "kid": "enc", "use": "enc", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB" });
    let unnamed = json!({ "kty": "RSA", "kid": "any", "n": "AQAB", "e": "AQAB" });
    let future = json!({ "kty": "AKP", "kid": "pq", "alg": "ML-DSA-65", "pub": "AAAA" });
    issuer.serve_keys(&json!({ "keys": [rsa, unnamed, own, future] }));
    let guard = issuer.loaded().await;
    assert_eq!(guard.status().keys, 1);
    guard.verify(&issuer.token()).unwrap();
}

#[tokio::test]
async fn an_issuer_with_only_openid_connect_metadata_is_found() {
    let issuer = Issuer::new().await;
    let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
    issuer.on(move |path| match path {
        OIDC => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => keys.clone().into_response(),
        _ => not_found(),
    });
    issuer.loaded().await.verify(&issuer.token()).unwrap();
}

/// Every answer offers the issuer's own keys, so that the guard would accept the token without the fault.
#[tokio::test]
async fn x007_a_malicious_issuer_never_makes_the_guard_accept_a_token() {
    type Hostile = fn(&str, &str, &str) -> Response;
    let issuer = Issuer::new().await;
    let hostile: [(&str, Hostile); 9] = [
        ("another issuer", |path, url, keys| match path {
            METADATA => metadata(&format!("{url}/"), &format!("{url}{KEYS}")),
            _ => keys.to_owned().into_response(),
        }),
        ("metadata behind a redirect", |path, url, keys| match path {
            METADATA => redirect(&format!("{url}/moved")),
            "/moved" => metadata(url, &format!("{url}{KEYS}")),
            _ => keys.to_owned().into_response(),
        }),
        ("keys behind a redirect", |path, url, keys| match path {
            METADATA => metadata(url, &format!("{url}{KEYS}")),
            KEYS => redirect(&format!("{url}/moved")),
            _ => keys.to_owned().into_response(),
        }),
        ("keys without tls elsewhere", |path, url, keys| match path {
            METADATA => metadata(url, "http://keys.example/jwks"),
            _ => keys.to_owned().into_response(),
        }),
        ("keys in a file", |path, url, keys| match path {
            METADATA => metadata(url, "file:///jwks"),
            _ => keys.to_owned().into_response(),
        }),
        ("an error with keys", |path, url, keys| match path {
            METADATA => metadata(url, &format!("{url}{KEYS}")),
            _ => (StatusCode::BAD_GATEWAY, keys.to_owned()).into_response(),
        }),
        ("metadata twice", |path, url, keys| match path {
            METADATA => {
                let keys = format!("{url}{KEYS}");
                format!(r#"{{"issuer":"x","issuer":"{url}","jwks_uri":"{keys}"}}"#).into_response()
            }
            _ => keys.to_owned().into_response(),
        }),
        ("a body without end", |path, url, _| match path {
            METADATA => metadata(url, &format!("{url}{KEYS}")),
            _ => endless(),
        }),
        ("metadata without end", |_, _, _| endless()),
    ];
    for (what, answer) in hostile {
        let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
        issuer.on(move |path| answer(path, &url, &keys));
        let guard = issuer.builder().on_stale(OnStale::Accept).build().unwrap();
        let tried = async || guard.status().failures > 0;
        eventually(what, tried).await;
        let verified = guard.verify(&issuer.token());
        assert_eq!(verified, Err(Denial::Unavailable), "{what}");
        assert_eq!(guard.status().keys, 0, "{what}");
    }
}

fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [("location", to.to_owned())]).into_response()
}

/// Returns more spaces, which JSON allows, than the guard reads.
fn endless() -> Response {
    " ".repeat(8 << 20).into_response()
}
