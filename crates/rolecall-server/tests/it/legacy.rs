//! Tokens of the application that was there before: whoever was imported stays logged in, and nobody else is.

use std::{fmt::Write as _, time::Duration};

use aws_lc_rs::hmac;
use axum::{body::Body, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use rolecall::{Clock as _, Require};
use rolecall_server::LegacyTokens;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    command_line::rolecall,
    import::{BCRYPT, import},
    support::{Node, PASSWORD, START, TestApp, eventually, may, on_both, role},
};

on_both![
    an_imported_user_stays_logged_in_until_the_old_token_ends,
    what_is_no_token_of_the_old_application_is_refused,
    what_an_old_token_says_of_roles_gives_nothing,
    a_loss_ends_every_old_token_of_that_user,
    a_name_that_changed_hands_brings_no_old_token_back,
    recover_ends_old_tokens_too,
    an_old_token_never_reaches_rolecalls_own_api,
    a_role_that_lost_a_permission_shows_in_old_tokens,
    introspection_knows_old_tokens,
    a_plain_router_behind_a_layer_takes_old_tokens_and_no_others,
    a_proxy_that_asks_is_told_who_an_old_token_means,
];

const SECRET: &[u8] = b"the secret of the old application";
const MAX_AGE: Duration = Duration::from_mins(30);
const DAY: Duration = Duration::from_hours(24);

fn tokens() -> LegacyTokens {
    LegacyTokens::new(
        std::str::from_utf8(SECRET).unwrap(),
        START.plus(DAY),
        MAX_AGE,
    )
}

/// A token as `PyJWT` writes it.
fn signed(header: &Value, claims: &Value, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

fn hs256(claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    signed(&header, claims, hmac::HMAC_SHA256, SECRET)
}

fn now(app: &TestApp) -> i64 {
    app.clock.now().seconds()
}

/// What the tutorial's application would have given `name` a moment ago.
fn old(app: &TestApp, name: &str) -> String {
    hs256(&json!({ "sub": name, "exp": now(app) + 1_700 }))
}

/// A node that takes old tokens, with these users imported: `(name, role)`.
async fn taken_over(app: &TestApp, users: &[(&str, &str)]) -> Node {
    app.role("editor", &["items:read"]).await;
    let mut text = "username,hashed_password,role\n".to_owned();
    for (name, role) in users {
        writeln!(text, "{name},{BCRYPT},{role}").unwrap();
    }
    let output = import(app, "users.csv", &text, &["--add-roles"]).await;
    assert!(output.status.success(), "{output:?}");
    app.node(|builder| builder.legacy_tokens(tokens())).await
}

async fn an_imported_user_stays_logged_in_until_the_old_token_ends(app: TestApp) {
    let node = taken_over(&app, &[("alice", "editor"), ("bob", "user")]).await;
    let (alice, bob) = (old(&app, "alice"), old(&app, "bob"));
    for _ in 0..3 {
        let answer = node.get("/items/", &alice).await;
        assert_eq!(answer.is(200).text("reader"), "alice");
    }
    node.get("/items/", &bob).await.forbidden("items:read");
    // who does not take them knows nothing of them
    app.get("/items/", &alice).await.not_valid();
    app.pass(Duration::from_secs(90));
    node.get("/items/", &alice).await.is(200);
    // a log-in is no loss: the other device stays
    node.login("alice").await;
    node.get("/items/", &alice).await.is(200);
    app.pass(Duration::from_secs(1_700 - 90 - 1));
    node.get("/items/", &alice).await.is(200);
    app.pass(Duration::from_secs(1));
    node.get("/items/", &alice).await.ended();
    let next = old(&app, "alice");
    node.get("/items/", &next).await.is(200);
    app.pass(DAY);
    node.get("/items/", &old(&app, "alice")).await.ended();
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn what_is_no_token_of_the_old_application_is_refused(app: TestApp) {
    let node = taken_over(&app, &[("Alice", "editor"), ("erin", "editor")]).await;
    app.user("carol", &["editor"]).await;
    let now = now(&app);
    let good = json!({ "sub": "Alice", "exp": now + 60 });
    node.get("/items/", &hs256(&good)).await.is(200);
    let with = |member: &str, value: Value| {
        let mut claims = good.clone();
        claims[member] = value;
        hs256(&claims)
    };
    let header = |header: Value| signed(&header, &good, hmac::HMAC_SHA256, SECRET);
    let unsigned = header(json!({ "alg": "none" }));
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    let hs384 = json!({ "alg": "HS384", "typ": "JWT" });
    let refused = [
        ("alg none", unsigned),
        ("alg none, signed", header(json!({ "alg": "none" }))),
        (
            "alg HS384",
            signed(&hs384, &good, hmac::HMAC_SHA384, SECRET),
        ),
        ("alg ES256", header(json!({ "alg": "ES256", "typ": "JWT" }))),
        (
            "an access token's typ",
            header(json!({ "alg": "HS256", "typ": "at+jwt" })),
        ),
        ("crit", header(json!({ "alg": "HS256", "crit": ["exp"] }))),
        (
            "another secret",
            signed(
                &json!({ "alg": "HS256" }),
                &good,
                hmac::HMAC_SHA256,
                &[7; 32],
            ),
        ),
        ("nobody", with("sub", json!("nobody"))),
        ("somebody else's spelling", with("sub", json!("alice"))),
        ("who was not imported", with("sub", json!("carol"))),
        (
            "the administrator, not imported",
            with("sub", json!("admin")),
        ),
        ("no name", with("sub", json!(""))),
        ("a NUL", with("sub", json!("Alice\0"))),
        ("a number", with("sub", json!(7))),
        ("no end", hs256(&json!({ "sub": "Alice" }))),
        ("an end in words", with("exp", json!("tomorrow"))),
        ("a fraction", with("exp", json!(1.5e12))),
        ("too long yet", with("exp", json!(now + 1_801))),
        ("for ever", with("exp", json!(i64::MAX))),
        ("over", with("exp", json!(now))),
        ("too old", with("iat", json!(now - 1_801))),
        ("from the future", with("iat", json!(now + 31))),
        ("not yet", with("nbf", json!(now + 31))),
        ("for another purpose", with("aud", json!("reset-password"))),
        ("no object", hs256(&json!(["Alice", now + 60]))),
    ];
    for (what, token) in refused {
        assert_eq!(node.get("/items/", &token).await.status, 401, "{what}");
    }
    node.get("/items/", &with("iat", json!(now - 1_700)))
        .await
        .is(200);
    node.get("/items/", &with("nbf", json!(now))).await.is(200);
    // a token that the server itself made is still one, and what looks like one is none
    node.get("/items/", &node.login("alice").await)
        .await
        .is(200);
    let forged = json!({ "iss": "http://127.0.0.1:8000", "aud": "http://127.0.0.1:8000", "sub": "Alice",
        "exp": now + 60, "iat": now, "client_id": "rolecall", "jti": "x", "roles": ["admin"], "scope": "items:read" });
    assert_eq!(node.get("/items/", &hs256(&forged)).await.status, 401);
}

async fn what_an_old_token_says_of_roles_gives_nothing(app: TestApp) {
    let node = taken_over(&app, &[("bob", "user")]).await;
    let claims = json!({ "sub": "bob", "exp": now(&app) + 60, "roles": ["editor", "admin", "rolecall.admin"],
        "role": "admin", "scope": "items:read rolecall.users:read", "scopes": ["items:read"], "rev": i64::MAX });
    node.get("/items/", &hs256(&claims))
        .await
        .forbidden("items:read");
    node.get("/edit", &hs256(&claims)).await.is(403);
    node.get("/admin-only", &hs256(&claims)).await.is(403);
}

async fn a_loss_ends_every_old_token_of_that_user(app: TestApp) {
    let names = ["unassigned", "disabled", "changed", "logged-out", "renamed"];
    let users: Vec<(&str, &str)> = names.iter().map(|name| (*name, "editor")).collect();
    let node = taken_over(&app, &[&users[..], &[("other", "editor")]].concat()).await;
    for name in names.into_iter().chain(["other"]) {
        node.get("/items/", &old(&app, name)).await.is(200);
    }
    let admin = app.admin().await;
    for name in names {
        let id = app.id_of(name).await;
        match name {
            "unassigned" => {
                app.unassign(&id, "editor").await;
                app.assign(&id, "editor").await;
            }
            "disabled" => {
                for status in ["disabled", "active"] {
                    let body = json!({ "status": status });
                    app.patch(format_args!("/api/users/{id}"), admin, body)
                        .await
                        .is(200);
                }
            }
            "changed" => {
                let output = rolecall(&app, &["user", "reset", name]).await;
                assert!(output.status.success());
            }
            "logged-out" => {
                let output = rolecall(&app, &["session", "end", name]).await;
                assert!(output.status.success(), "{output:?}");
            }
            _ => {
                let body = json!({ "username": "another-name" });
                app.patch(format_args!("/api/users/{id}"), admin, body)
                    .await
                    .is(200);
            }
        }
        let token = old(&app, name);
        if name != "logged-out" {
            eventually(name, async || {
                node.get("/items/", &token).await.status == 401
            })
            .await;
            // nor one that the old application would make now: it knows of no loss
            app.pass(Duration::from_secs(61));
            assert_eq!(
                node.get("/items/", &old(&app, name)).await.status,
                401,
                "{name}"
            );
        }
    }
    node.get("/items/", &old(&app, "other")).await.is(200);
}

async fn a_name_that_changed_hands_brings_no_old_token_back(app: TestApp) {
    let node = taken_over(&app, &[("gone", "editor"), ("left", "editor")]).await;
    let admin = app.admin().await;
    let (gone, left) = (app.id_of("gone").await, app.id_of("left").await);
    app.delete(format_args!("/api/users/{gone}"), admin)
        .await
        .done();
    let body = json!({ "username": "elsewhere" });
    app.patch(format_args!("/api/users/{left}"), admin, body)
        .await
        .is(200);
    app.user("gone", &["editor"]).await;
    app.user("left", &["editor"]).await;
    for name in ["gone", "left", "elsewhere"] {
        assert_eq!(
            node.get("/items/", &old(&app, name)).await.status,
            401,
            "{name}"
        );
    }
    // the same person under the old name again is not known to be the same
    let body = json!({ "username": "third" });
    app.patch(format_args!("/api/users/{left}"), admin, body)
        .await
        .is(200);
    assert_eq!(node.get("/items/", &old(&app, "left")).await.status, 401);
}

async fn recover_ends_old_tokens_too(app: TestApp) {
    let node = taken_over(&app, &[("alice", "editor")]).await;
    let token = old(&app, "alice");
    node.get("/items/", &token).await.is(200);
    let output = rolecall(&app, &["recover"]).await;
    assert!(output.status.success(), "{output:?}");
    eventually("the old token ends", async || {
        node.get("/items/", &token).await.status == 401
    })
    .await;
    assert_eq!(node.get("/items/", &old(&app, "alice")).await.status, 401);
}

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

async fn a_role_that_lost_a_permission_shows_in_old_tokens(app: TestApp) {
    let node = taken_over(&app, &[("alice", "editor")]).await;
    let token = old(&app, "alice");
    node.get("/items/", &token).await.is(200);
    app.delete(
        "/api/roles/editor/permissions/items:read",
        app.admin().await,
    )
    .await
    .done();
    eventually("the permission goes", async || {
        node.get("/items/", &token).await.status == 403
    })
    .await;
    node.get("/edit", &token).await.is(200);
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

#[tokio::test]
async fn a_short_secret_is_taken_by_name_only() {
    let app = TestApp::sqlite().await;
    drop(taken_over(&app, &[("alice", "editor")]).await);
    let short = || LegacyTokens::new("your-secret-key", START.plus(DAY), MAX_AGE);
    let refused = app.builder().legacy_tokens(short()).open().await;
    let said = refused.err().unwrap().to_string();
    assert!(
        said.contains("old application") && !said.contains("your-secret"),
        "{said}"
    );
    let empty = LegacyTokens::new("", START.plus(DAY), MAX_AGE).allow_short_secret();
    assert!(app.builder().legacy_tokens(empty).open().await.is_err());
    let node = app
        .node(|builder| builder.legacy_tokens(short().allow_short_secret()))
        .await;
    let claims = json!({ "sub": "alice", "exp": now(&app) + 60 });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let token = signed(&header, &claims, hmac::HMAC_SHA256, b"your-secret-key");
    node.get("/items/", &token).await.is(200);
    assert_eq!(node.password_grant("alice", PASSWORD).await.status, 200);
}
