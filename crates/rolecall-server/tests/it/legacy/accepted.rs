//! Accepting and refusing old tokens.

use std::time::Duration;

use aws_lc_rs::hmac;
use rolecall_server::LegacyTokens;
use serde_json::{Value, json};

use super::{DAY, MAX_AGE, SECRET, hs256, import_users, now, old_token, signed};
use crate::support::{PASSWORD, START, TestApp, on_both};

on_both![
    an_imported_user_stays_logged_in_until_the_old_token_expires,
    anything_but_a_valid_old_token_is_refused,
    roles_in_an_old_token_are_ignored,
];

async fn an_imported_user_stays_logged_in_until_the_old_token_expires(app: TestApp) {
    let node = import_users(&app, &[("alice", "editor"), ("bob", "user")]).await;
    let (alice, bob) = (old_token(&app, "alice"), old_token(&app, "bob"));
    for _ in 0..3 {
        let response = node.get("/items/", &alice).await;
        assert_eq!(response.is(200).text("reader"), "alice");
    }
    node.get("/items/", &bob).await.forbidden("items:read");
    // a node without this setting does not accept them
    app.get("/items/", &alice).await.invalid_token();
    app.pass_time(Duration::from_secs(90));
    node.get("/items/", &alice).await.is(200);
    // a login revokes nothing: the other device stays logged in
    node.log_in("alice").await;
    node.get("/items/", &alice).await.is(200);
    app.pass_time(Duration::from_secs(1_700 - 90 - 1));
    node.get("/items/", &alice).await.is(200);
    app.pass_time(Duration::from_secs(1));
    node.get("/items/", &alice).await.ended_token();
    let next = old_token(&app, "alice");
    node.get("/items/", &next).await.is(200);
    app.pass_time(DAY);
    node.get("/items/", &old_token(&app, "alice"))
        .await
        .ended_token();
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn anything_but_a_valid_old_token_is_refused(app: TestApp) {
    let node = import_users(&app, &[("Alice", "editor"), ("erin", "editor")]).await;
    app.create_user("carol", &["editor"]).await;
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
        ("another spelling", with("sub", json!("alice"))),
        ("a user who was not imported", with("sub", json!("carol"))),
        (
            "the administrator, not imported",
            with("sub", json!("admin")),
        ),
        ("no name", with("sub", json!(""))),
        ("a NUL", with("sub", json!("Alice\0"))),
        ("a number", with("sub", json!(7))),
        ("no expiry", hs256(&json!({ "sub": "Alice" }))),
        ("an expiry in words", with("exp", json!("tomorrow"))),
        ("a fraction", with("exp", json!(1.5e12))),
        ("a lifetime too long", with("exp", json!(now + 1_801))),
        ("forever", with("exp", json!(i64::MAX))),
        ("expired", with("exp", json!(now))),
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
    // the server's own tokens still work, and a forged one does not
    node.get("/items/", &node.log_in("alice").await)
        .await
        .is(200);
    let forged = json!({ "iss": "http://127.0.0.1:8000", "aud": "http://127.0.0.1:8000", "sub": "Alice",
        "exp": now + 60, "iat": now, "client_id": "rolecall", "jti": "x", "roles": ["admin"], "scope": "items:read" });
    assert_eq!(node.get("/items/", &hs256(&forged)).await.status, 401);
}

async fn roles_in_an_old_token_are_ignored(app: TestApp) {
    let node = import_users(&app, &[("bob", "user")]).await;
    let claims = json!({ "sub": "bob", "exp": now(&app) + 60, "roles": ["editor", "admin", "rolecall.admin"],
        "role": "admin", "scope": "items:read rolecall.users:read", "scopes": ["items:read"], "rev": i64::MAX });
    node.get("/items/", &hs256(&claims))
        .await
        .forbidden("items:read");
    node.get("/edit", &hs256(&claims)).await.is(403);
    node.get("/admin-only", &hs256(&claims)).await.is(403);
}

#[tokio::test]
async fn a_short_secret_must_be_allowed_explicitly() {
    let app = TestApp::sqlite().await;
    drop(import_users(&app, &[("alice", "editor")]).await);
    let short = || LegacyTokens::new("your-secret-key", START.plus(DAY), MAX_AGE);
    let refused = app.builder().legacy_tokens(short()).open().await;
    let error = refused.err().unwrap().to_string();
    assert!(
        error.contains("`tokens.legacy`") && !error.contains("your-secret"),
        "{error}"
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
