//! Members that no body of the API has.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, on_both};

on_both![x043_unexpected_members_are_refused];

/// Members that no body of the API has, at any depth.
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

/// A valid body for every operation that takes one; `ID` stands for the id of a user.
const BODIES: &str = r#"
POST /register nobody {"username": "bob", "password": "PASSWORD"}
POST /password nobody {"username": "alice", "current_password": "PASSWORD", "new_password": "another horse battery"}
PATCH /api/me own {"email": "a@mail.example"}
PUT /api/me/password own {"current_password": "PASSWORD", "new_password": "another horse battery"}
POST /api/me/factors/totp own {"name": "phone"}
POST /api/me/factors/ID/confirm own {"code": "123456"}
PATCH /api/me/factors/ID own {"name": "phone"}
POST /api/me/factors/passkey own {"name": "phone"}
POST /api/me/factors/passkey/confirm own {"id": "x", "credential": {}}
POST /api/invitations admin {"email": "a@mail.example"}
POST /api/users admin {"username": "bob"}
PATCH /api/users/ID admin {"email": "a@mail.example"}
POST /api/users/ID/reset/confirm admin {"reset_id": "invented"}
POST /api/roles admin {"name": "another"}
PATCH /api/roles/editor admin {"description": "x"}
POST /api/permissions admin {"name": "items:read"}
PUT /api/users/ID/roles/editor admin {"reason": "x"}
POST /api/clients admin {"name": "app", "grants": ["client_credentials"]}
PATCH /api/clients/ID admin {"name": "app"}
POST /api/clients/ID/secret admin {}
PUT /api/clients/ID/roles/editor admin {"reason": "x"}
POST /api/resources admin {"uri": "https://items.example", "name": "Items", "objects": ["items"]}
PATCH /api/resources/ID admin {"name": "Items"}
POST /api/keys/rotate admin {}
POST /api/tickets own {"path": "/items/"}
POST /api/tickets/redeem admin {"ticket": "invented", "path": "/items/"}
POST /api/assignment-requests/ID/confirm admin {}
POST /api/decisions admin {"subject": "ID", "permission": "items:read"}
POST /api/constraints admin {"name": "another", "kind": "static", "roles": ["editor", "user"], "at_most": 1}
PATCH /api/constraints/payments admin {"at_most": 1}
"#;

async fn x043_unexpected_members_are_refused(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &[]).await;
    let alice = app.create_user("alice", &[]).await;
    let own = app.log_in("alice").await;
    let (subjects, revision) = (app.db.count("subjects").await, app.db.revision().await);
    let send = async |line: &str, caller: &str, body: &Value| {
        let (method, path) = line.split_once(' ').unwrap();
        let request = app.request(method.parse().unwrap(), path.replace("ID", &alice));
        let tokens = [("nobody", ""), ("own", own.as_str()), ("admin", admin)];
        let (_, token) = tokens.iter().find(|(name, _)| *name == caller).unwrap();
        request.token(token).json(body).send().await
    };
    for (line, caller, body) in bodies() {
        for foreign in FOREIGN {
            // only a client has a scope, and only a constraint a kind and roles; an administrator vouches for an address
            let is_own = match *foreign {
                "email_verified" => {
                    ["POST /api/users", "PATCH /api/users/ID"].contains(&line.as_str())
                }
                "id" => line.contains("/passkey/confirm"),
                "scope" => line.contains("/api/clients"),
                "kind" if line.contains("/api/clients") => true,
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
                let response = send(&line, &caller, &more).await;
                response.invalid(&["body", foreign]);
            }
        }
        // wrapped, in a list, or as a list of the values
        let values = body.as_object().unwrap().values().cloned().collect();
        for wrong in [json!({ "user": body }), json!([body]), Value::Array(values)] {
            let response = send(&line, &caller, &wrong).await;
            assert_eq!(response.status, 422, "{line} {wrong}");
        }
        // a query parameter is no member either
        let line = format!("{line}?is_admin=true&roles=rolecall.admin");
        let response = send(&line, &caller, &json!({ "is_admin": true })).await;
        assert_eq!(response.status, 422, "{line}");
    }
    // policy documents have a parser of their own
    for foreign in FOREIGN
        .iter()
        .filter(|name| !["permissions", "roles"].contains(name))
    {
        let body = json!({ *foreign: ["rolecall.admin"] });
        let response = send("POST /api/policy/plan", "admin", &body).await;
        assert_eq!(response.status, 422, "{body}");
    }
    // a string instead of a list, an object instead of a string
    for body in [
        json!({ "username": "bob", "roles": "rolecall.admin" }),
        json!({ "username": "bob", "roles": { "0": "rolecall.admin" } }),
        json!({ "username": "bob", "roles": [{ "name": "rolecall.admin" }] }),
        json!({ "username": ["bob"] }),
        json!({ "username": { "$ne": null } }),
    ] {
        let response = send("POST /api/users", "admin", &body).await;
        assert_eq!(response.status, 422, "{body}");
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    assert_eq!(app.db.count("subjects").await, subjects);
}

/// Method and path, the caller, and the body.
fn bodies() -> Vec<(String, String, Value)> {
    let lines = BODIES.trim().lines().map(|line| {
        let [method, path, caller, body] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let body = serde_json::from_str(&body.replace("PASSWORD", PASSWORD)).unwrap();
        (format!("{method} {path}"), caller.to_owned(), body)
    });
    lines.collect()
}

/// A new operation with a body must be added to [`BODIES`].
#[tokio::test]
async fn x043_every_request_body_is_covered() {
    let app = TestApp::sqlite().await;
    let document = app.get("/openapi.json", "").await.json;
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let json = operation.pointer("/requestBody/content/application~1json");
            // a policy document has a parser of its own, which reports unknown members with their place
            if json.is_some() && !path.starts_with("/api/policy") {
                let path = path.replace("{id}", "ID").replace("{role}", "editor");
                let path = path.replace("{constraint}", "payments");
                documented.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let mut covered: Vec<String> = bodies().into_iter().map(|(line, ..)| line).collect();
    covered.sort();
    documented.sort();
    assert_eq!(covered, documented);
}
