//! Headers that only a proxy may set.

use http::Method;

use crate::support::{ISSUER, PASSWORD, TestApp, claims, on_both};

on_both![x070_forged_proxy_headers_change_nothing];

/// Headers that only a proxy or a gateway may set.
const PROXIES: &[(&str, &str)] = &[
    ("host", "evil.example"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-for", "127.0.0.1, 10.0.0.1"),
    ("forwarded", "for=127.0.0.1;host=evil.example;proto=https"),
    ("x-real-ip", "127.0.0.1"),
    ("true-client-ip", "127.0.0.1"),
    ("cf-connecting-ip", "127.0.0.1"),
    ("x-original-url", "/api/users"),
    ("x-rewrite-url", "/api/users"),
    ("x-http-method-override", "DELETE"),
    ("x-method-override", "DELETE"),
    ("x-user-id", "admin"),
    ("x-remote-user", "admin"),
    ("remote-user", "admin"),
    ("x-forwarded-user", "admin"),
    ("x-rolecall-subject", "admin"),
    ("x-rolecall-roles", "rolecall.admin"),
    ("x-rolecall-permissions", "rolecall.users:read"),
    ("x-client-cert", "admin"),
];

async fn x070_forged_proxy_headers_change_nothing(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let with = async |method: Method, path: &str, token: &str| {
        let mut request = app.request(method, path).peer("203.0.113.9").token(token);
        for (name, value) in PROXIES {
            request = request.header(name, value);
        }
        request.send().await
    };
    with(Method::GET, "/api/users", "")
        .await
        .not_authenticated();
    with(Method::GET, "/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    let me = with(Method::GET, "/api/me", &token).await;
    assert_eq!(me.is(200).text("id"), alice);
    assert_eq!(app.get("/api/me", &token).await, me);
    let metadata = with(Method::GET, "/.well-known/oauth-authorization-server", "").await;
    assert_eq!(metadata.text("issuer"), ISSUER);
    for path in ["/docs", "/openapi.json", "/nothing"] {
        let response = with(Method::GET, path, "").await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        assert!(!text.contains("evil"), "{path}");
        assert!(
            response
                .headers
                .values()
                .all(|value| !value.as_bytes().windows(4).any(|part| part == b"evil"))
        );
    }
    // the session records the address of the connection
    let request = app.request(Method::POST, "/token").peer("203.0.113.9");
    let request = request
        .header("x-forwarded-for", "127.0.0.1")
        .header("x-real-ip", "127.0.0.1");
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let token = request
        .form(&form)
        .send()
        .await
        .is(200)
        .text("access_token");
    let claims = claims(&token);
    assert_eq!(claims["iss"], ISSUER);
    let sql = format!(
        "SELECT address FROM sessions WHERE id = '{}'",
        claims["sid"].as_str().unwrap()
    );
    assert_eq!(app.db.texts(&sql).await, ["203.0.113.9"]);
}
