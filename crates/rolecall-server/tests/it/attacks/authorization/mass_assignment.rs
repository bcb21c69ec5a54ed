//! Members that a body must not have.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, on_both};

on_both![x043_no_member_that_was_not_asked_for_sets_anything,];

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
