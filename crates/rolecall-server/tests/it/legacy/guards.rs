//! Old tokens at each kind of guard.

use aws_lc_rs::hmac;
use axum::{body::Body, routing::get};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use rolecall::Require;
use serde_json::json;
use tower::ServiceExt as _;

use super::{DAY, now, old, signed, taken_over};
use crate::support::{Node, TestApp, eventually, may, on_both, role};

on_both![
    an_old_token_never_reaches_rolecalls_own_api,
    introspection_knows_old_tokens,
    a_plain_router_behind_a_layer_takes_old_tokens_and_no_others,
    a_proxy_that_asks_is_told_who_an_old_token_means,
];

async fn an_old_token_never_reaches_rolecalls_own_api(app: TestApp) {
    app.role("boss", &["rolecall.users:read", "items:write"])
        .await;
    let node = taken_over(&app, &[("root", "rolecall.admin"), ("boss", "boss")]).await;
    for name in ["root", "boss"] {
        let token = old(&app, name);
        node.get("/items/", &token).await.is(403);
        for path in ["/api/me", "/api/users", "/api/me/sessions", "/api/roles"] {
            node.get(path, &token).await.not_valid();
        }
    }
    let client = app.client("items", json!({})).await;
    let id = client.id.clone();
    app.put(
        format_args!("/api/clients/{id}/roles/rolecall.resource-server"),
        app.admin().await,
    )
    .await
    .done();
    for (name, scope, roles) in [
        ("root", "", json!([])),
        ("boss", "items:write", json!(["boss"])),
    ] {
        let token = old(&app, name);
        let seen = node
            .request(Method::POST, "/introspect")
            .header("authorization", &client.basic())
            .form(&[("token", &token)])
            .send()
            .await;
        seen.is(200);
        assert_eq!(seen.json["active"], true);
        assert_eq!(
            (&seen.json["scope"], &seen.json["roles"]),
            (&json!(scope), &roles)
        );
    }
}

/// As an application has it that came to rolecall step by step: a router of axum's own.
fn plain_router(node: &Node) -> axum::Router {
    let name = async |caller: Require<may::ReadItems>| caller.username().to_owned();
    let edit = async |_: Require<role::Editor>| ();
    axum::Router::new()
        .route(
            "/items/",
            get(name).layer(node.guard().layer::<may::ReadItems>()),
        )
        .route(
            "/edit",
            get(edit).layer(node.guard().layer::<role::Editor>()),
        )
}

/// Status and body of an answer of a plain router.
async fn ask(router: &axum::Router, path: &str, token: &str) -> (u16, String) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn a_plain_router_behind_a_layer_takes_old_tokens_and_no_others(app: TestApp) {
    let node = taken_over(&app, &[("Alice", "editor"), ("bob", "user")]).await;
    app.user("carol", &["editor"]).await;
    let router = plain_router(&node);
    let (alice, bob) = (old(&app, "Alice"), old(&app, "bob"));
    for _ in 0..2 {
        assert_eq!(ask(&router, "/items/", &alice).await, (200, "alice".into()));
    }
    assert_eq!(ask(&router, "/edit", &alice).await.0, 200);
    let (status, body) = ask(&router, "/items/", &bob).await;
    assert!(
        status == 403 && body.contains("Operation not permitted"),
        "{status} {body}"
    );
    let claims = json!({ "sub": "Alice", "exp": now(&app) + 60 });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let forged = signed(&header, &claims, hmac::HMAC_SHA256, &[7; 32]);
    for token in [
        forged,
        old(&app, "alice"),
        old(&app, "carol"),
        "a.b.c".into(),
    ] {
        assert_eq!(ask(&router, "/items/", &token).await.0, 401, "{token}");
    }
    // our own go on beside them, and who does not take old ones knows nothing of them
    assert_eq!(
        ask(&router, "/items/", &app.login("carol").await).await.0,
        200
    );
    assert_eq!(ask(&plain_router(&app), "/items/", &alice).await.0, 401);
    app.unassign(&app.id_of("alice").await, "editor").await;
    eventually("the old token ends", async || {
        ask(&router, "/edit", &alice).await.0 == 401
    })
    .await;
    app.pass(DAY);
    assert_eq!(ask(&router, "/items/", &old(&app, "bob")).await.0, 401);
}

async fn a_proxy_that_asks_is_told_who_an_old_token_means(app: TestApp) {
    app.role("boss", &["rolecall.users:read"]).await;
    let node = taken_over(&app, &[("alice", "editor"), ("boss", "boss")]).await;
    let token = old(&app, "alice");
    let answer = node
        .request(
            Method::GET,
            "/forward-auth?role=editor&permission=items:read",
        )
        .header("authorization", &format!("Bearer {token}"))
        .header("x-auth-username", "root")
        .send()
        .await;
    answer.is(200);
    let told = |name: &str| answer.header(name).unwrap();
    assert_eq!(told("x-auth-subject"), app.id_of("alice").await);
    assert_eq!(
        ["username", "roles", "permissions", "client", "session"]
            .map(|name| told(&format!("x-auth-{name}"))),
        ["alice", "editor", "items:read", "rolecall", ""]
    );
    node.get("/forward-auth?role=admin", &token)
        .await
        .forbidden("role:admin");
    let own = node
        .get(
            "/forward-auth?permission=rolecall.users:read",
            &old(&app, "boss"),
        )
        .await;
    assert_eq!(
        own.forbidden("rolecall.users:read")
            .header("x-auth-username"),
        Some("")
    );
    // where they are not taken, and for who was not imported, it is nobody
    app.get("/forward-auth", &token).await.not_valid();
    assert_eq!(
        node.get("/forward-auth", &old(&app, "admin")).await.status,
        401
    );
    app.unassign(&app.id_of("alice").await, "editor").await;
    eventually("the old token ends", async || {
        node.get("/forward-auth", &token).await.status == 401
    })
    .await;
}

async fn introspection_knows_old_tokens(app: TestApp) {
    let node = taken_over(&app, &[("alice", "editor")]).await;
    let server = app.client("items", json!({})).await;
    let id = server.id.clone();
    app.put(
        format_args!("/api/clients/{id}/roles/rolecall.resource-server"),
        app.admin().await,
    )
    .await
    .done();
    let other = app
        .client("other", json!({ "audiences": ["https://other.example"] }))
        .await;
    let id = other.id.clone();
    app.put(
        format_args!("/api/clients/{id}/roles/rolecall.resource-server"),
        app.admin().await,
    )
    .await
    .done();
    let ask = async |node: &Node, basic: String, token: &str| {
        let ask = node
            .request(Method::POST, "/introspect")
            .header("authorization", &basic);
        ask.form(&[("token", token)])
            .send()
            .await
            .is(200)
            .json
            .clone()
    };
    let token = old(&app, "alice");
    let seen = ask(&node, server.basic(), &token).await;
    assert_eq!(seen["active"], true, "{seen}");
    assert_eq!(
        (&seen["username"], &seen["roles"]),
        (&json!("alice"), &json!(["editor"]))
    );
    assert_eq!(seen["scope"], "items:read");
    // not for a service of another application, nor where they are not taken, nor after a loss
    assert_eq!(
        ask(&node, other.basic(), &token).await,
        json!({ "active": false })
    );
    assert_eq!(
        ask(&app, server.basic(), &token).await,
        json!({ "active": false })
    );
    app.unassign(&app.id_of("alice").await, "editor").await;
    assert_eq!(
        ask(&node, server.basic(), &token).await,
        json!({ "active": false })
    );
}
