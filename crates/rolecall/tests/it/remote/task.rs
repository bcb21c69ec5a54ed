//! The background task of a guard, and issuers that it refuses to follow.

use std::time::Duration;

use rolecall::{Denial, Guard, GuardError, testing::TestIssuer, token::Algorithm};
use tokio::net::TcpListener;

use super::{Issuer, eventually, within};

#[tokio::test]
async fn x007_requests_do_not_wait_for_an_issuer_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = Issuer::new().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let guard = issuer.builder().issuer(&url).build().unwrap();
    // the connection is accepted and never answered
    let (_held, _) = within("it connects", listener.accept()).await.unwrap();
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(guard.verify(&issuer.token()), Err(Denial::Unavailable));
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    eventually("it gives up", async || guard.status().failures > 0).await;
}

#[tokio::test]
async fn a_dropped_guard_sends_no_more_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let builder = Guard::builder().issuer(&url).audience("a");
    let guard = builder.client("a", "b").build().unwrap();
    let clone = guard.clone();
    let (mut connection, _) = within("it connects", listener.accept()).await.unwrap();
    drop((guard, clone));
    let mut bytes = Vec::new();
    // only the guard can close the connection
    let read = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut bytes);
    let _ = within("it is closed", read).await;
}

#[test]
fn a_guard_without_a_runtime_follows_on_a_thread_of_its_own_or_a_given_runtime() {
    let serving = tokio::runtime::Runtime::new().unwrap();
    let issuer = serving.block_on(Issuer::new());
    let token = issuer.token();
    let own = issuer.builder().own_thread().build().unwrap();
    let given = issuer.builder().runtime(serving.handle().clone());
    let given = given.build().unwrap();
    // this thread is in no runtime: only the others can have loaded the keys
    let waiting = std::time::Instant::now();
    for guard in [&own, &given] {
        while guard.verify(&token).is_err() {
            assert!(waiting.elapsed() < Duration::from_secs(20), "no keys");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_guard_built_outside_of_a_runtime_starts_with_its_first_request() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let serving = runtime();
    let issuer = serving.block_on(Issuer::new());
    let guard = issuer.guard();
    let token = issuer.token();
    assert_eq!(guard.verify(&token), Err(Denial::Unavailable));
    runtime().block_on(async {
        eventually("it begins", async || guard.verify(&token).is_ok()).await;
    });
    // that runtime has ended; the loaded keys are still used, and another runtime continues
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
fn build_refuses_an_issuer_that_cannot_be_followed() {
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
