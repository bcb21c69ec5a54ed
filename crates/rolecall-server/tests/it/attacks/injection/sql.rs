//! Statements sent as data.

use http::Method;
use serde_json::json;

use crate::support::{Response, TestApp, WRONG, on_both};

on_both![x067_no_input_reaches_the_database_as_sql];

/// Strings as scanners send them: quotes, comments, unions, stacked statements, delays, functions of either database.
const STATEMENTS: &[&str] = &[
    "'",
    "\"",
    "''",
    "`",
    "\\",
    "\\'",
    "%",
    "_",
    "%' ESCAPE '",
    "!",
    "!%",
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 #",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "admin'--",
    "admin' /*",
    "1 OR 1=1",
    "' UNION SELECT password_hash FROM users --",
    "' UNION ALL SELECT NULL,NULL,NULL --",
    "'; DROP TABLE users; --",
    "'; UPDATE users SET disabled = TRUE; --",
    "'; SELECT pg_sleep(10); --",
    "' AND (SELECT 1 FROM pg_sleep(10)) --",
    "' || pg_sleep(10) --",
    "' AND 1=randomblob(1000000000) --",
    "' AND load_extension('x') --",
    "' AND extractvalue(1,1) --",
    "$1",
    "$$; DROP TABLE users; $$",
    "?1",
    ":name",
    "@name",
    "{\"$gt\":\"\"}",
    "CAST('x' AS BIGINT)",
    "name; DROP TABLE users",
    "username DESC",
    "(SELECT 1)",
    "0x61646d696e",
    "\u{2019} OR 1=1",
    "\u{ff07} OR 1=1",
];

/// Fails if the response suggests that the text reached the database as SQL.
#[track_caller]
fn assert_harmless(what: &str, text: &str, response: &Response) {
    assert!(
        response.status.as_u16() < 500,
        "{what} {text}: {response:?}"
    );
    let body = String::from_utf8_lossy(&response.body).to_lowercase();
    for word in [
        "sqlite",
        "postgres",
        "syntax error",
        "sqlx",
        "no such table",
        "no such column",
        "relation \"",
        "unterminated",
    ] {
        assert!(!body.contains(word), "{what} {text}: {body}");
    }
}

fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

async fn in_queries(app: &TestApp, text: &str) {
    let admin = app.admin().await;
    let encoded = encoded(text);
    // a search finds only what contains the text
    for list in ["/api/users", "/api/roles", "/api/permissions", "/api/audit"] {
        for name in [
            "q", "username", "cursor", "limit", "kind", "sort", "order", "filter",
        ] {
            let response = app
                .get(format_args!("{list}?{name}={encoded}"), admin)
                .await;
            assert_harmless(list, text, &response);
            if list == "/api/users" && ["q", "username"].contains(&name) {
                assert_eq!(response.json["items"], json!([]), "{text}");
            }
        }
    }
}

async fn in_paths(app: &TestApp, alice: &str, text: &str) {
    let admin = app.admin().await;
    let encoded = encoded(text);
    for path in [
        format!("/api/users/{encoded}"),
        format!("/api/users/{encoded}/roles"),
        format!("/api/users/{alice}/roles/{encoded}"),
        format!("/api/users/{alice}/roles/editor?tenant={encoded}"),
        format!("/api/roles/{encoded}"),
        format!("/api/roles/editor/permissions/{encoded}"),
        format!("/api/roles/editor/juniors/{encoded}"),
        format!("/api/permissions/{encoded}"),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let response = app.request(method.clone(), &path).token(admin).send().await;
            // deleting what does not exist succeeds, and any name can be a tenant
            let is_tenant = path.contains("?tenant=") && rolecall::is_name(text);
            if method != Method::DELETE && !is_tenant {
                assert!(
                    response.status.is_client_error(),
                    "{method} {path}: {response:?}"
                );
            }
            assert_harmless(&path, text, &response);
        }
    }
}

async fn in_forms(app: &TestApp, text: &str) {
    for name in [
        "username",
        "scope",
        "audience",
        "resource",
        "tenant",
        "client_id",
        "grant_type",
    ] {
        let mut form = vec![
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", "x"),
        ];
        form.retain(|(other, _)| *other != name);
        form.push((name, text));
        let request = app.request(Method::POST, "/token").form(&form);
        let response = request.send().await;
        assert_ne!(response.status, 200, "{name} {text}");
        assert_harmless(name, text, &response);
        app.clear_failures().await;
    }
}

async fn in_bodies(app: &TestApp, text: &str) {
    let admin = app.admin().await;
    for (line, body) in [
        ("PATCH /api/me", json!({ "email": text })),
        ("POST /api/users", json!({ "username": text })),
        (
            "POST /api/users",
            json!({ "username": "bob", "roles": [text] }),
        ),
        ("POST /api/roles", json!({ "name": text })),
        ("POST /api/permissions", json!({ "name": text })),
        (
            "POST /password",
            json!({ "username": text, "current_password": WRONG, "new_password": text }),
        ),
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        let request = app
            .request(method.parse().unwrap(), path)
            .token(admin)
            .json(&body);
        assert_harmless(line, text, &request.send().await);
    }
}

async fn assert_stored_verbatim(app: &TestApp, alice: &str, text: &str) {
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/editor");
    app.put_json(&path, admin, json!({ "reason": text }))
        .await
        .no_content();
    let seen = app
        .get(format_args!("/api/users/{alice}/roles"), admin)
        .await;
    assert_eq!(seen.json["items"][0]["reason"], text);
    let body = json!({ "description": text });
    app.patch("/api/roles/editor", admin, body).await.is(200);
    assert_eq!(
        app.get("/api/roles/editor", admin)
            .await
            .text("description"),
        text
    );
}

async fn x067_no_input_reaches_the_database_as_sql(app: TestApp) {
    const STORED: &str =
        "SELECT password_hash FROM users WHERE username IN ('admin', 'alice') ORDER BY id";
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let hashes = app.db.texts(STORED).await;
    for text in STATEMENTS {
        in_queries(&app, text).await;
        in_paths(&app, &alice, text).await;
        in_forms(&app, text).await;
        in_bodies(&app, text).await;
        assert_stored_verbatim(&app, &alice, text).await;
    }
    // such a text is a password like any other
    let strange = "'; DROP TABLE users; --";
    let body = json!({ "username": "strange", "password": strange });
    app.post("/register", "", body).await.is(201);
    app.password_grant("strange", strange).await.is(200);
    app.log_in("alice").await;
    assert_eq!(hashes.len(), 2);
    assert_eq!(app.db.texts(STORED).await, hashes);
}
