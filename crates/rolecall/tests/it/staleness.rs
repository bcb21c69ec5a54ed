//! A state that is too old to be trusted.

use std::{sync::Arc, time::Duration};

use rolecall::{
    Denial, FloorKind, Guard, LiveState, ManualClock, OnStale, Timestamp, testing::TestIssuer,
    token::KeySet,
};

use crate::floor;

#[test]
fn a_stale_state_is_503_until_it_is_fresh_again() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    issuer.clock().advance(Duration::from_secs(30));
    assert!(guard.verify(&token).is_ok(), "at the limit");
    issuer.clock().advance(Duration::from_micros(1));
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::Unavailable);
    assert_eq!(
        guard.verify("x").unwrap_err(),
        Denial::Unavailable,
        "an invalid token is not checked either"
    );
    issuer.live().mark_fresh_with_age(Duration::from_secs(31));
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::Unavailable);
    issuer.live().mark_fresh_with_age(Duration::from_secs(29));
    assert!(guard.verify(&token).is_ok());
}

#[tokio::test]
async fn x014_a_stale_state_is_503_with_retry_after_except_on_public_routes() {
    let issuer = TestIssuer::new();
    let app = rolecall::GuardedRouter::new(issuer.guard())
        .route(
            "/me",
            rolecall::routing::get(|_: rolecall::Authenticated| async {}),
        )
        .route(
            "/open",
            rolecall::routing::get(|_: rolecall::Public| async {}),
        )
        .into_axum();
    issuer.clock().advance(Duration::from_secs(31));
    let answer = crate::get(&app, "/me", crate::user(&issuer)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(answer.challenge().is_none());
    assert_eq!(crate::get(&app, "/me", None).await.status, 401);
    assert_eq!(
        crate::get(&app, "/open", crate::user(&issuer)).await.status,
        200
    );
}

#[test]
fn accepting_a_stale_state_still_applies_known_floors() {
    let issuer = TestIssuer::new();
    let guard = Guard::builder()
        .live(issuer.live().clone())
        .issuer(TestIssuer::URL)
        .audience(TestIssuer::URL)
        .clock(issuer.clock().clone())
        .max_staleness(Duration::from_secs(5))
        .on_stale(OnStale::Accept)
        .build()
        .unwrap();
    issuer.clock().advance(Duration::from_mins(1));
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    issuer
        .live()
        .raise(&[floor(FloorKind::Subject, "alice", 1)]);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::EndedToken);
}

#[test]
fn a_late_answer_does_not_age_the_state() {
    let clock = ManualClock::at(Timestamp::from_seconds(0));
    let state = LiveState::new(KeySet::empty(), "e", Arc::new(clock.clone()));
    clock.advance(Duration::from_secs(10));
    state.mark_fresh_with_age(Duration::from_secs(2));
    state.mark_fresh_with_age(Duration::from_secs(9));
    assert_eq!(state.age(), Duration::from_secs(2));
    clock.set(Timestamp::from_seconds(-1_000_000));
    assert_eq!(
        state.age(),
        Duration::from_secs(2),
        "the age does not depend on the time of day"
    );
}
