//! Tokens and the guard in front of a server.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use serde_json::json;

use crate::support::{Credentials, Node, TestApp, claims, eventually, on_both};

on_both![
    x005_o079_o085_no_secret_of_one_kind_passes_for_another,
    x006_the_other_signature_of_a_revoked_token_is_revoked_too,
    x011_no_spelling_of_a_path_bypasses_the_guard,
    x012_no_method_bypasses_the_guard,
    x014_without_its_state_the_guard_admits_nobody,
];

async fn x011_no_spelling_of_a_path_bypasses_the_guard(app: TestApp) {
    for path in [
        "/api/users",
        "/api/users/",
        "/api//users",
        "//api/users",
        "/api/./users",
        "/api/x/../users",
        "/api/%75sers",
        "/api%2fusers",
        "/api/users%2f",
        "/api/users;x=y",
        "/api;x/users",
        "/API/users",
        "/api/Users",
        "/api/users%20",
        "/api/users%00",
        "/api/users.json",
        "/api/users?",
        "/api/users/.",
        "/api\\users",
        "/%61pi/users",
        "/api/users%3fx",
        "/docs/../api/users",
        "/health/live/../../api/users",
        "/items",
        "/items/",
        "/items//",
        "/items/%2e",
        "/ITEMS/",
    ] {
        let request = app.request(Method::GET, path.replace('\\', "%5c"));
        let response = request.send().await;
        assert!(
            [401, 404].contains(&response.status.as_u16()),
            "{path}: {response:?}"
        );
    }
}

async fn x012_no_method_bypasses_the_guard(app: TestApp) {
    for path in ["/api/users", "/items/", "/admin-only"] {
        for method in [
            "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PROPFIND", "get", "GETX", "M-SEARCH",
        ] {
            for header in [
                "x-http-method-override",
                "x-http-method",
                "x-method-override",
                "_method",
            ] {
                let request = app.request(
                    method.parse::<Method>().unwrap(),
                    format_args!("{path}?_method=GET"),
                );
                let response = request.header(header, "GET").send().await;
                assert!(
                    [401, 405].contains(&response.status.as_u16()),
                    "{method} {path}: {response:?}"
                );
            }
        }
    }
}

async fn x014_without_its_state_the_guard_admits_nobody(app: TestApp) {
    let token = app.admin().await;
    app.get("/items/", token).await;
    app.get("/api/me", token).await.is(200);
    // revocations can no longer be read: first the poll fails, then too much time passes
    app.db.execute("ALTER TABLE head RENAME TO head_away").await;
    app.clock.advance(Duration::from_secs(31));
    for path in ["/api/me", "/items/", "/admin-only"] {
        let response = app.get(path, token).await;
        response.is(503);
        assert!(response.header("retry-after").is_some(), "{response:?}");
        assert_eq!(app.get(path, "").await.status, 401, "{path}");
        assert_ne!(app.get(path, "not.a.token").await.status, 200, "{path}");
    }
    app.get("/health/live", "").await.is(200);
    app.db.execute("ALTER TABLE head_away RENAME TO head").await;
    eventually("the guard works again", async || {
        app.get("/api/me", token).await.status == 200
    })
    .await;
}

async fn x005_o079_o085_no_secret_of_one_kind_passes_for_another(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let bob = app.create_user("bob", &[]).await;
    let worker = app.create_client("worker", json!({})).await;
    let pair = app.open_session("alice").await;
    let path = format!("/api/users/{bob}/reset");
    let reset = app.post(path, app.admin().await, json!({})).await;
    let reset = reset.is(200).text("reset_code");
    let held = claims(&pair.access);
    let id = |name: &str| held[name].as_str().unwrap().to_owned();
    let (access, refresh, secret) = (pair.access, pair.refresh, worker.secret);
    let others = [id("jti"), id("sid"), id("sub"), worker.id.clone()];
    let revision = app.db.revision().await;
    let all = [&access, &refresh, &reset, &secret].into_iter();
    for (number, value) in all.chain(&others).enumerate() {
        if *value != access {
            app.get("/api/me", value).await.invalid_token();
        }
        if *value != refresh {
            let response = app.refresh(value).await;
            response.oauth_error(400, "invalid_grant");
        }
        let code = [("grant_type", "authorization_code"), ("code", value)];
        app.token(&code)
            .await
            .oauth_error(400, "unsupported_grant_type");
        app.password_grant("alice", value).await.wrong_password();
        let body = json!({ "username": "alice", "current_password": value, "new_password": "another horse battery" });
        app.post("/password", "", body).await.wrong_password();
        app.clear_failures().await;
        if *value != secret {
            let pretended = Credentials::new(&worker.id, value);
            let form = [("grant_type", "client_credentials")];
            let request = app.form_as(&pretended, "/token", &form);
            let response = request.peer(&format!("192.0.2.{number}")).send().await;
            response.oauth_error(401, "invalid_client");
        }
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    app.get("/api/me", &access).await.is(200);
    app.refresh(&refresh).await.is(200);
}

/// The order of P-256 (FIPS 186-4 D.1.2.3), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The same token with its other valid signature: (r, n - s).
fn with_other_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for place in (0..32).rev() {
        let value = i16::from(ORDER[place]) - i16::from(bytes[32 + place]) - borrow;
        borrow = i16::from(value < 0);
        bytes[32 + place] = u8::try_from(value.rem_euclid(256)).unwrap();
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

async fn x006_the_other_signature_of_a_revoked_token_is_revoked_too(app: TestApp) {
    app.create_user("alice", &[]).await;
    let revoke = async |node: &Node, token: &str| {
        let request = node.request(Method::POST, "/revoke");
        request.form(&[("token", token)]).send().await.is(200);
    };
    let (one, two) = (app.log_in("alice").await, app.log_in("alice").await);
    for token in [&one, &two] {
        assert_ne!(&with_other_signature(token), token);
        // both signatures are valid (RFC 7518 section 3.4), so revocation must go by what they sign
        app.get("/api/me", &with_other_signature(token))
            .await
            .is(200);
    }
    revoke(&app, &one).await;
    revoke(&app, &with_other_signature(&two)).await;
    for token in [&one, &two] {
        app.get("/api/me", token).await.ended_token();
        app.get("/api/me", &with_other_signature(token))
            .await
            .ended_token();
    }
}
