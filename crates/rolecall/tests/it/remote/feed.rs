//! Reading the feed of revocations, including one that is malicious.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::response::IntoResponse;
use rolecall::{Denial, testing::TestIssuer, token::Algorithm};
use serde_json::{Value, json};

use super::{Issuer, KEYS, METADATA, eventually, metadata, metadata_text, not_found};

#[tokio::test]
async fn a_malicious_feed_never_makes_the_guard_accept_a_token() {
    let issuer = Issuer::new().await;
    let feeds = [
        "{}".to_owned(),
        "[]".to_owned(),
        feed(
            &json!({ "floors": [{ "kind": "tenant", "key": "t", "revision": 1, "until": "2030-01-01T00:00:00Z" }] }),
        ),
        feed(
            &json!({ "floors": [{ "kind": "role", "key": "t", "revision": 1, "until": "soon" }] }),
        ),
        feed(
            &json!({ "floors": [{ "kind": "sid", "key": "t", "tenant": 1, "revision": 1, "until": "2030-01-01T00:00:00Z" }] }),
        ),
        feed(&json!({ "age_ms": -1 })),
        feed(&json!({ "age_ms": 31_000 })),
        feed(&json!({ "age_ms": u64::MAX })),
        feed(&json!({ "more": true })),
        feed(&json!({ "era": null })),
        " ".repeat(17 * 1024 * 1024),
    ];
    for text in feeds {
        let shown: String = text.chars().take(120).collect();
        let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        issuer.on(move |path| match path {
            METADATA => metadata(&url, &format!("{url}{KEYS}")),
            KEYS => keys.clone().into_response(),
            "/token" => r#"{"access_token":"t","expires_in":600}"#.into_response(),
            "/api/feed" => {
                count.fetch_add(1, Ordering::SeqCst);
                text.clone().into_response()
            }
            _ => not_found(),
        });
        let guard = issuer.builder().client("items", "secret").build().unwrap();
        eventually(&shown, async || {
            asked.load(Ordering::SeqCst) > 1 && guard.status().keys > 0
        })
        .await;
        assert_eq!(
            guard.verify(&issuer.token()),
            Err(Denial::Unavailable),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_feed_in_pages_counts_once_it_is_complete() {
    let issuer = Issuer::new().await;
    let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
    let whole = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_whole = Arc::clone(&whole);
    issuer.on(move |path| match path {
        METADATA => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => keys.clone().into_response(),
        "/token" => r#"{"access_token":"t"}"#.into_response(),
        _ => feed(
            &json!({ "more": !is_whole.load(Ordering::SeqCst), "floors": [
            { "kind": "jti", "key": "other", "revision": 1, "until": "2999-01-01T00:00:00Z" }
        ] }),
        )
        .into_response(),
    });
    let guard = issuer.builder().client("items", "secret").build().unwrap();
    eventually("pages come", async || guard.status().feed_answers > 1).await;
    assert_eq!((guard.status().floors, guard.status().age), (0, None));
    assert_eq!(guard.verify(&issuer.token()), Err(Denial::Unavailable));
    whole.store(true, Ordering::SeqCst);
    eventually("it is whole", async || {
        guard.verify(&issuer.token()).is_ok()
    })
    .await;
    assert_eq!(guard.status().floors, 1);
    assert_eq!(guard.status().cursor.as_deref(), Some("c"));
}

#[tokio::test]
async fn y020_a_floor_of_a_tenant_ends_only_tokens_for_that_tenant() {
    let issuer = Issuer::new().await;
    let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
    let floor = |key: &str, tenant: &str| json!({ "kind": "subject", "key": key, "tenant": tenant, "revision": 9, "until": "2999-01-01T00:00:00Z" });
    let floors = json!({ "floors": [floor("alice", "acme"), floor("bob", "")] });
    issuer.on(move |path| match path {
        METADATA => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => keys.clone().into_response(),
        "/token" => r#"{"access_token":"t"}"#.into_response(),
        _ => feed(&floors).into_response(),
    });
    let guard = issuer.builder().client("items", "secret").build().unwrap();
    eventually("the guard knows the floors", async || {
        guard.status().keys > 0 && guard.status().floors == 2
    })
    .await;
    let token = |user: &str, tenant: Option<&str>| {
        let token = issuer.tokens.token(user).claims(|claims| {
            claims.iss.clone_from(&issuer.url);
            claims.aud = rolecall::Audience::One("https://items.example".into());
            claims.tenant = tenant.map(str::to_owned);
        });
        token.sign()
    };
    assert!(guard.verify(&token("alice", None)).is_ok());
    assert!(guard.verify(&token("alice", Some("initech"))).is_ok());
    let ended = Err(Denial::EndedToken);
    assert_eq!(guard.verify(&token("alice", Some("acme"))), ended);
    assert_eq!(guard.verify(&token("bob", None)), ended);
}

#[tokio::test]
async fn y022_a_guard_asks_the_issuer_about_a_token_from_a_lost_revision() {
    let issuer = Issuer::new().await;
    let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
    issuer.on(move |path| match path {
        METADATA => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => keys.clone().into_response(),
        "/token" => r#"{"access_token":"t"}"#.into_response(),
        _ => feed(&json!({ "revision": 4 })).into_response(),
    });
    let guard = issuer.builder().client("items", "secret").build().unwrap();
    eventually("the guard is ready", async || {
        guard.verify(&issuer.token()).is_ok()
    })
    .await;
    let token = |rev| {
        let token = issuer.tokens.token("alice").rev(rev).claims(|claims| {
            claims.iss.clone_from(&issuer.url);
            claims.aud = rolecall::Audience::One("https://items.example".into());
        });
        token.sign()
    };
    let (known, lost) = (token(4), token(16));
    eventually("the guard refuses", async || {
        // the answers must be younger than the question
        issuer.tokens.clock().advance(Duration::from_micros(1));
        guard.verify(&lost) == Err(Denial::EndedToken)
    })
    .await;
    assert!(guard.verify(&known).is_ok());
}

/// An answer of the maximum length is read, and one byte more is too long.
#[tokio::test]
async fn answers_of_the_issuer_are_limited_in_length() {
    let issuer = Issuer::new().await;
    let bounds = [
        (METADATA, 65_536),
        (KEYS, 262_144),
        ("/token", 65_536),
        ("/api/feed", 16_777_216),
    ];
    for (bounded, bound) in bounds {
        for more in [0, 1] {
            let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
            issuer.on(move |path| {
                let mut text = match path {
                    METADATA => metadata_text(&url, &format!("{url}{KEYS}")),
                    KEYS => keys.clone(),
                    "/token" => r#"{"access_token":"t"}"#.to_owned(),
                    "/api/feed" => feed(&json!({})),
                    _ => return not_found(),
                };
                if path == bounded {
                    text.push_str(&" ".repeat(bound + more - text.len()));
                }
                text.into_response()
            });
            let guard = issuer.builder().client("items", "secret").build().unwrap();
            let token = issuer.token();
            if more == 0 {
                eventually(bounded, async || guard.verify(&token).is_ok()).await;
                let status = guard.status();
                assert_eq!((status.cached_tokens, status.keys), (1, 1));
                assert!(status.age.is_some());
                continue;
            }
            eventually(bounded, async || {
                let failure = guard.status().last_failure;
                failure.is_some_and(|why| why.contains("too long"))
            })
            .await;
            assert_eq!(guard.verify(&token), Err(Denial::Unavailable), "{bounded}");
        }
    }
}

/// The database can be replaced by another one while a guard reads the first pages.
#[tokio::test]
async fn pages_of_different_eras_are_not_mixed() {
    let issuer = Issuer::new().await;
    let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
    let (pages, tokens) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (page, token) = (Arc::clone(&pages), Arc::clone(&tokens));
    issuer.on(move |path| match path {
        METADATA => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => keys.clone().into_response(),
        "/token" => {
            token.fetch_add(1, Ordering::SeqCst);
            r#"{"access_token":"t","expires_in":600}"#.into_response()
        }
        _ => {
            let page = page.fetch_add(1, Ordering::SeqCst);
            let mut changed = json!({ "more": page < 3, "floors": [{
                "kind": "jti", "key": page.min(4).to_string(), "revision": 1, "until": "2999-01-01T00:00:00Z"
            }] });
            if page < 2 {
                changed["era"] = json!("another");
            }
            feed(&changed).into_response()
        }
    });
    let guard = issuer.builder().client("items", "secret").build().unwrap();
    eventually("it is whole", async || {
        guard.verify(&issuer.token()).is_ok()
    })
    .await;
    eventually("more is heard", async || pages.load(Ordering::SeqCst) > 5).await;
    eventually("pages 2 and 3, and the one after", async || {
        guard.status().floors == 3
    })
    .await;
    assert_eq!(
        tokens.load(Ordering::SeqCst),
        1,
        "the same token is used for all requests"
    );
}

/// In an emergency, keys are rotated and the old key is retired immediately afterwards. The node that answers the
/// request for keys can be another one than that of the feed, and learn of it a quarter of a second later.
#[tokio::test]
async fn a_key_retired_right_after_a_rotation_is_refused_within_a_second() {
    let issuer = Issuer::new().await;
    let other = TestIssuer::with(Algorithm::Es256);
    let keys = |keys: &[&TestIssuer]| {
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| key.key().public_jwk().unwrap())
            .collect();
        json!({ "keys": keys }).to_string()
    };
    let (before, both, after) = (
        keys(&[&issuer.tokens]),
        keys(&[&issuer.tokens, &other]),
        keys(&[&other]),
    );
    let now = Arc::new(Mutex::new((1, before)));
    let (url, answer) = (issuer.url.clone(), Arc::clone(&now));
    issuer.on(move |path| match path {
        METADATA => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => answer.lock().unwrap().1.clone().into_response(),
        "/token" => r#"{"access_token":"t"}"#.into_response(),
        _ => feed(&json!({ "keys_revision": answer.lock().unwrap().0 })).into_response(),
    });
    let guard = issuer.builder().client("items", "secret").build().unwrap();
    let token = issuer.token();
    eventually("the guard knows the first key", async || {
        guard.verify(&token).is_ok()
    })
    .await;
    let publish = async |revision: i32, keys: &str| {
        let loads = issuer.key_requests();
        *now.lock().unwrap() = (revision, keys.to_owned());
        eventually("keys are loaded", async || issuer.key_requests() > loads).await;
    };
    publish(2, &both).await;
    let retired_at = std::time::Instant::now();
    publish(3, &both).await;
    now.lock().unwrap().1 = after;
    eventually("the retired key is refused", async || {
        guard.verify(&token).is_err()
    })
    .await;
    assert!(
        retired_at.elapsed() < Duration::from_secs(1),
        "{:?}",
        retired_at.elapsed()
    );
    assert!(guard.verify(&issuer.token_of(&other)).is_ok());
}

/// Returns an answer of the feed in the era of the test tokens, with some members changed.
pub(super) fn feed(changed: &Value) -> String {
    let era = era();
    let mut answer =
        json!({ "cursor": "c", "era": era, "age_ms": 0, "floors": [], "policy_revision": 1 });
    for (member, value) in changed.as_object().unwrap() {
        answer[member] = value.clone();
    }
    answer.to_string()
}

fn era() -> String {
    let issuer = TestIssuer::new();
    let token = issuer.token("alice").sign();
    issuer.guard().verify(&token).unwrap().era().to_owned()
}
