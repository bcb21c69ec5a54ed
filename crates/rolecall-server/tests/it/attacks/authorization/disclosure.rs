//! Responses reveal nothing that an authenticated user may not see.

use http::Method;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, TestApp, on_both};

on_both![
    x042_other_peoples_ids_get_the_same_response_as_unknown_ids,
    x052_no_response_contains_a_field_its_reader_must_not_see,
];

async fn x042_other_peoples_ids_get_the_same_response_as_unknown_ids(app: TestApp) {
    let admin = app.admin().await;
    let bob = app.create_user("bob", &["user"]).await;
    let gone = app.create_user("gone", &["user"]).await;
    app.delete(format_args!("/api/users/{gone}"), admin)
        .await
        .no_content();
    app.create_user("alice", &["user"]).await;
    let alice = app.log_in("alice").await;
    let admin_id = app.id_of("admin").await;
    let (_, random) = bob.split_at(8);
    let near = format!(
        "{:08x}{random}",
        u32::from_str_radix(&bob[..8], 16).unwrap() + 1
    );
    let (status, roles, revision) = (
        json!({ "status": "disabled" }),
        json!({}),
        app.db.revision().await,
    );
    for (method, path, body) in [
        (Method::GET, "/api/users/ID", None),
        (Method::PATCH, "/api/users/ID", Some(&status)),
        (Method::DELETE, "/api/users/ID", None),
        (Method::POST, "/api/users/ID/reset", Some(&roles)),
        (Method::DELETE, "/api/users/ID/sessions", None),
        (Method::GET, "/api/users/ID/roles", None),
        (Method::PUT, "/api/users/ID/roles/user", Some(&roles)),
        (Method::DELETE, "/api/users/ID/roles/user", None),
    ] {
        let mut responses: Vec<Response> = Vec::new();
        for id in [&bob, &admin_id, &gone, &near, "1", "0", "me", "%2e%2e", "*"] {
            let request = app
                .request(method.clone(), path.replace("ID", id))
                .token(&alice);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            let mut response = request.send().await;
            assert_eq!(response.status, 403, "{method} {path} {id}");
            // each receipt is sealed anew, so only its length could reveal something
            let length = response.text("receipt").len();
            response.json["receipt"] = length.into();
            response.body = response.json.to_string().into();
            responses.push(response);
        }
        assert!(
            responses.windows(2).all(|two| two[0] == two[1]),
            "{method} {path}: {responses:?}"
        );
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // to an administrator, a deleted user is as unknown as one that never existed
    let (deleted, never) = (
        app.get(format_args!("/api/users/{gone}"), admin).await,
        app.get(format_args!("/api/users/{near}"), admin).await,
    );
    let text = |response: &Response, id: &str| {
        String::from_utf8_lossy(&response.is(404).body).replace(id, "ID")
    };
    assert_eq!(text(&deleted, &gone), text(&never, &near));
}

/// Responses of the endpoints that take a body, both successes and refusals.
async fn write_responses(app: &TestApp, alice: &str, own: &str) -> Vec<Response> {
    let admin = app.admin().await;
    vec![
        app.password_grant("alice", PASSWORD).await,
        app.post(
            "/register",
            "",
            json!({ "username": "bob", "password": PASSWORD, "email": "bob@mail.example" }),
        )
        .await,
        app.post(
            "/register",
            "",
            json!({ "username": "bob", "password": PASSWORD }),
        )
        .await,
        app.post(
            "/api/users",
            admin,
            json!({ "username": "carol", "password": PASSWORD }),
        )
        .await,
        app.patch(
            format_args!("/api/users/{alice}"),
            admin,
            json!({ "email": "alice@mail.example" }),
        )
        .await,
        app.patch("/api/me", own, json!({ "email": "alice2@mail.example" }))
            .await,
        app.patch("/api/roles/editor", admin, json!({ "description": "x" }))
            .await,
        app.put_json(
            "/api/me/password",
            own,
            json!({ "current_password": "x", "new_password": PASSWORD }),
        )
        .await,
    ]
}

async fn x052_no_response_contains_a_field_its_reader_must_not_see(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor", "user"]).await;
    let own = app.log_in("alice").await;
    app.password_grant("alice", "x").await.wrong_password();
    let hashes = app.db.texts("SELECT password_hash FROM users").await;
    let sealed = app
        .db
        .texts("SELECT sealed FROM secrets UNION ALL SELECT sealed FROM signing_keys")
        .await;
    let mut responses = write_responses(&app, &alice, &own).await;
    let document = app.get("/openapi.json", "").await.json;
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() {
            continue;
        }
        let path = path
            .replace("{id}", &alice)
            .replace("{role}", "editor")
            .replace("{file}", "init.js");
        for token in ["", &own, admin] {
            responses.push(app.get(&path, token).await);
        }
    }
    assert!(
        responses
            .iter()
            .filter(|response| response.status == 200)
            .count()
            > 20
    );
    for response in &responses {
        let text = String::from_utf8_lossy(&response.body);
        for secret in hashes
            .iter()
            .chain(&sealed)
            .map(String::as_str)
            .chain([PASSWORD, "$argon2", "$2b$"])
        {
            assert!(!text.contains(secret), "{text}");
        }
        assert_no_secret_member(&response.json);
    }
    // only the user and administrators see mail addresses
    let own = app.log_in("alice").await;
    for path in ["/api/users", &format!("/api/users/{alice}"), "/api/audit"] {
        let response = app.get(path, &own).await;
        assert!(
            !String::from_utf8_lossy(&response.body).contains("mail.example"),
            "{path}"
        );
    }
}

/// Fails if a member at any depth has the name of a stored secret.
fn assert_no_secret_member(value: &Value) {
    match value {
        Value::Object(members) => {
            // the OpenAPI document describes the members of requests
            if members.contains_key("openapi") {
                return;
            }
            for (name, value) in members {
                for secret in [
                    "password_hash",
                    "hash",
                    "sealed",
                    "salt",
                    "secret",
                    "private",
                    "reset_code_hash",
                ] {
                    assert_ne!(name, secret, "{value}");
                }
                assert_no_secret_member(value);
            }
        }
        Value::Array(items) => items.iter().for_each(assert_no_secret_member),
        _ => {}
    }
}
