//! What clients of all kinds send and expect, although their authors read the standards differently.

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, RequestBuilder, TestApp, on_both};

on_both![
    a_compressed_body_is_refused_with_415_on_every_route_with_a_body,
    a_body_in_another_encoding_is_refused_with_the_reason,
    a_name_with_a_plus_is_found_by_its_encoded_form,
    a_name_is_the_same_composed_or_decomposed,
    a_client_is_challenged_for_basic_only_if_it_used_basic,
    an_empty_scope_is_no_scope,
    head_is_answered_as_get_on_public_routes,
];

/// What `gzip` begins its output with.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";

fn compressed(request: RequestBuilder, content_type: &str, coding: &str) -> RequestBuilder {
    request
        .header("content-encoding", coding)
        .raw(content_type, GZIP)
}

async fn a_compressed_body_is_refused_with_415_on_every_route_with_a_body(app: TestApp) {
    let token = app.admin().await;
    let revision = app.db.revision().await;
    for (method, path, kind) in [
        (Method::POST, "/api/roles", "application/json"),
        (Method::POST, "/register", "application/json"),
        (Method::PUT, "/api/policy", "application/json"),
        (Method::POST, "/api/policy/plan", "application/toml"),
    ] {
        for coding in ["gzip", "GZIP", "identity, br", "x-unknown"] {
            let request = app.request(method.clone(), path).token(token);
            let response = compressed(request, kind, coding).send().await;
            assert_eq!(response.is(415).header("accept-encoding"), Some("identity"));
            let detail = response.text("detail");
            assert!(detail.contains("`Content-Encoding`"), "{path}: {detail}");
        }
    }
    for path in ["/token", "/introspect", "/revoke"] {
        let request = app.request(Method::POST, path);
        let form = "application/x-www-form-urlencoded";
        let response = compressed(request, form, "gzip").send().await;
        let detail = response.oauth_error(400, "invalid_request").text("detail");
        assert!(detail.contains("`Content-Encoding`"), "{path}: {detail}");
    }
    assert_eq!(app.db.revision().await, revision);
    let plain = app.request(Method::POST, "/api/roles").token(token);
    let plain = plain.header("content-encoding", "identity");
    plain
        .json(&json!({ "name": "editor" }))
        .send()
        .await
        .is(201);
}

async fn a_body_in_another_encoding_is_refused_with_the_reason(app: TestApp) {
    let token = app.admin().await;
    let utf_16: Vec<u8> = "\u{feff}{\"name\":\"editor\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (body, reason) in [
        (
            "\u{feff}{\"name\":\"editor\"}".as_bytes(),
            "byte order mark",
        ),
        (utf_16.as_slice(), "not UTF-8"),
        (
            b"{\"name\":\"editor\",\"description\":\"caf\xe9\"}",
            "not UTF-8",
        ),
    ] {
        let request = app.request(Method::POST, "/api/roles").token(token);
        let response = request.raw("application/json", body.to_vec()).send().await;
        let detail = response.is(400).text("detail");
        assert!(detail.contains(reason), "{detail}");
    }
}

async fn a_name_with_a_plus_is_found_by_its_encoded_form(app: TestApp) {
    let id = app.create_user("my+user@example.com", &[]).await;
    let token = app.admin().await;
    for query in [
        "username=my%2Buser%40example.com",
        "username=my%2buser@example.com",
        "q=my%2Buser",
    ] {
        let found = app.get(format_args!("/api/users?{query}"), token).await;
        assert_eq!(found.is(200).items("id"), [id.as_str()], "{query}");
    }
    // a plus is a space in a query, and no name has one
    let spaced = app
        .get("/api/users?username=my+user@example.com", token)
        .await;
    assert!(spaced.is(200).items("id").is_empty());
}

async fn a_name_is_the_same_composed_or_decomposed(app: TestApp) {
    let id = app.create_user("jos\u{e9}", &[]).await;
    for typed in ["jos\u{e9}", "jose\u{301}", "JOSE\u{301}"] {
        app.password_grant(typed, PASSWORD).await.is(200);
    }
    let second = app.register("jose\u{301}", "a different pass phrase").await;
    second.is(409);
    let token = app.admin().await;
    let found = app.get("/api/users?username=jose%CC%81", token).await;
    assert_eq!(found.is(200).items("id"), [id.as_str()]);
}

async fn a_client_is_challenged_for_basic_only_if_it_used_basic(app: TestApp) {
    let client = app.create_resource_server("server").await;
    for path in ["/token", "/introspect", "/revoke"] {
        let form = [("grant_type", "client_credentials"), ("token", "x")];
        let basic = app.request(Method::POST, path);
        let basic = basic.header("authorization", "Basic YTpi");
        let response = basic.form(&form).send().await;
        response.oauth_error(401, "invalid_client");
        let challenge = response.header("www-authenticate");
        assert_eq!(challenge, Some(r#"Basic realm="rolecall""#), "{path}");
        // a browser would ask for a password
        let more = [
            ("client_id", client.id.as_str()),
            ("client_secret", "wrong"),
        ];
        let in_body = app.request(Method::POST, path);
        let response = in_body.form(&[&form[..], &more[..]].concat()).send().await;
        response.oauth_error(401, "invalid_client");
        assert_eq!(response.header("www-authenticate"), None, "{path}");
    }
}

async fn an_empty_scope_is_no_scope(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_user("alice", &["editor"]).await;
    let absent = app.password_grant("alice", PASSWORD).await;
    let empty = app.try_log_in_with_scope("alice", "").await;
    assert_eq!(absent.is(200).text("scope"), "items:read");
    assert_eq!(empty.is(200).text("scope"), "items:read");
}

async fn head_is_answered_as_get_on_public_routes(app: TestApp) {
    for path in [
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/openapi.json",
    ] {
        let get = app.request(Method::GET, path).send().await;
        let head = app.request(Method::HEAD, path).send().await;
        assert_eq!(get.is(200).status, head.status, "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        for name in ["content-type", "cache-control", "etag"] {
            assert_eq!(get.header(name), head.header(name), "{path}: {name}");
        }
    }
}
