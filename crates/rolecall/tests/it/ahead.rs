//! Tokens of a revision that the guard does not know of: from another node, or from a lost past.

use std::time::Duration;

use http::HeaderValue;
use rolecall::{Authenticated, Denial, GuardedRouter, routing::get, testing::TestIssuer};

fn issuer() -> TestIssuer {
    let issuer = TestIssuer::new();
    issuer.live().note_revision(4);
    issuer
}

fn bearer(token: &str) -> Option<HeaderValue> {
    Some(HeaderValue::try_from(format!("Bearer {token}")).unwrap())
}

/// Answers the next question with `revision`.
async fn answer_next(issuer: &TestIssuer, revision: i64) {
    let live = issuer.live();
    let mut questions = live.questions();
    questions.wait_for(|last| *last > 0).await.unwrap();
    live.answer(live.question(), revision);
}

#[test]
fn y022_a_token_from_a_lost_revision_is_accepted_until_the_answer_and_never_again() {
    let issuer = issuer();
    let guard = issuer.guard();
    let token = issuer.token("alice").rev(16).sign();
    assert!(guard.verify(&issuer.token("alice").rev(4).sign()).is_ok());
    assert_eq!(issuer.live().claimed_revision(), None);
    assert!(guard.verify(&token).is_ok());
    assert_eq!(issuer.live().claimed_revision(), Some(16));
    // a state that was read before the question does not answer it
    issuer.live().answer(issuer.live().question() - 1, 4);
    assert!(guard.verify(&token).is_ok());
    issuer.live().answer(issuer.live().question(), 4);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::EndedToken);
    issuer.live().note_revision(20);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::EndedToken);
    issuer.live().replace("next", &[]);
    assert_eq!(issuer.live().claimed_revision(), None);
}

#[tokio::test]
async fn y022_a_router_waits_for_the_newest_revision_before_the_handler_runs() {
    for (revision, status) in [(4, 401), (16, 200)] {
        let issuer = issuer();
        let app = GuardedRouter::new(issuer.guard())
            .route("/me", get(|_: Authenticated| async {}))
            .into_axum();
        let token = issuer.token("alice").rev(16).sign();
        let request = crate::get(&app, "/me", bearer(&token));
        let (response, ()) = tokio::join!(request, answer_next(&issuer, revision));
        assert_eq!(response.status, status);
        if status == 401 {
            assert!(response.challenge().unwrap().contains("has ended"));
        }
    }
}

#[tokio::test]
async fn y022_a_layer_waits_for_the_newest_revision_before_the_handler_runs() {
    for (revision, status) in [(4, 401), (16, 200)] {
        let issuer = issuer();
        let route = axum::routing::get(async || "done");
        let layer = issuer.guard().layer::<crate::role::User>();
        let app = axum::Router::new().route("/items/", route.layer(layer));
        let token = issuer.token("alice").role::<crate::role::User>();
        let token = token.rev(16).sign();
        let request = crate::get(&app, "/items/", bearer(&token));
        let (response, ()) = tokio::join!(request, answer_next(&issuer, revision));
        assert_eq!(response.status, status);
    }
}

#[tokio::test]
async fn y022_a_stream_ends_when_its_token_turns_out_to_be_from_a_lost_revision() {
    let issuer = issuer();
    let caller = issuer
        .guard()
        .verify(&issuer.token("alice").rev(16).sign())
        .unwrap();
    let lost = tokio::time::timeout(Duration::from_secs(20), caller.lost());
    let (lost, ()) = tokio::join!(lost, answer_next(&issuer, 4));
    assert!(lost.is_ok());
}
