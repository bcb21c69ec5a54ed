//! Credentials and routes.

use http::Method;
use serde_json::Value;

use crate::support::{TestApp, on_both};

on_both![
    x041_no_operation_lets_anyone_in_whom_its_document_keeps_out,
    o087_a_token_that_is_not_valid_is_told_apart_from_one_that_has_ended,
    two_credentials_are_refused,
    a_token_anywhere_but_in_the_header_counts_for_nothing,
    an_unknown_path_or_method_reaches_no_handler,
];

/// Every operation of the document: method, path with parameters filled in, scope declared.
fn operations(document: &Value) -> Vec<(Method, String, Option<String>)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Ok(
                method
                @ (Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE),
            ) = method.to_uppercase().parse::<Method>()
            {
                let security = operation["security"].as_array();
                let scopes = security.and_then(|all| {
                    let first = all.iter().find(|one| one.get("rolecall").is_some())?;
                    let scopes = first["rolecall"].as_array()?;
                    let texts = scopes.iter().map(|one| one.as_str().unwrap());
                    Some(texts.collect::<Vec<_>>().join(" "))
                });
                let filled = path
                    .replace("{id}", "nobody")
                    .replace("{role}", "user")
                    .replace("{sid}", "nothing")
                    .replace("{junior}", "user")
                    .replace("{permission}", "items:read")
                    .replace("{receipt}", "none")
                    .replace("{constraint}", "none")
                    .replace("{file}", "init.js");
                assert!(!filled.contains('{'), "{filled}");
                operations.push((method, filled, scopes));
            }
        }
    }
    operations
}

/// Open on purpose; every other operation asks for a token.
const PUBLIC: &[&str] = &[
    "POST /token",
    "POST /revoke",
    "POST /introspect",
    "POST /register",
    "POST /password",
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/jwks.json",
    "GET /health/live",
    "GET /health/ready",
    "GET /docs",
    "GET /docs/init.js",
    "GET /openapi.json",
];

async fn x041_no_operation_lets_anyone_in_whom_its_document_keeps_out(app: TestApp) {
    app.user("alice", &["user"]).await;
    let alice = app.login("alice").await;
    let revision = app.db.revision().await;
    let document = app.get("/openapi.json", "").await.json;
    let mut public = Vec::new();
    for (method, path, scopes) in operations(&document) {
        let Some(scope) = scopes else {
            public.push(format!("{method} {path}"));
            continue;
        };
        let ask = |token: &str| app.request(method.clone(), &path).token(token).send();
        ask("").await.not_authenticated();
        ask("not.a.token").await.not_valid();
        if path == "/api/me/logout" {
            // it would end the session that the others are asked with
            continue;
        }
        if scope.is_empty() {
            // open to any user: a handler may find fault, the guard does not
            assert_ne!(ask(&alice).await.status, 401, "{method} {path}");
        } else {
            ask(&alice).await.forbidden(&scope);
        }
    }
    public.sort();
    let mut expected = PUBLIC.to_vec();
    expected.sort_unstable();
    assert_eq!(public, expected);
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
}

async fn o087_a_token_that_is_not_valid_is_told_apart_from_one_that_has_ended(app: TestApp) {
    let token = app.admin().await;
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    for bad in [
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{flipped}"),
        format!("{claims}.{claims}.{signature}"),
        // alg: none
        format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{claims}."),
        "x".repeat(20_000),
        "a.b.c".to_owned(),
    ] {
        app.get("/api/me", &bad).await.not_valid();
        app.get("/items/", &bad).await.not_valid();
    }
    app.pass(std::time::Duration::from_secs(1799));
    app.get("/api/me", token).await.is(200);
    app.pass(std::time::Duration::from_secs(1));
    app.get("/api/me", token).await.ended();
    app.get("/items/", token).await.ended();
}

async fn two_credentials_are_refused(app: TestApp) {
    let token = app.admin().await;
    let twice = |path: &str| app.request(Method::GET, path).token(token).token(token);
    let challenge = Some(r#"Bearer error="invalid_request""#);
    for answer in [twice("/api/me").send().await, twice("/items/").send().await] {
        assert_eq!(answer.is(400).json["detail"], "Send one credential");
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
}

async fn a_token_anywhere_but_in_the_header_counts_for_nothing(app: TestApp) {
    let token = app.admin().await;
    let path = format!("/api/me?access_token={token}");
    app.get(path, "").await.not_authenticated();
    let ask = app.request(Method::GET, "/api/me");
    let cookie = format!("access_token={token}");
    ask.header("cookie", &cookie)
        .send()
        .await
        .not_authenticated();
    for scheme in ["Basic", "Token", "JWT"] {
        let ask = app.request(Method::GET, "/api/me");
        let value = format!("{scheme} {token}");
        let answer = ask.header("authorization", &value).send().await;
        assert_eq!(answer.status, 401, "{scheme}");
    }
    let ask = app.request(Method::GET, "/api/me");
    let value = format!("bEARER {token}");
    ask.header("authorization", &value).send().await.is(200);
}

async fn an_unknown_path_or_method_reaches_no_handler(app: TestApp) {
    let token = app.admin().await;
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/users/x/y",
        "/api//users",
        "/api/users/%2e%2e/roles/x/y",
        "/API/users",
        "/api/users;a=b",
        "/docs/../api/users",
        "/token/x",
        "/admin",
        "/metrics",
    ] {
        let answer = app.get(path, token).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    for (method, path, allow) in [
        ("POST", "/api/me", "GET,HEAD,PATCH"),
        ("DELETE", "/api/users", "GET,HEAD,POST"),
        ("OPTIONS", "/api/users", "GET,HEAD,POST"),
        ("TRACE", "/api/me", "GET,HEAD,PATCH"),
        ("GET", "/register", "POST"),
        ("POST", "/docs", "GET,HEAD"),
    ] {
        let ask = app.request(method.parse().unwrap(), path).token(token);
        let ask = ask.header("x-http-method-override", "GET");
        let answer = ask.send().await;
        assert_eq!(answer.status, 405, "{method} {path}");
        let mut allowed: Vec<&str> = answer
            .header("allow")
            .unwrap()
            .split(',')
            .map(str::trim)
            .collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
    }
    let head = app.request(Method::HEAD, "/api/users").send().await;
    assert_eq!(head.status, 401, "HEAD follows the rule of GET");
    let head = app.request(Method::HEAD, "/api/users").token(token);
    let head = head.send().await;
    assert!(head.is(200).body.is_empty());
}
