//! `Guard::layer` on routes of a plain router.

use http::Method;
use rolecall::{AnyOf, Authenticated, Require, testing::TestIssuer};

use crate::{admin, call, may, role, user};

async fn secret(caller: Require<role::Admin>) -> String {
    caller.username().to_owned()
}

#[tokio::test]
async fn a_layer_guards_only_its_route() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let app: axum::Router = axum::Router::new()
        .route("/old", axum::routing::get(|| async { "old" }))
        .route(
            "/items",
            axum::routing::get(secret).layer(guard.layer::<role::Admin>()),
        )
        .route(
            "/plain",
            axum::routing::get(|| async { "plain" }).layer(guard.layer::<Authenticated>()),
        );
    assert_eq!(crate::get(&app, "/old", None).await.body, "old");
    let answer = crate::get(&app, "/items", None).await;
    assert_eq!(
        (answer.status.as_u16(), answer.challenge()),
        (401, Some("Bearer"))
    );
    let answer = crate::get(&app, "/items", user(&issuer)).await;
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:admin""#)
    );
    assert_eq!(answer.json()["rule"], "role:admin");
    assert_eq!(
        crate::get(&app, "/items", admin(&issuer)).await.body,
        "boss"
    );
    assert_eq!(crate::get(&app, "/plain", None).await.status, 401);
    assert_eq!(
        crate::get(&app, "/plain", user(&issuer)).await.body,
        "plain"
    );
}

#[tokio::test]
async fn a_layer_guards_every_method_of_its_route() {
    let issuer = TestIssuer::new();
    let layer = issuer
        .guard()
        .layer::<AnyOf<(role::Admin, may::ReadItems)>>();
    let app: axum::Router = axum::Router::new()
        .route("/x", axum::routing::any(|| async { "in" }))
        .layer(layer);
    for method in ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "FOO"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(call(&app, method.clone(), "/x", None).await.status, 401);
        assert_eq!(
            call(&app, method.clone(), "/x", user(&issuer)).await.status,
            403
        );
        assert_eq!(call(&app, method, "/x", admin(&issuer)).await.status, 200);
    }
}

#[tokio::test]
async fn the_extractor_checks_its_own_rule_in_addition_to_the_layer() {
    let issuer = TestIssuer::new();
    let weaker = issuer.guard().layer::<Authenticated>();
    let app: axum::Router =
        axum::Router::new().route("/x", axum::routing::get(secret).layer(weaker));
    assert_eq!(crate::get(&app, "/x", user(&issuer)).await.status, 403);
    assert_eq!(crate::get(&app, "/x", admin(&issuer)).await.body, "boss");
}
