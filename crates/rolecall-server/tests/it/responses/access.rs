//! Credentials and routes.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::support::{TestApp, on_both};

on_both![
    x041_every_operation_enforces_the_access_its_document_declares,
    o087_invalid_and_expired_tokens_get_different_challenges,
    two_credentials_are_refused,
    a_token_is_accepted_only_in_the_authorization_header,
    an_unknown_path_or_method_reaches_no_handler,
];

/// The operations of the OpenAPI document: method, path with its parameters filled in, and declared scope.
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
                    .replace("{client_id}", "nobody")
                    .replace("{factor}", "nobody")
                    .replace("{role}", "user")
                    .replace("{sid}", "nothing")
                    .replace("{junior}", "user")
                    .replace("{permission}", "items:read")
                    .replace("{receipt}", "none")
                    .replace("{constraint}", "none")
                    .replace("{request}", "none")
                    .replace("{invitation}", "none")
                    .replace("{revision}", "1")
                    .replace("{entry}", "1")
                    .replace("{kid}", "none")
                    .replace("{file}", "init.js");
                assert!(!filled.contains('{'), "{filled}");
                operations.push((method, filled, scopes));
            }
        }
    }
    operations
}

/// Operations that are meant to be open; every other one requires a token.
const PUBLIC: &[&str] = &[
    "POST /token",
    "POST /revoke",
    "POST /introspect",
    "POST /register",
    "POST /password",
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/openid-configuration",
    "GET /.well-known/jwks.json",
    "GET /authorize",
    "POST /authorize",
    "GET /login",
    "POST /login",
    "POST /login/choice",
    "POST /login/continue",
    "POST /login/other",
    "GET /login/password",
    "POST /login/password",
    "GET /consent",
    "POST /consent",
    "GET /reset",
    "POST /reset",
    "POST /reset/password",
    "GET /verify",
    "POST /verify",
    "GET /invite",
    "POST /invite",
    "GET /signup",
    "POST /signup",
    "POST /account/address",
    "GET /logout",
    "POST /logout",
    "GET /account",
    "POST /account/end",
    "POST /account/withdraw",
    "GET /account/delete",
    "POST /account/delete",
    "GET /account/events",
    "GET /account/export",
    "GET /account/factors",
    "POST /account/factors/add",
    "POST /account/factors/codes",
    "POST /account/factors/confirm",
    "POST /account/factors/passkey",
    "POST /account/factors/passkey/confirm",
    "POST /account/factors/remove",
    "POST /account/factors/rename",
    "GET /account/password",
    "POST /account/password",
    "GET /account/profile",
    "POST /account/profile",
    "POST /login/code",
    "POST /login/code/send",
    "POST /login/enrol",
    "POST /login/enrol/passkey",
    "POST /login/passkey",
    "POST /login/second",
    "POST /login/verify",
    "POST /login/verify/send",
    "GET /pages/init.js",
    "GET /health/live",
    "GET /health/ready",
    "GET /docs",
    "GET /docs/",
    "GET /docs/init.js",
    "GET /openapi.json",
];

async fn x041_every_operation_enforces_the_access_its_document_declares(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let alice = app.log_in("alice").await;
    let revision = app.db.revision().await;
    let document = app.get("/openapi.json", "").await.json;
    let mut public = Vec::new();
    for (method, path, scopes) in operations(&document) {
        let Some(scope) = scopes else {
            // these ask for a sign-in themselves, which the tests of each of them check
            if !path.starts_with("/admin") {
                public.push(format!("{method} {path}"));
            }
            continue;
        };
        let request = |token: &str| app.request(method.clone(), &path).token(token).send();
        request("").await.not_authenticated();
        request("not.a.token").await.invalid_token();
        if path == "/api/me/logout" {
            // it would end the session of the token used for the others
            continue;
        }
        if scope.is_empty() {
            // open to any user: the handler may refuse, but not the guard
            assert_ne!(request(&alice).await.status, 401, "{method} {path}");
        } else {
            request(&alice).await.forbidden(&scope);
        }
    }
    public.sort();
    let mut expected = PUBLIC.to_vec();
    expected.sort_unstable();
    assert_eq!(public, expected);
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
}

async fn o087_invalid_and_expired_tokens_get_different_challenges(app: TestApp) {
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
        app.get("/api/me", &bad).await.invalid_token();
        app.get("/items/", &bad).await.invalid_token();
    }
    app.pass_time(Duration::from_secs(1799));
    app.get("/api/me", token).await.is(200);
    app.pass_time(Duration::from_secs(1));
    app.get("/api/me", token).await.ended_token();
    app.get("/items/", token).await.ended_token();
}

async fn two_credentials_are_refused(app: TestApp) {
    let token = app.admin().await;
    let twice = |path: &str| app.request(Method::GET, path).token(token).token(token);
    let challenge = Some(r#"Bearer error="invalid_request""#);
    for response in [twice("/api/me").send().await, twice("/items/").send().await] {
        assert_eq!(response.is(400).json["detail"], "Send one credential");
        assert_eq!(response.header("www-authenticate"), challenge);
    }
}

async fn a_token_is_accepted_only_in_the_authorization_header(app: TestApp) {
    let token = app.admin().await;
    let path = format!("/api/me?access_token={token}");
    app.get(path, "").await.not_authenticated();
    let request = app.request(Method::GET, "/api/me");
    let cookie = format!("access_token={token}");
    request
        .header("cookie", &cookie)
        .send()
        .await
        .not_authenticated();
    for scheme in ["Basic", "Token", "JWT"] {
        let request = app.request(Method::GET, "/api/me");
        let value = format!("{scheme} {token}");
        let response = request.header("authorization", &value).send().await;
        assert_eq!(response.status, 401, "{scheme}");
    }
    let request = app.request(Method::GET, "/api/me");
    let value = format!("bEARER {token}");
    request.header("authorization", &value).send().await.is(200);
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
        "/administration",
        "/metrics",
    ] {
        let response = app.get(path, token).await;
        assert_eq!(response.status, 404, "{path}");
    }
    for (method, path, allow) in [
        ("POST", "/api/me", "GET,HEAD,PATCH"),
        ("DELETE", "/api/users", "GET,HEAD,POST"),
        ("OPTIONS", "/api/users", "GET,HEAD,POST"),
        ("TRACE", "/api/me", "GET,HEAD,PATCH"),
        ("GET", "/register", "POST"),
        ("POST", "/docs", "GET,HEAD"),
    ] {
        let request = app.request(method.parse().unwrap(), path).token(token);
        let request = request.header("x-http-method-override", "GET");
        let response = request.send().await;
        assert_eq!(response.status, 405, "{method} {path}");
        let mut allowed: Vec<&str> = response
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
