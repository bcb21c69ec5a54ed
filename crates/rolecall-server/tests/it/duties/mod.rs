//! Separation of duties: what nobody is given together, and what nobody has active together.

mod active;
mod assigned;
mod command_line;
mod constraints;
mod documents;

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const PATH: &str = "/api/constraints";

/// `payer` and `approver`, which a constraint `payments` of this kind keeps apart, and `clerk` beside them.
async fn payments(app: &TestApp, kind: &str) {
    for (role, permission) in [
        ("payer", "payments:make"),
        ("approver", "payments:approve"),
        ("clerk", "payments:see"),
    ] {
        app.role(role, &[permission]).await;
    }
    constrain(app, "payments", kind, &["approver", "payer"], 1)
        .await
        .is(201);
}

async fn constrain(app: &TestApp, name: &str, kind: &str, roles: &[&str], at_most: i64) -> Answer {
    let body = json!({ "name": name, "kind": kind, "roles": roles, "at_most": at_most });
    app.post(PATH, app.admin().await, body).await
}

async fn assign(app: &TestApp, id: &str, role: &str, query: &str, body: Value) -> Answer {
    let path = format!("/api/users/{id}/roles/{role}{query}");
    app.put_json(path, app.admin().await, body).await
}

/// A refusal by `payments`, about one subject.
#[track_caller]
fn apart<'a>(answer: &'a Answer, name: &str) -> &'a Answer {
    answer.breaks("separation_of_duties");
    assert_eq!(answer.json["constraint"], "payments", "{answer:?}");
    assert_eq!(answer.texts("roles"), ["approver", "payer"]);
    let subjects = answer.json["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1, "{answer:?}");
    assert_eq!(subjects[0]["name"], name);
    answer
}

/// A refusal at `/token` that names what to choose among.
#[track_caller]
fn choose(answer: &Answer) {
    answer.oauth(400, "invalid_scope");
    assert_eq!(answer.texts("roles"), ["approver", "payer"]);
    assert_eq!(answer.json["constraint"], "payments");
    assert_eq!(answer.json["at_most"], 1);
    let told = answer.text("error_description");
    assert!(
        told.contains("role:approver") && told.contains("role:payer"),
        "{told}"
    );
}
