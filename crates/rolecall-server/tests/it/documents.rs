//! The public documents: metadata, JWK Set, health, and the documentation.

use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};

use crate::support::{ISSUER, PASSWORD, TestApp, WRONG, on_both};

on_both![
    x070_o107_o108_o109_the_metadata_lists_only_what_works_whatever_the_host,
    o111_the_jwk_set_contains_no_private_part,
    health_endpoints_report_only_health,
    the_documentation_page_loads_only_existing_assets,
    public_endpoints_ignore_an_invalid_token,
    x052_no_response_contains_a_password_or_a_hash,
];

async fn x070_o107_o108_o109_the_metadata_lists_only_what_works_whatever_the_host(app: TestApp) {
    let path = "/.well-known/oauth-authorization-server";
    let request = app.request(Method::GET, path);
    let request = request
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "gopher")
        .header("forwarded", "host=evil.example");
    let response = request.send().await;
    assert_eq!(
        response.is(200).header("content-type"),
        Some("application/json")
    );
    assert_eq!(response.json["issuer"], ISSUER);
    assert_eq!(response.json["token_endpoint"], format!("{ISSUER}/token"));
    assert_eq!(
        response.json["jwks_uri"],
        format!("{ISSUER}/.well-known/jwks.json")
    );
    // grants that no client has are not offered
    assert_eq!(
        response.json["grant_types_supported"],
        json!(["password", "refresh_token"])
    );
    // there is no authorization endpoint, and an empty list is not allowed (RFC 8414 section 3.2)
    assert_eq!(response.json["response_types_supported"], json!(["none"]));
    assert_eq!(response.json.get("authorization_endpoint"), None);
    assert!(!String::from_utf8_lossy(&response.body).contains("evil"));
    let members = response.json.as_object().unwrap();
    for (name, value) in members {
        let list = value.as_array();
        assert!(list.is_none_or(|list| !list.is_empty()), "{name}");
        let unsigned = list.is_some_and(|list| list.contains(&json!("none")));
        assert!(!name.ends_with("_alg_values_supported") || !unsigned);
    }
    // members that make no sense without an authorization endpoint
    for name in [
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert!(!members.contains_key(name), "{name}");
    }
    // every endpoint that it names exists
    for (name, value) in response.json.as_object().unwrap() {
        let Some(path) = value.as_str().and_then(|url| url.strip_prefix(ISSUER)) else {
            continue;
        };
        if !path.is_empty() {
            let status = app.get(path, "").await.status;
            assert_ne!(status, 404, "{name}");
        }
    }
}

async fn o111_the_jwk_set_contains_no_private_part(app: TestApp) {
    let response = app.get("/.well-known/jwks.json", "").await;
    let cache = response.is(200).header("cache-control").unwrap();
    assert!(cache.contains("max-age="), "{cache}");
    let keys = response.json["keys"].as_array().unwrap();
    // the key that signs and the next one
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"]),
            (&json!("EC"), &json!("P-256"), &json!("ES256"))
        );
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(key.get(private), None);
        }
    }
    let sealed = app.db.texts("SELECT sealed FROM signing_keys").await;
    assert_eq!(sealed.len(), 2);
}

async fn health_endpoints_report_only_health(app: TestApp) {
    let live = app.get("/health/live", "").await;
    assert_eq!(live.is(200).json, json!({ "status": "live" }));
    let ready = app.get("/health/ready", "").await;
    assert_eq!(ready.is(200).json, json!({ "status": "ready" }));
}

async fn the_documentation_page_loads_only_existing_assets(app: TestApp) {
    let page = app.get("/docs", "").await;
    page.is(200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let mut loaded = 0;
    for piece in html.split('"').filter(|piece| piece.contains("?v=")) {
        app.get(format_args!("/{piece}"), "").await.is(200);
        loaded += 1;
    }
    assert_eq!(loaded, 3);
    assert!(!html.contains("https://") && !html.contains("http://"));
    app.get("/docs/nothing.js", "").await.is(404);
}

async fn public_endpoints_ignore_an_invalid_token(app: TestApp) {
    for path in [
        "/docs",
        "/openapi.json",
        "/health/live",
        "/.well-known/jwks.json",
    ] {
        app.get(path, "not.a.token").await.is(200);
    }
}

async fn x052_no_response_contains_a_password_or_a_hash(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let (own, admin) = (app.log_in("alice").await, app.admin().await);
    for (path, token) in [
        ("/api/me".to_owned(), own.as_str()),
        (format!("/api/users/{alice}"), admin),
        ("/api/users".to_owned(), admin),
        (format!("/api/users/{alice}/roles"), admin),
        ("/api/audit".to_owned(), admin),
        ("/api/audit?kind=event".to_owned(), admin),
    ] {
        let response = app.get(&path, token).await;
        let text = String::from_utf8(response.is(200).body.to_vec()).unwrap();
        for secret in [PASSWORD, "$argon2", "hash", "sealed"] {
            assert!(!text.contains(secret), "{path}: {text}");
        }
    }
    let response = app.password_grant("alice", WRONG).await;
    assert!(!String::from_utf8_lossy(&response.body).contains("alice"));
}

/// The committed document is the one that the server serves; `ROLECALL_BLESS=1` writes it.
#[tokio::test]
async fn the_committed_openapi_document_is_current() {
    let app = TestApp::sqlite().await;
    let mut document = app.get("/openapi.json", "").await.is(200).json.clone();
    // the version changes with each release
    document["info"]["version"] = Value::from("0.0.0");
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(file, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(file).unwrap().replace("\r\n", "\n");
    assert!(
        committed == text,
        "docs/openapi.json is out of date: run `ROLECALL_BLESS=1 cargo test` and commit the file"
    );
}

/// Every operation documents a success, and a guarded one also the 401.
#[tokio::test]
async fn every_operation_documents_its_responses() {
    let app = TestApp::sqlite().await;
    let document = app.get("/openapi.json", "").await.json;
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let schemes = &document["components"]["securitySchemes"]["rolecall"];
    assert_eq!(schemes["flows"]["password"]["tokenUrl"], "/token");
    let mut guarded = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{method} {path}"
            );
            assert!(
                operation["operationId"].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
            if operation["security"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
            {
                guarded += 1;
                assert!(responses.contains_key("401"), "{method} {path}");
            }
        }
    }
    assert!(guarded > 20, "{guarded}");
    let text = document.to_string();
    // every reference can be resolved
    for piece in text.split("\"$ref\":\"#").skip(1) {
        let pointer = piece.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
