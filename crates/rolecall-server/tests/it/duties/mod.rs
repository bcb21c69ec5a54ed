//! Separation of duties: roles that nobody is assigned together, and roles that nobody has active together.

mod active;
mod assigned;
mod command_line;
mod constraints;
mod documents;
mod subjects;

use serde_json::{Value, json};

use crate::support::{Response, TestApp};

const PATH: &str = "/api/constraints";

/// Creates `payer`, `approver` and `clerk`, and a constraint `payments` of this kind between the first two.
async fn create_payments(app: &TestApp, kind: &str) {
    for (role, permission) in [
        ("payer", "payments:make"),
        ("approver", "payments:approve"),
        ("clerk", "payments:see"),
    ] {
        app.create_plain_role(role, &[permission]).await;
    }
    constrain(app, "payments", kind, &["approver", "payer"], 1)
        .await
        .is(201);
}

async fn constrain(
    app: &TestApp,
    name: &str,
    kind: &str,
    roles: &[&str],
    at_most: i64,
) -> Response {
    let body = json!({ "name": name, "kind": kind, "roles": roles, "at_most": at_most });
    app.post(PATH, app.admin().await, body).await
}

async fn assign(app: &TestApp, id: &str, role: &str, query: &str, body: Value) -> Response {
    let path = format!("/api/users/{id}/roles/{role}{query}");
    app.put_json(path, app.admin().await, body).await
}

/// Expects a refusal by the constraint `payments` that names one subject.
#[track_caller]
fn expect_conflict<'a>(response: &'a Response, name: &str) -> &'a Response {
    response.violates("separation_of_duties");
    assert_eq!(response.json["constraint"], "payments", "{response:?}");
    assert_eq!(response.texts("roles"), ["approver", "payer"]);
    let subjects = response.json["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1, "{response:?}");
    assert_eq!(subjects[0]["name"], name);
    response
}

/// Expects a refusal by `/token` that names the roles to choose from.
#[track_caller]
fn expect_choice(response: &Response) {
    response.oauth_error(400, "invalid_scope");
    assert_eq!(response.texts("roles"), ["approver", "payer"]);
    assert_eq!(response.json["constraint"], "payments");
    assert_eq!(response.json["at_most"], 1);
    let description = response.text("error_description");
    assert!(
        description.contains("role:approver") && description.contains("role:payer"),
        "{description}"
    );
}
