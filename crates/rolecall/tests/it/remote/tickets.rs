//! Tickets at an issuer in another process, including one that answers anything.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use rolecall::{Authenticated, Guard, GuardedRouter, routing::get};
use serde_json::{Value, json};

use super::{Issuer, KEYS, METADATA, eventually, feed::feed, metadata, not_found};

const REDEEM: &str = "/api/tickets/redeem";

/// An issuer with a guard that has read its feed, and an application with the route `/stream`.
struct World {
    issuer: Issuer,
    guard: Guard,
    app: axum::Router,
    /// The answers to redemptions; the last one is repeated.
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    asked: Arc<AtomicUsize>,
}

impl World {
    async fn new() -> Self {
        let issuer = Issuer::new().await;
        let answers = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::new(AtomicUsize::new(0));
        let (url, keys) = (issuer.url.clone(), issuer.key_set().to_string());
        let (next, count) = (Arc::clone(&answers), Arc::clone(&asked));
        issuer.on(move |path| match path {
            METADATA => metadata(&url, &format!("{url}{KEYS}")),
            KEYS => keys.clone().into_response(),
            "/token" => r#"{"access_token":"t","expires_in":600}"#.into_response(),
            "/api/feed" => feed(&json!({})).into_response(),
            REDEEM => {
                count.fetch_add(1, Ordering::SeqCst);
                answer(&next)
            }
            _ => not_found(),
        });
        let guard = issuer.builder().client("items", "secret").build().unwrap();
        eventually("the guard is ready", async || {
            guard.verify(&issuer.token()).is_ok()
        })
        .await;
        let app = GuardedRouter::new(guard.with_tickets())
            .route(
                "/stream",
                get(async |caller: Authenticated| caller.username().to_owned()),
            )
            .into_axum();
        Self {
            issuer,
            guard,
            app,
            answers,
            asked,
        }
    }

    fn answers(&self, answers: &[(u16, String)]) {
        *self.answers.lock().unwrap() = answers.to_vec();
    }

    async fn open(&self, ticket: &str) -> crate::Answer {
        crate::get(&self.app, &format!("/stream?ticket={ticket}"), None).await
    }
}

fn answer(answers: &Mutex<Vec<(u16, String)>>) -> Response {
    let mut answers = answers.lock().unwrap();
    let (status, text) = if answers.len() > 1 {
        answers.remove(0)
    } else {
        answers[0].clone()
    };
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

fn json_answer(body: &Value) -> (u16, String) {
    (200, body.to_string())
}

#[tokio::test]
async fn y276_only_a_token_that_the_issuer_gives_opens_a_connection() {
    let world = World::new().await;
    let token = world.issuer.token();
    let valid = json_answer(&json!({ "active": true, "access_token": token }));
    for (answer, status) in [
        (valid, 200),
        (json_answer(&json!({ "active": false })), 401),
        (
            json_answer(&json!({ "active": false, "access_token": token })),
            401,
        ),
        (
            json_answer(&json!({ "active": true, "access_token": "invented" })),
            401,
        ),
        (json_answer(&json!({ "active": true })), 503),
        (json_answer(&json!({ "access_token": token })), 503),
        (
            json_answer(&json!({ "active": "true", "access_token": token })),
            503,
        ),
        (json_answer(&json!([])), 503),
        ((200, String::new()), 503),
        ((200, " ".repeat(100 * 1024)), 503),
        (
            (
                201,
                json!({ "active": true, "access_token": token }).to_string(),
            ),
            503,
        ),
        ((403, String::new()), 503),
        ((404, String::new()), 503),
        ((422, String::new()), 503),
        ((500, String::new()), 503),
        ((503, String::new()), 503),
    ] {
        world.answers(std::slice::from_ref(&answer));
        let before = world.asked.load(Ordering::SeqCst);
        let opened = world.open("ticket").await;
        assert_eq!(opened.status.as_u16(), status, "{answer:?}");
        assert_eq!(opened.headers.contains_key("retry-after"), status == 503);
        // never twice: the first request may have used the ticket up
        assert_eq!(world.asked.load(Ordering::SeqCst), before + 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_client_whose_token_was_refused_asks_once_more_with_a_new_one() {
    let world = World::new().await;
    let token = world.issuer.token();
    let valid = json_answer(&json!({ "active": true, "access_token": token }));
    world.answers(&[(401, String::new()), valid]);
    assert_eq!(world.open("ticket").await.status.as_u16(), 200);
    world.answers(&[(401, String::new())]);
    let before = world.asked.load(Ordering::SeqCst);
    assert_eq!(world.open("ticket").await.status.as_u16(), 503);
    assert_eq!(world.asked.load(Ordering::SeqCst), before + 2);
}

#[tokio::test]
async fn what_cannot_be_a_ticket_and_a_stale_guard_ask_nobody() {
    let world = World::new().await;
    world.answers(&[json_answer(&json!({ "active": false }))]);
    let long = "a".repeat(129);
    assert_eq!(world.open(&long).await.status.as_u16(), 401);
    assert_eq!(world.open("%20").await.status.as_u16(), 401);
    world.issuer.on(|_| not_found());
    world
        .issuer
        .tokens
        .clock()
        .advance(std::time::Duration::from_secs(31));
    assert_eq!(world.open("ticket").await.status.as_u16(), 503);
    assert_eq!(world.asked.load(Ordering::SeqCst), 0);
    assert!(world.guard.status().keys > 0);
}

#[tokio::test]
#[should_panic(expected = "give the builder a `client`")]
async fn a_guard_without_a_client_cannot_redeem_tickets() {
    let issuer = Issuer::new().await;
    let _ = issuer.guard().with_tickets();
}
