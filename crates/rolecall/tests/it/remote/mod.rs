//! Guards that follow an issuer over HTTP, with issuers that are correct, slow and malicious.

mod feed;
mod keys;
mod task;
mod tickets;

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
use rolecall::{Audience, Guard, GuardBuilder, testing::TestIssuer, token::Algorithm};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const METADATA: &str = "/.well-known/oauth-authorization-server";
const OIDC: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/jwks";

type Answer = Box<dyn Fn(&str) -> Response + Send>;

/// An issuer on a local socket whose answers a test can choose.
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
        let (current, counted) = (Arc::clone(&answer), Arc::clone(&key_requests));
        let app = Router::new().fallback(move |request: Request| {
            let path = request.uri().path();
            counted.fetch_add(usize::from(path == KEYS), Ordering::SeqCst);
            let response = current.lock().unwrap()(path);
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

    /// Sets the answer for each path.
    fn on(&self, answer: impl Fn(&str) -> Response + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// Answers like a correct issuer, with this JWK Set.
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

    /// Builds a guard that loads keys but reads no feed.
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

    /// Builds a guard and waits until it has loaded the keys.
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

/// Waits until `is_done` returns true.
async fn eventually(what: &str, is_done: impl AsyncFn() -> bool) {
    let polling = async {
        while !is_done().await {
            tokio::task::yield_now().await;
        }
    };
    within(what, polling).await;
}

/// Waits for `work`, and panics after 20 seconds.
async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(Duration::from_secs(20), work).await;
    result.unwrap_or_else(|_| panic!("took too long: {what}"))
}
