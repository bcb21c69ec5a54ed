//! Old tokens at each kind of guard.

use aws_lc_rs::hmac;
use axum::{body::Body, routing::get};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use rolecall::Require;
use serde_json::json;
use tower::ServiceExt as _;

use super::{DAY, import_users, now, old_token, signed};
use crate::support::{Credentials, Node, TestApp, eventually, may, on_both, role};

on_both![
    an_old_token_never_reaches_rolecalls_own_api,
    introspection_describes_old_tokens,
    a_plain_router_behind_a_layer_accepts_old_tokens,
    forward_auth_identifies_the_user_of_an_old_token,
];

async fn an_old_token_never_reaches_rolecalls_own_api(app: TestApp) {
    app.create_role("boss", &["rolecall.users:read", "items:write"])
        .await;
    let node = import_users(&app, &[("root", "rolecall.admin"), ("boss", "boss")]).await;
    for name in ["root", "boss"] {
        let token = old_token(&app, name);
        node.get("/items/", &token).await.is(403);
        for path in ["/api/me", "/api/users", "/api/me/sessions", "/api/roles"] {
            node.get(path, &token).await.invalid_token();
        }
    }
    let client = app.create_resource_server("items").await;
    for (name, scope, roles) in [
        ("root", "", json!([])),
        ("boss", "items:write", json!(["boss"])),
    ] {
        let token = old_token(&app, name);
        let seen = node.introspect(&client, &token).await;
        seen.is(200);
        assert_eq!(seen.json["active"], true);
        assert_eq!(
            (&seen.json["scope"], &seen.json["roles"]),
            (&json!(scope), &roles)
        );
    }
}

/// An axum router, as in an application that moves to rolecall step by step.
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

/// Sends a token to a plain router; returns status and body.
async fn get_with(router: &axum::Router, path: &str, token: &str) -> (u16, String) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn a_plain_router_behind_a_layer_accepts_old_tokens(app: TestApp) {
    let node = import_users(&app, &[("Alice", "editor"), ("bob", "user")]).await;
    app.create_user("carol", &["editor"]).await;
    let router = plain_router(&node);
    let (alice, bob) = (old_token(&app, "Alice"), old_token(&app, "bob"));
    for _ in 0..2 {
        assert_eq!(
            get_with(&router, "/items/", &alice).await,
            (200, "alice".into())
        );
    }
    assert_eq!(get_with(&router, "/edit", &alice).await.0, 200);
    let (status, body) = get_with(&router, "/items/", &bob).await;
    assert!(
        status == 403 && body.contains("Operation not permitted"),
        "{status} {body}"
    );
    let claims = json!({ "sub": "Alice", "exp": now(&app) + 60 });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let forged = signed(&header, &claims, hmac::HMAC_SHA256, &[7; 32]);
    for token in [
        forged,
        old_token(&app, "alice"),
        old_token(&app, "carol"),
        "a.b.c".into(),
    ] {
        assert_eq!(get_with(&router, "/items/", &token).await.0, 401, "{token}");
    }
    // the server's own tokens work beside them, and a node without this setting accepts no old ones
    assert_eq!(
        get_with(&router, "/items/", &app.log_in("carol").await)
            .await
            .0,
        200
    );
    assert_eq!(
        get_with(&plain_router(&app), "/items/", &alice).await.0,
        401
    );
    app.unassign(&app.id_of("alice").await, "editor").await;
    eventually("the old token is revoked", async || {
        get_with(&router, "/edit", &alice).await.0 == 401
    })
    .await;
    app.pass_time(DAY);
    assert_eq!(
        get_with(&router, "/items/", &old_token(&app, "bob"))
            .await
            .0,
        401
    );
}

async fn forward_auth_identifies_the_user_of_an_old_token(app: TestApp) {
    app.create_role("boss", &["rolecall.users:read"]).await;
    let node = import_users(&app, &[("alice", "editor"), ("boss", "boss")]).await;
    let token = old_token(&app, "alice");
    let response = node
        .request(
            Method::GET,
            "/forward-auth?role=editor&permission=items:read",
        )
        .header("authorization", &format!("Bearer {token}"))
        .header("x-auth-username", "root")
        .send()
        .await;
    response.is(200);
    let shown = |name: &str| response.header(name).unwrap();
    assert_eq!(shown("x-auth-subject"), app.id_of("alice").await);
    assert_eq!(
        ["username", "roles", "permissions", "client", "session"]
            .map(|name| shown(&format!("x-auth-{name}"))),
        ["alice", "editor", "items:read", "rolecall", ""]
    );
    node.get("/forward-auth?role=admin", &token)
        .await
        .forbidden("role:admin");
    let own = node
        .get(
            "/forward-auth?permission=rolecall.users:read",
            &old_token(&app, "boss"),
        )
        .await;
    assert_eq!(
        own.forbidden("rolecall.users:read")
            .header("x-auth-username"),
        Some("")
    );
    // a node without this setting, and a user who was not imported
    app.get("/forward-auth", &token).await.invalid_token();
    assert_eq!(
        node.get("/forward-auth", &old_token(&app, "admin"))
            .await
            .status,
        401
    );
    app.unassign(&app.id_of("alice").await, "editor").await;
    eventually("the old token is revoked", async || {
        node.get("/forward-auth", &token).await.status == 401
    })
    .await;
}

async fn introspection_describes_old_tokens(app: TestApp) {
    let node = import_users(&app, &[("alice", "editor")]).await;
    let server = app.create_resource_server("items").await;
    let members =
        json!({ "audiences": ["https://other.example"], "roles": ["rolecall.resource-server"] });
    let other = app.create_client("other", members).await;
    let token = old_token(&app, "alice");
    let introspect = async |node: &Node, client: &Credentials| {
        node.introspect(client, &token).await.is(200).json.clone()
    };
    let seen = introspect(&node, &server).await;
    assert_eq!(seen["active"], true, "{seen}");
    assert_eq!(
        (&seen["username"], &seen["roles"]),
        (&json!("alice"), &json!(["editor"]))
    );
    assert_eq!(seen["scope"], "items:read");
    // not for a service of another application, nor on a node without this setting, nor after a loss
    assert_eq!(introspect(&node, &other).await, json!({ "active": false }));
    assert_eq!(introspect(&app, &server).await, json!({ "active": false }));
    app.unassign(&app.id_of("alice").await, "editor").await;
    assert_eq!(introspect(&node, &server).await, json!({ "active": false }));
}
