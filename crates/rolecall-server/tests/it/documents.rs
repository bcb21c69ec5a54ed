//! The public documents: metadata, JWK Set, health, and the documentation.

use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Database, ISSUER, PASSWORD, TestApp, WRONG, on_both};

on_both![
    x070_o107_o108_o109_the_metadata_lists_only_what_works_whatever_the_host,
    m192_a_proxy_maps_what_comes_before_the_path,
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
        json!(["authorization_code", "password", "refresh_token"])
    );
    assert_eq!(response.json["response_types_supported"], json!(["code"]));
    assert_eq!(
        response.json["authorization_endpoint"],
        format!("{ISSUER}/authorize")
    );
    // one object by both names
    let other = app.get("/.well-known/openid-configuration", "").await;
    assert_eq!(other.is(200).json, response.json);
    assert!(!String::from_utf8_lossy(&response.body).contains("evil"));
    let members = response.json.as_object().unwrap();
    for (name, value) in members {
        let list = value.as_array();
        assert!(list.is_none_or(|list| !list.is_empty()), "{name}");
        let unsigned = list.is_some_and(|list| list.contains(&json!("none")));
        assert!(!name.ends_with("_alg_values_supported") || !unsigned);
    }
    // what is left out would mean more than there is (RFC 8414 section 2, OpenID Connect Discovery section 3)
    for (name, value) in [
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("request_uri_parameter_supported", json!(false)),
    ] {
        assert_eq!(members.get(name), Some(&value), "{name}");
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

/// The proxy takes the path away, so that the server has nothing below it.
async fn m192_a_proxy_maps_what_comes_before_the_path(db: Database) {
    const URL: &str = "https://id.example/auth";
    let app = TestApp::configured(db, |builder| builder.public_url(URL)).await;
    for name in ["oauth-authorization-server", "openid-configuration"] {
        let path = format!("/.well-known/{name}");
        let metadata = app.get(&path, "").await.is(200).json.clone();
        assert_eq!(metadata["issuer"], URL);
        assert_eq!(metadata["token_endpoint"], format!("{URL}/token"));
        assert_eq!(metadata["jwks_uri"], format!("{URL}/.well-known/jwks.json"));
        for other in [format!("{path}/auth"), format!("/auth{path}")] {
            assert_eq!(app.get(&other, "").await.status, 404, "{other}");
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

/// Generators of clients cannot do with everything that a document may contain.
#[tokio::test]
async fn the_document_has_a_form_that_client_generators_support() {
    let app = TestApp::sqlite().await;
    let document = app.get("/openapi.json", "").await.json;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    assert!(!text.contains("\"allOf\""), "allOf loses nullability");
    for (name, schema) in schemas {
        assert!(
            !name.starts_with("New"),
            "{name} stands beside a constructor"
        );
        if let Some(items) = schema.pointer("/properties/items/items") {
            assert!(items["$ref"].is_string(), "{name}: {items}");
        }
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        for variant in variants {
            assert!(variant["$ref"].is_string(), "{name}: {variant}");
            assert_eq!(schema["discriminator"]["propertyName"], "kind", "{name}");
        }
    }
    for name in [
        "UserInput",
        "ClientInput",
        "RoleInput",
        "PermissionInput",
        "ConstraintInput",
    ] {
        assert!(schemas.contains_key(name), "{name}");
    }
    // `{"active": false}` is valid
    assert_eq!(schemas["Introspection"]["required"], json!(["active"]));
    assert!(schemas["Problem"]["properties"]["receipt"].is_object());
    let email = &schemas["CreatedUser"]["properties"]["email"];
    assert_eq!(email["type"], json!(["string", "null"]));
    let bearer = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!(
        (&bearer["type"], &bearer["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let security = &document["paths"]["/api/users"]["get"]["security"];
    let expected =
        json!([{ "rolecall": ["rolecall.users:read"] }, { "bearer": ["rolecall.users:read"] }]);
    assert_eq!(security, &expected);
}

#[tokio::test]
async fn every_address_that_leaves_the_server_has_the_prefix_of_the_public_url() {
    let db = crate::support::Database::sqlite();
    let app = TestApp::configured(db, |builder| {
        builder.public_url("https://host.example/auth")
    })
    .await;
    let document = app.get("/openapi.json", "").await.json;
    assert_eq!(
        document["servers"],
        json!([{ "url": "https://host.example/auth" }])
    );
    let flows = &document["components"]["securitySchemes"]["rolecall"]["flows"];
    assert_eq!(flows["password"]["tokenUrl"], "/auth/token");
    let path = "/.well-known/oauth-authorization-server";
    let metadata = app.get(path, "").await.json;
    assert_eq!(
        metadata["token_endpoint"],
        "https://host.example/auth/token"
    );
    let admin = app.admin().await;
    app.create_role("reviewed", &[]).await;
    let body = json!({ "approval": true });
    app.patch("/api/roles/reviewed", admin, body).await.is(200);
    let alice = app.create_user("alice", &[]).await;
    for (path, body) in [
        ("/api/users", json!({ "username": "bob" })),
        ("/api/roles", json!({ "name": "editor" })),
        ("/api/permissions", json!({ "name": "items:read" })),
        (
            "/api/constraints",
            json!({ "name": "apart", "kind": "static", "roles": ["editor", "user"], "at_most": 1 }),
        ),
        (
            "/api/clients",
            json!({ "name": "robot", "grants": ["client_credentials"] }),
        ),
        (
            "/register",
            json!({ "username": "dora", "password": PASSWORD }),
        ),
    ] {
        let made = app.post(path, admin, body).await;
        let location = made.is(201).header("location").unwrap();
        let rest = location.strip_prefix("/auth/api/").unwrap_or_default();
        assert!(!rest.is_empty(), "{path}: {location}");
    }
    let asked = app
        .put(format_args!("/api/users/{alice}/roles/reviewed"), admin)
        .await;
    let location = asked.is(202).header("location").unwrap();
    assert!(location.starts_with("/auth/api/"), "{location}");
}

#[tokio::test]
async fn a_null_body_counts_as_absent() {
    let app = TestApp::sqlite().await;
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    app.put_json(
        format_args!("/api/users/{alice}/roles/user"),
        admin,
        Value::Null,
    )
    .await
    .no_content();
    app.post("/api/roles", admin, Value::Null)
        .await
        .invalid(&["body", "name"]);
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
                responses
                    .keys()
                    .any(|status| status.starts_with(['2', '3'])),
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
    assert_eq!(document["servers"], json!([{ "url": ISSUER }]));
    let text = document.to_string();
    // every reference can be resolved
    for piece in text.split("\"$ref\":\"#").skip(1) {
        let pointer = piece.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
