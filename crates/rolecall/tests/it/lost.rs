//! `Principal::lost`, for responses that outlive the check of the token.

use rolecall::{Floor, FloorKind, Timestamp, testing::TestIssuer, token::KeySet};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// Asserts that `lost` of a principal resolves after `event`, and not before.
async fn assert_resolves_after(event: impl FnOnce(&TestIssuer)) {
    let issuer = TestIssuer::new();
    let caller = issuer
        .guard()
        .verify(&issuer.token("alice").rev(1).sign())
        .unwrap();
    // the future can be dropped and created again
    for _ in 0..2 {
        let lost = tokio::time::timeout(Duration::from_millis(1), caller.lost()).await;
        assert!(lost.is_err());
    }
    assert!(!caller.is_lost());
    let waiting = {
        let caller = caller.clone();
        tokio::spawn(async move { caller.lost().await })
    };
    tokio::task::yield_now().await;
    event(&issuer);
    tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    tokio::time::timeout(SOON, caller.lost()).await.unwrap();
    assert!(caller.is_lost());
}

#[tokio::test]
async fn lost_resolves_when_the_token_expires() {
    assert_resolves_after(|issuer| issuer.clock().advance(Duration::from_hours(1))).await;
}

#[tokio::test]
async fn lost_resolves_after_a_floor_is_raised() {
    assert_resolves_after(|issuer| {
        let caller = issuer
            .guard()
            .verify(&issuer.token("alice").rev(1).sign())
            .unwrap();
        issuer.live().raise(&[Floor {
            kind: FloorKind::Subject,
            key: caller.subject().to_owned(),
            tenant: None,
            revision: 2,
            until: Timestamp::MAX,
        }]);
    })
    .await;
}

#[tokio::test]
async fn lost_resolves_when_era_key_or_fresh_state_is_gone() {
    assert_resolves_after(|issuer| issuer.live().replace("another", &[])).await;
    assert_resolves_after(|issuer| issuer.live().set_keys(KeySet::empty())).await;
    assert_resolves_after(|issuer| {
        let long = Duration::from_secs(40);
        // the state becomes stale while the time of day stays the same
        let now = rolecall::Clock::now(issuer.clock());
        issuer.clock().advance(long);
        issuer.clock().set(now);
    })
    .await;
}

#[tokio::test]
async fn lost_does_not_resolve_for_another_subject() {
    let issuer = TestIssuer::new();
    let caller = issuer
        .guard()
        .verify(&issuer.token("alice").rev(1).sign())
        .unwrap();
    issuer.live().raise(&[Floor {
        kind: FloorKind::Subject,
        key: "another".into(),
        tenant: None,
        revision: 2,
        until: Timestamp::MAX,
    }]);
    let lost = tokio::time::timeout(Duration::from_millis(20), caller.lost()).await;
    assert!(lost.is_err());
}
