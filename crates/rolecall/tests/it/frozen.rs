//! A process that stood still, and does not know what was revoked meanwhile.

use std::time::Duration;

use http::HeaderValue;
use rolecall::{Authenticated, GuardedRouter, Timestamp, routing::get, testing::TestIssuer};
use rolecall_core::{Floor, FloorKind};

const USUAL: Duration = Duration::from_secs(1);

/// An issuer whose guards stood still for a while.
fn frozen() -> TestIssuer {
    let issuer = TestIssuer::new();
    issuer.live().note_revision(4);
    issuer.live().set_usual_age(USUAL);
    issuer.live().mark_fresh();
    issuer
}

fn bearer(token: &str) -> Option<HeaderValue> {
    Some(HeaderValue::try_from(format!("Bearer {token}")).unwrap())
}

fn ended() -> Floor {
    Floor {
        kind: FloorKind::Subject,
        key: "alice".into(),
        tenant: None,
        revision: 5,
        until: Timestamp::MAX,
    }
}

/// Brings the news for which the next question asks.
async fn bring(issuer: &TestIssuer, floors: &[Floor]) {
    let live = issuer.live();
    let mut questions = live.questions();
    questions.wait_for(|last| *last > 0).await.unwrap();
    live.raise(floors);
    live.answer(live.question(), 5);
    live.mark_fresh();
}

#[tokio::test]
async fn y245_a_router_that_stood_still_asks_for_news_before_the_handler_runs() {
    for (floors, status) in [(vec![ended()], 401), (Vec::new(), 200)] {
        let issuer = frozen();
        let app = GuardedRouter::new(issuer.guard())
            .route("/me", get(|_: Authenticated| async {}))
            .into_axum();
        let token = issuer.token("alice").rev(3).sign();
        issuer.clock().advance(USUAL + Duration::from_millis(1));
        let request = crate::get(&app, "/me", bearer(&token));
        let (response, ()) = tokio::join!(request, bring(&issuer, &floors));
        assert_eq!(response.status, status);
    }
}

#[tokio::test]
async fn y245_a_layer_that_stood_still_asks_for_news_before_the_handler_runs() {
    let issuer = frozen();
    let route = axum::routing::get(async || "done");
    let layer = issuer.guard().layer::<crate::role::User>();
    let app = axum::Router::new().route("/items/", route.layer(layer));
    let token = issuer.token("alice").role::<crate::role::User>();
    let token = token.rev(3).sign();
    issuer.clock().advance(USUAL + Duration::from_millis(1));
    let news = [ended()];
    let request = crate::get(&app, "/items/", bearer(&token));
    let (response, ()) = tokio::join!(request, bring(&issuer, &news));
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn y245_only_the_first_request_waits_where_nobody_answers() {
    let issuer = frozen();
    let app = GuardedRouter::new(issuer.guard())
        .route("/me", get(|_: Authenticated| async {}))
        .into_axum();
    let token = issuer.token("alice").rev(3).sign();
    issuer.clock().advance(USUAL + Duration::from_millis(1));
    let asked = issuer.live().question();
    assert_eq!(crate::get(&app, "/me", bearer(&token)).await.status, 200);
    let number = issuer.live().question();
    assert!(number > asked);
    // no further question: the second one does not wait
    assert_eq!(crate::get(&app, "/me", bearer(&token)).await.status, 200);
    assert_eq!(issuer.live().question(), number);
    // with the next news, all is well again
    let news = [ended()];
    issuer.live().mark_fresh();
    issuer.clock().advance(USUAL + Duration::from_millis(1));
    let request = crate::get(&app, "/me", bearer(&token));
    let (response, ()) = tokio::join!(request, bring(&issuer, &news));
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn y245_a_state_of_the_usual_age_asks_nobody() {
    let issuer = frozen();
    let app = GuardedRouter::new(issuer.guard())
        .route("/me", get(|_: Authenticated| async {}))
        .into_axum();
    let token = issuer.token("alice").rev(3).sign();
    issuer.clock().advance(USUAL);
    let asked = issuer.live().question();
    assert_eq!(crate::get(&app, "/me", bearer(&token)).await.status, 200);
    assert_eq!(issuer.live().question(), asked);
}

#[tokio::test]
async fn y245_a_machine_that_was_suspended_asks_for_news_too() {
    let issuer = frozen();
    let app = GuardedRouter::new(issuer.guard())
        .route("/me", get(|_: Authenticated| async {}))
        .into_axum();
    let token = issuer.token("alice").rev(3).sign();
    // its monotonic time stood still
    let now = rolecall::Clock::now(issuer.clock());
    issuer
        .clock()
        .set(now.plus(USUAL + Duration::from_millis(1)));
    let news = [ended()];
    let request = crate::get(&app, "/me", bearer(&token));
    let (response, ()) = tokio::join!(request, bring(&issuer, &news));
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn y245_code_outside_of_routers_can_wait_for_news_too() {
    for (floors, is_accepted) in [(vec![ended()], false), (Vec::new(), true)] {
        let issuer = frozen();
        let guard = issuer.guard();
        let token = issuer.token("alice").rev(3).sign();
        issuer.clock().advance(USUAL + Duration::from_millis(1));
        // it cannot wait
        assert!(guard.verify(&token).is_ok());
        let (verified, ()) = tokio::join!(guard.verify_current(&token), bring(&issuer, &floors));
        assert_eq!(verified.is_ok(), is_accepted);
    }
    // in the usual state, and for what is no token, it asks nobody
    let issuer = frozen();
    let asked = issuer.live().question();
    let token = issuer.token("alice").rev(3).sign();
    assert!(issuer.guard().verify_current(&token).await.is_ok());
    let refused = issuer.guard().verify_current("no token").await;
    assert_eq!(refused.unwrap_err(), rolecall::Denial::InvalidToken);
    assert_eq!(issuer.live().question(), asked);
}
