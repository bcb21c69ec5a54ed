//! What a user who is known may not do.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, TestApp, on_both};

on_both![
    x042_ids_of_others_answer_like_ids_of_nobody,
    x043_no_member_that_was_not_asked_for_sets_anything,
    x049_a_deep_hierarchy_and_very_many_roles_are_answered_in_bounded_time,
    x052_no_answer_holds_a_field_that_is_not_for_its_reader,
    x054_a_permission_is_compared_letter_by_letter,
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

/// What no body of ours has, at any depth.
const FOREIGN: &[&str] = &[
    "role",
    "is_admin",
    "admin",
    "sub",
    "id",
    "password_hash",
    "hash",
    "email_verified",
    "created_at",
    "updated_at",
    "client_id",
    "_method",
    "permissions",
    "scope",
    "kind",
    "disabled",
    "must_change_password",
    "reset_code",
    "__proto__",
    "constructor",
    "roles[]",
    "roles.0",
    "user",
    "$set",
    "",
];

/// Every body that there is, with members that fit: `ID` is a user's.
const BODIES: &str = r#"
POST /register nobody {"username": "bob", "password": "PASSWORD"}
POST /password nobody {"username": "alice", "current_password": "PASSWORD", "new_password": "another horse battery"}
PATCH /api/me own {"email": "a@mail.example"}
PUT /api/me/password own {"current_password": "PASSWORD", "new_password": "another horse battery"}
POST /api/users admin {"username": "bob"}
PATCH /api/users/ID admin {"email": "a@mail.example"}
POST /api/roles admin {"name": "another"}
PATCH /api/roles/editor admin {"description": "x"}
POST /api/permissions admin {"name": "items:read"}
PUT /api/users/ID/roles/editor admin {"reason": "x"}
POST /api/clients admin {"name": "app", "grants": ["client_credentials"]}
PATCH /api/clients/ID admin {"name": "app"}
POST /api/clients/ID/secret admin {}
PUT /api/clients/ID/roles/editor admin {"reason": "x"}
POST /api/keys/rotate admin {}
POST /api/assignment-requests/ID/confirm admin {}
POST /api/decisions admin {"subject": "ID", "permission": "items:read"}
POST /api/constraints admin {"name": "another", "kind": "static", "roles": ["editor", "user"], "at_most": 1}
PATCH /api/constraints/payments admin {"at_most": 1}
"#;

async fn x043_no_member_that_was_not_asked_for_sets_anything(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &[]).await;
    let alice = app.user("alice", &[]).await;
    let own = app.login("alice").await;
    let (sub, revision) = (app.db.count("subjects").await, app.db.revision().await);
    let send = async |line: &str, who: &str, body: &Value| {
        let (method, path) = line.split_once(' ').unwrap();
        let ask = app.request(method.parse().unwrap(), path.replace("ID", &alice));
        let tokens = [("nobody", ""), ("own", own.as_str()), ("admin", admin)];
        let (_, token) = tokens.iter().find(|(name, _)| *name == who).unwrap();
        ask.token(token).json(body).send().await
    };
    for (line, who, body) in bodies() {
        for foreign in FOREIGN {
            // a client has a scope, a constraint has a kind and roles, and nobody else
            let is_own = match *foreign {
                "scope" => line.contains("/api/clients"),
                "kind" | "roles" => line.contains("/api/constraints"),
                _ => false,
            };
            if is_own {
                continue;
            }
            for value in [
                json!(true),
                json!("rolecall.admin"),
                json!({ "name": "rolecall.admin" }),
                json!(["rolecall.admin"]),
            ] {
                let mut more = body.clone();
                more[*foreign] = value;
                let answer = send(&line, &who, &more).await;
                answer.invalid(&["body", foreign]);
            }
        }
        // wrapped, listed, or as a list of the members' values
        let values = body.as_object().unwrap().values().cloned().collect();
        for wrong in [json!({ "user": body }), json!([body]), Value::Array(values)] {
            let answer = send(&line, &who, &wrong).await;
            assert_eq!(answer.status, 422, "{line} {wrong}");
        }
        // in the query it is no member either
        let line = format!("{line}?is_admin=true&roles=rolecall.admin");
        let answer = send(&line, &who, &json!({ "is_admin": true })).await;
        assert_eq!(answer.status, 422, "{line}");
    }
    // a document of the policy has its own reader
    for foreign in FOREIGN
        .iter()
        .filter(|name| !["permissions", "roles"].contains(name))
    {
        let body = json!({ *foreign: ["rolecall.admin"] });
        let answer = send("POST /api/policy/plan", "admin", &body).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    // a text in the place of a list, an object in that of a text
    for body in [
        json!({ "username": "bob", "roles": "rolecall.admin" }),
        json!({ "username": "bob", "roles": { "0": "rolecall.admin" } }),
        json!({ "username": "bob", "roles": [{ "name": "rolecall.admin" }] }),
        json!({ "username": ["bob"] }),
        json!({ "username": { "$ne": null } }),
    ] {
        let answer = send("POST /api/users", "admin", &body).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    assert_eq!(app.db.count("subjects").await, sub);
}

/// Method and path, who asks, and the body.
fn bodies() -> Vec<(String, String, Value)> {
    let lines = BODIES.trim().lines().map(|line| {
        let [method, path, who, body] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let body = serde_json::from_str(&body.replace("PASSWORD", PASSWORD)).unwrap();
        (format!("{method} {path}"), who.to_owned(), body)
    });
    lines.collect()
}

/// A body that is added to the interface must be added above.
#[tokio::test]
async fn x043_no_body_of_the_interface_is_left_out() {
    let app = TestApp::sqlite().await;
    let document = app.get("/openapi.json", "").await.json;
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let json = operation.pointer("/requestBody/content/application~1json");
            // a policy is a document of its own, whose reader says where what it does not know stands
            if json.is_some() && !path.starts_with("/api/policy") {
                let path = path.replace("{id}", "ID").replace("{role}", "editor");
                let path = path.replace("{constraint}", "payments");
                documented.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let mut tried: Vec<String> = bodies().into_iter().map(|(line, ..)| line).collect();
    tried.sort();
    documented.sort();
    assert_eq!(tried, documented);
}

const DEPTH: usize = 10_000;

/// Written past the API: one request a role would take longer than all that is measured here.
async fn many_roles(app: &TestApp) {
    let mut statements = Vec::new();
    let (mut roles, mut juniors) = (Vec::new(), Vec::new());
    for number in 0..DEPTH {
        roles.push(format!("('deep{number}', '', 0, 0)"));
        if number > 0 {
            juniors.push(format!("('deep{}', 'deep{number}')", number - 1));
        }
    }
    for rows in roles.chunks(500) {
        statements.push(format!(
            "INSERT INTO roles (name, description, created_at, updated_at) VALUES {}",
            rows.join(",")
        ));
    }
    for rows in juniors.chunks(500) {
        statements.push(format!(
            "INSERT INTO role_juniors (senior, junior) VALUES {}",
            rows.join(",")
        ));
    }
    statements
        .push("UPDATE head SET revision = revision + 1, policy_revision = revision + 1".to_owned());
    for statement in statements {
        app.db.execute(&statement).await;
    }
}

async fn x049_a_deep_hierarchy_and_very_many_roles_are_answered_in_bounded_time(app: TestApp) {
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    many_roles(&app).await;
    let began = Instant::now();
    // all of it by one assignment
    app.put(format_args!("/api/users/{alice}/roles/deep0"), admin)
        .await
        .done();
    // a token of all these roles would be too long: it is refused, and narrowed it is made
    app.password_grant("alice", PASSWORD)
        .await
        .oauth(400, "invalid_scope");
    let token = app
        .login_for("alice", &format!("role:deep{}", DEPTH - 1))
        .await;
    assert!(token.len() < 4096, "{}", token.len());
    app.get("/api/me", &token).await.is(200);
    // one end of the chain to the other, which would close it
    let path = format!("/api/roles/deep{}/juniors/deep0", DEPTH - 1);
    let refused = app.put(path, admin).await;
    refused.is(409);
    assert!(
        refused.body.len() < 1 << 20,
        "an answer of {} bytes",
        refused.body.len()
    );
    // what is asked for cannot be endless either
    let all: Vec<String> = (0..DEPTH / 5)
        .map(|number| format!("role:deep{number}"))
        .collect();
    app.try_login_for("alice", &all.join(" "))
        .await
        .oauth(400, "invalid_scope");
    app.login("admin").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
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

/// What is nobody's permission, however it is compared.
const TRICKS: &[&str] = &[
    "*",
    "*:*",
    "*:read",
    "items:**",
    "items:re*",
    "items",
    "items:",
    ":read",
    "items:read:write",
    "items:read,items:write",
    "items:read items:write",
    "ITEMS:READ",
    "Items:read",
    " items:read",
    "items:read ",
    "items:read\0",
    "items:read\n",
    "items:r\u{435}ad",
    "items:read%",
    "items/read",
    "items::read",
    "role:editor",
    "role:*",
    "items:\u{ff52}ead",
    "items:read;",
    "rolecall.users:own",
    "-items:read",
    "items:.read",
    "items:read/../write",
];

async fn x054_a_permission_is_compared_letter_by_letter(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    app.user("alice", &["editor"]).await;
    let admin = app.admin().await;
    let token = app.login("alice").await;
    let revision = app.db.revision().await;
    for trick in TRICKS {
        let encoded: String = form_urlencoded::byte_serialize(trick.as_bytes())
            .collect::<String>()
            .replace('+', "%20");
        let path = format!("/api/roles/editor/permissions/{encoded}");
        let granted = app.put(path, admin).await;
        assert!(
            [404, 409, 422].contains(&granted.status.as_u16()),
            "{trick}: {granted:?}"
        );
        let made = app
            .post("/api/permissions", admin, json!({ "name": trick }))
            .await;
        assert_eq!(made.status, 422, "{trick}");
        let asked = app.try_login_for("alice", trick).await;
        // an active role is asked for in this way, and is no permission
        if *trick == "role:editor" {
            assert_eq!(asked.is(200).text("scope"), "role:editor");
        } else {
            assert_eq!(asked.status, 400, "{trick}: {asked:?}");
        }
    }
    assert_eq!(app.db.revision().await, revision, "nothing was granted");
    app.get("/items/", &token).await.is(200);
    // what begins or ends alike is another permission
    for near in ["items:rea", "items:read2", "items2:read", "item:read"] {
        app.post("/api/permissions", admin, json!({ "name": near }))
            .await
            .is(201);
    }
    app.role(
        "near",
        &["items:rea", "items:read2", "items2:read", "item:read"],
    )
    .await;
    app.user("bob", &["near"]).await;
    app.get("/items/", &app.login("bob").await)
        .await
        .forbidden("items:read");
}
