//! What a response reveals to someone who is logged in.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, TestApp, on_both};

on_both![
    x042_ids_of_others_answer_like_ids_of_nobody,
    x052_no_answer_holds_a_field_that_is_not_for_its_reader,
];

async fn x042_ids_of_others_answer_like_ids_of_nobody(app: TestApp) {
    let admin = app.admin().await;
    let bob = app.user("bob", &["user"]).await;
    let gone = app.user("gone", &["user"]).await;
    app.delete(format_args!("/api/users/{gone}"), admin)
        .await
        .done();
    app.user("alice", &["user"]).await;
    let alice = app.login("alice").await;
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
        let mut answers: Vec<Answer> = Vec::new();
        for id in [&bob, &admin_id, &gone, &near, "1", "0", "me", "%2e%2e", "*"] {
            let ask = app
                .request(method.clone(), path.replace("ID", id))
                .token(&alice);
            let ask = match body {
                Some(body) => ask.json(body),
                None => ask,
            };
            let mut answer = ask.send().await;
            assert_eq!(answer.status, 403, "{method} {path} {id}");
            // receipts are sealed, each anew: of them only the length could tell something
            let length = answer.text("receipt").len();
            answer.json["receipt"] = length.into();
            answer.body = answer.json.to_string().into();
            answers.push(answer);
        }
        assert!(
            answers.windows(2).all(|two| two[0] == two[1]),
            "{method} {path}: {answers:?}"
        );
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // whoever may look is told that a deleted user is as unknown as one that never was
    let (deleted, never) = (
        app.get(format_args!("/api/users/{gone}"), admin).await,
        app.get(format_args!("/api/users/{near}"), admin).await,
    );
    let text =
        |answer: &Answer, id: &str| String::from_utf8_lossy(&answer.is(404).body).replace(id, "ID");
    assert_eq!(text(&deleted, &gone), text(&never, &near));
}

/// What the endpoints answer that take a body, whether they do what they were asked for or not.
async fn writes(app: &TestApp, alice: &str, own: &str) -> Vec<Answer> {
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

async fn x052_no_answer_holds_a_field_that_is_not_for_its_reader(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor", "user"]).await;
    let own = app.login("alice").await;
    app.password_grant("alice", "x").await.wrong_password();
    let hashes = app.db.texts("SELECT password_hash FROM users").await;
    let sealed = app
        .db
        .texts("SELECT sealed FROM secrets UNION ALL SELECT sealed FROM signing_keys")
        .await;
    let mut answers = writes(&app, &alice, &own).await;
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
            answers.push(app.get(&path, token).await);
        }
    }
    assert!(answers.iter().filter(|answer| answer.status == 200).count() > 20);
    for answer in &answers {
        let text = String::from_utf8_lossy(&answer.body);
        for secret in hashes
            .iter()
            .chain(&sealed)
            .map(String::as_str)
            .chain([PASSWORD, "$argon2", "$2b$"])
        {
            assert!(!text.contains(secret), "{text}");
        }
        no_secret_member(&answer.json);
    }
    // only a user's own answers and those for administrators name mail addresses
    let own = app.login("alice").await;
    for path in ["/api/users", &format!("/api/users/{alice}"), "/api/audit"] {
        let answer = app.get(path, &own).await;
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("mail.example"),
            "{path}"
        );
    }
}

/// No member, however deep, is called like something that is kept.
fn no_secret_member(value: &Value) {
    match value {
        Value::Object(members) => {
            // the document describes the members of requests
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
                no_secret_member(value);
            }
        }
        Value::Array(items) => items.iter().for_each(no_secret_member),
        _ => {}
    }
}
