//! A guard that follows an issuer from another process, against issuers that are good, slow and hostile.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use rolecall::{
    Audience, Denial, Guard, GuardBuilder, GuardError, OnStale, testing::TestIssuer,
    token::Algorithm,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const METADATA: &str = "/.well-known/oauth-authorization-server";
const OIDC: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/jwks";

type Answer = Box<dyn Fn(&str) -> Response + Send>;

/// An issuer on the network that answers what a test tells it to.
struct Issuer {
    url: String,
    tokens: TestIssuer,
    answer: Arc<Mutex<Answer>>,
    key_requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let tokens = TestIssuer::with(Algorithm::Es256);
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(|_| not_found())));
        let key_requests = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (Arc::clone(&answer), Arc::clone(&key_requests));
        let app = Router::new().fallback(move |request: Request| {
            let path = request.uri().path();
            counted.fetch_add(usize::from(path == KEYS), Ordering::SeqCst);
            let response = told.lock().unwrap()(path);
            async move { response }
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let issuer = Self {
            url,
            tokens,
            answer,
            key_requests,
            task,
        };
        issuer.serve_keys(&issuer.key_set());
        issuer
    }

    fn key_set(&self) -> Value {
        json!({ "keys": [self.tokens.key().public_jwk().unwrap()] })
    }

    fn on(&self, answer: impl Fn(&str) -> Response + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// Answers as a good issuer does, with this JWK Set.
    fn serve_keys(&self, keys: &Value) {
        let (url, keys) = (self.url.clone(), keys.to_string());
        self.on(move |path| match path {
            METADATA => metadata(&url, &format!("{url}{KEYS}")),
            KEYS => keys.clone().into_response(),
            _ => not_found(),
        });
    }

    fn builder(&self) -> GuardBuilder {
        Guard::builder()
            .issuer(&self.url)
            .audience("https://items.example")
            .clock(self.tokens.clock().clone())
    }

    /// A guard that only loads keys.
    fn guard(&self) -> Guard {
        self.builder().build().unwrap()
    }

    fn token_of(&self, signer: &TestIssuer) -> String {
        let token = signer.token("alice").claims(|claims| {
            claims.iss.clone_from(&self.url);
            claims.aud = Audience::One("https://items.example".into());
        });
        token.sign()
    }

    fn token(&self) -> String {
        self.token_of(&self.tokens)
    }

    fn key_requests(&self) -> usize {
        self.key_requests.load(Ordering::SeqCst)
    }

    async fn loaded(&self) -> Guard {
        let guard = self.guard();
        eventually("the keys are loaded", async || guard.status().keys > 0).await;
        guard
    }
}

fn metadata_text(issuer: &str, keys: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": keys, "token_endpoint": format!("{issuer}/token") })
        .to_string()
}

fn metadata(issuer: &str, keys: &str) -> Response {
    metadata_text(issuer, keys).into_response()
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn eventually(what: &str, done: impl AsyncFn() -> bool) {
    let asked = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    within(what, asked).await;
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(20), work).await;
    done.unwrap_or_else(|_| panic!("takes too long: {what}"))
}

#[tokio::test]
async fn tokens_are_503_until_the_keys_are_there_and_good_from_then_on() {
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
async fn x009_keys_that_rotate_are_found_and_one_that_is_gone_is_refused() {
    let issuer = Issuer::new().await;
    let guard = issuer.loaded().await;
    let old = issuer.token();
    guard.verify(&old).unwrap();
    let next = TestIssuer::with(Algorithm::Es256);
    let new = issuer.token_of(&next);
    // just loaded: the key is not there, and not asked for again so soon
    assert_eq!(guard.verify(&new), Err(Denial::InvalidToken));
    issuer.serve_keys(&json!({ "keys": [next.key().public_jwk().unwrap()] }));
    issuer.tokens.clock().advance(Duration::from_secs(11));
    assert_eq!(guard.verify(&new), Err(Denial::Unavailable));
    // a known key does not wait
    guard.verify(&old).unwrap();
    eventually("the new key is found", async || guard.verify(&new).is_ok()).await;
    assert_eq!(guard.verify(&old), Err(Denial::InvalidToken));
}

#[tokio::test]
async fn x008_unknown_keys_do_not_make_the_guard_ask_again_and_again() {
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
async fn x007_the_last_good_keys_are_kept_whatever_comes_after() {
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
async fn x007_keys_that_are_not_for_us_are_passed_over() {
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
async fn an_issuer_that_only_speaks_openid_connect_is_found() {
    let issuer = Issuer::new().await;
    let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
    issuer.on(move |path| match path {
        OIDC => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => keys.clone().into_response(),
        _ => not_found(),
    });
    issuer.loaded().await.verify(&issuer.token()).unwrap();
}

/// Each of these has the issuer's own keys to offer, so that only the fault keeps the guard from them.
#[tokio::test]
async fn x007_a_hostile_issuer_never_makes_the_guard_accept() {
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

/// Spaces, which JSON allows before anything: more than would ever be read.
fn endless() -> Response {
    " ".repeat(8 << 20).into_response()
}

#[tokio::test]
async fn x007_an_issuer_that_hangs_makes_no_request_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = Issuer::new().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let guard = issuer.builder().issuer(&url).build().unwrap();
    // it takes the connection and says nothing
    let (_held, _) = within("it connects", listener.accept()).await.unwrap();
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(guard.verify(&issuer.token()), Err(Denial::Unavailable));
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    eventually("it gives up", async || guard.status().failures > 0).await;
}

#[tokio::test]
async fn a_guard_that_is_dropped_stops_asking() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let builder = Guard::builder().issuer(&url).audience("a");
    let guard = builder.client("a", "b").build().unwrap();
    let clone = guard.clone();
    let (mut connection, _) = within("it connects", listener.accept()).await.unwrap();
    drop((guard, clone));
    let mut bytes = Vec::new();
    // the connection is closed by the guard: nothing else would end it
    let read = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut bytes);
    let _ = within("it is closed", read).await;
}

#[test]
fn a_guard_made_outside_of_a_runtime_begins_with_its_first_request() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let serving = runtime();
    let issuer = serving.block_on(Issuer::new());
    let guard = issuer.guard();
    let token = issuer.token();
    assert_eq!(guard.verify(&token), Err(Denial::Unavailable));
    runtime().block_on(async {
        eventually("it begins", async || guard.verify(&token).is_ok()).await;
    });
    // that runtime has gone; what is known stays good, and another one carries on
    guard.verify(&token).unwrap();
    issuer.tokens.clock().advance(Duration::from_secs(11));
    let stranger = issuer.token_of(&TestIssuer::with(Algorithm::Es256));
    runtime().block_on(async {
        eventually("it carries on", async || {
            let _ = guard.verify(&stranger);
            guard.status().key_loads > 1
        })
        .await;
    });
}

#[test]
fn what_cannot_be_followed_is_refused_when_it_is_built() {
    let build = |issuer: &str| Guard::builder().issuer(issuer).audience("a").build();
    for issuer in [
        "login.example",
        "http://login.example",
        "https://a@b",
        "https://login.example?a",
    ] {
        let refused = build(issuer).unwrap_err();
        assert!(
            matches!(refused, GuardError::Issuer(_)),
            "{issuer}: {refused}"
        );
    }
    let allowed = Guard::builder()
        .issuer("http://login.example")
        .audience("a");
    allowed.insecure_http().build().unwrap();
    let keys = rolecall::token::KeySet::new(vec![TestIssuer::new().key().verifying_key()]).unwrap();
    let both = Guard::builder().issuer("http://127.0.0.1").audience("a");
    let both = both.keys(keys).client("a", "b").build();
    assert_eq!(both.unwrap_err(), GuardError::TwoKeySources);
}

/// A floor, an era, an age: what the feed says, by the word.
#[tokio::test]
async fn what_a_hostile_feed_says_never_makes_the_guard_accept() {
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

/// An answer of the feed in the era of the test tokens, with these members changed.
fn feed(changed: &Value) -> String {
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

#[tokio::test]
async fn a_feed_is_taken_in_page_by_page_and_counts_when_it_is_whole() {
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

/// An answer that is as long as may be is read whole, and one more byte is too many.
#[tokio::test]
async fn no_answer_of_the_issuer_is_read_beyond_its_bound() {
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

/// The database may be replaced by another one while a guard reads its first pages.
#[tokio::test]
async fn pages_of_another_era_are_not_put_to_those_of_this_one() {
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
        "a token is used until it ends"
    );
}

/// As an emergency goes: rotated, and what signed until then retired right after. The node that is asked for
/// keys may be another one than the feed's, and hear of it a quarter of a second later.
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
    let (url, told) = (issuer.url.clone(), Arc::clone(&now));
    issuer.on(move |path| match path {
        METADATA => metadata(&url, &format!("{url}{KEYS}")),
        KEYS => told.lock().unwrap().1.clone().into_response(),
        "/token" => r#"{"access_token":"t"}"#.into_response(),
        _ => feed(&json!({ "keys_revision": told.lock().unwrap().0 })).into_response(),
    });
    let guard = issuer.builder().client("items", "secret").build().unwrap();
    let token = issuer.token();
    eventually("the guard knows the first key", async || {
        guard.verify(&token).is_ok()
    })
    .await;
    let tell = async |revision: i32, keys: &str| {
        let loads = issuer.key_requests();
        *now.lock().unwrap() = (revision, keys.to_owned());
        eventually("keys are loaded", async || issuer.key_requests() > loads).await;
    };
    tell(2, &both).await;
    let retired_at = std::time::Instant::now();
    tell(3, &both).await;
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
