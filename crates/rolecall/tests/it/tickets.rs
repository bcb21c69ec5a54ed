//! `?ticket=`, on the routes that accept it.

use axum::body::Body;
use http::{Method, Request};
use rolecall::{
    Guard, GuardedRouter,
    routing::{any, get},
    testing::TestIssuer,
};

use crate::{admin, call, fixed, floor, greet, greet_anybody, role, send};

fn app(guard: &Guard) -> axum::Router {
    GuardedRouter::new(guard.with_tickets())
        .route("/stream", any(greet))
        .route("/optional", get(greet_anybody))
        .merge(GuardedRouter::new(guard.clone()).route("/plain", get(greet)))
        .into_axum()
}

fn ticket(issuer: &TestIssuer, name: &str) -> String {
    issuer.ticket(&issuer.token(name).role::<role::User>().sign())
}

async fn open(app: &axum::Router, path: &str) -> crate::Answer {
    crate::get(app, path, None).await
}

#[tokio::test]
async fn a_ticket_is_used_up_by_the_first_request() {
    let issuer = TestIssuer::new();
    let app = app(&issuer.guard());
    let path = format!("/stream?ticket={}", ticket(&issuer, "alice"));
    let first = open(&app, &path).await;
    assert_eq!((first.status.as_u16(), &*first.body), (200, "alice"));
    assert_eq!(first.headers["cache-control"], "no-store");
    assert!(!first.headers.contains_key("vary"));
    assert_eq!(open(&app, &path).await.status.as_u16(), 401);
    let optional = format!("/optional?ticket={}", ticket(&issuer, "alice"));
    assert_eq!(open(&app, &optional).await.body, "alice");
    assert_eq!(
        open(&app, &optional).await.status.as_u16(),
        401,
        "not nobody"
    );
    assert_eq!(open(&app, "/optional").await.body, "nobody");
    // a route with tickets accepts other credentials as before
    let bearer = admin(&issuer);
    let refused = crate::get(&app, "/stream", bearer).await;
    assert_eq!(refused.status.as_u16(), 403);
}

#[tokio::test]
async fn y184_other_routes_and_methods_leave_the_ticket_unused() {
    let issuer = TestIssuer::new();
    let app = app(&issuer.guard());
    let ticket = ticket(&issuer, "alice");
    let plain = open(&app, &format!("/plain?ticket={ticket}")).await;
    assert_eq!(plain.challenge(), Some("Bearer"));
    let path = format!("/stream?ticket={ticket}");
    for method in [Method::POST, Method::HEAD, Method::DELETE] {
        let answer = call(&app, method, &path, None).await;
        assert_eq!(answer.challenge(), Some("Bearer"));
    }
    assert_eq!(open(&app, &path).await.status.as_u16(), 200);
}

#[tokio::test]
async fn y183_the_token_of_a_ticket_is_verified_when_it_is_used() {
    let issuer = TestIssuer::new();
    let app = app(&issuer.guard());
    let path = format!("/stream?ticket={}", ticket(&issuer, "alice"));
    let of_another = TestIssuer::new().token("mallory").sign();
    let forged = format!("/stream?ticket={}", issuer.ticket(&of_another));
    assert_eq!(open(&app, &forged).await.status.as_u16(), 401);
    issuer
        .live()
        .raise(&[floor(rolecall::FloorKind::Subject, "alice", 1)]);
    let answer = open(&app, &path).await;
    assert_eq!(answer.status.as_u16(), 401);
    assert!(answer.challenge().unwrap().contains("has ended"));
}

#[tokio::test]
async fn a_layer_accepts_a_ticket_as_a_router_does() {
    let issuer = TestIssuer::new();
    let layer = issuer.guard().with_tickets().layer::<role::User>();
    let methods = axum::routing::get(greet).layer(layer);
    let app = axum::Router::new().route("/stream", methods);
    let path = format!("/stream?ticket={}", ticket(&issuer, "alice"));
    let answer = open(&app, &path).await;
    assert_eq!(answer.body, "alice");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(open(&app, &path).await.status.as_u16(), 401);
}

#[tokio::test]
async fn y189_a_ticket_and_a_bearer_token_are_two_credentials() {
    let issuer = TestIssuer::new();
    let app = app(&issuer.guard());
    let ticket = ticket(&issuer, "alice");
    let path = format!("/stream?ticket={ticket}");
    let both = Request::get(&path).header("authorization", "Bearer nonsense");
    let both = send(&app, both.body(Body::empty()).unwrap()).await;
    assert_eq!(both.status.as_u16(), 400);
    let two = open(&app, &format!("{path}&ticket={ticket}")).await;
    assert_eq!(two.status.as_u16(), 400);
    // the password of a staging site is none for this application
    let staging = Request::get(&path).header("authorization", "Basic YTpi");
    let staging = send(&app, staging.body(Body::empty()).unwrap()).await;
    assert_eq!(staging.body, "alice");
}

#[test]
#[should_panic(expected = "cannot redeem tickets")]
fn a_guard_without_a_source_of_tickets_is_refused_at_start() {
    let _ = fixed(&TestIssuer::new()).build().unwrap().with_tickets();
}
