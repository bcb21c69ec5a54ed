//! Decisions and the explanation of each step.

mod reasons;
mod receipts;

use serde_json::{Value, json};

use crate::support::{Response, TestApp};

/// A decision.
async fn decide(app: &TestApp, body: Value) -> Response {
    let response = app.post("/api/decisions", app.admin().await, body).await;
    response.is(200);
    response
}

/// The decision on one permission of a subject.
pub(crate) async fn decide_permission(app: &TestApp, id: &str, permission: &str) -> Response {
    decide(app, json!({ "subject": id, "permission": permission })).await
}

/// The steps of one kind.
pub(crate) fn steps<'a>(response: &'a Response, kind: &str) -> Vec<&'a Value> {
    let all = response.json["because"].as_array().unwrap();
    all.iter().filter(|step| step["kind"] == kind).collect()
}

/// The kinds of all steps, in order.
fn kinds(response: &Response) -> Vec<&str> {
    let all = response.json["because"].as_array().unwrap();
    all.iter()
        .map(|step| step["kind"].as_str().unwrap())
        .collect()
}

/// The decision behind the receipt of a refusal.
pub(crate) async fn explain(app: &TestApp, refused: &Response) -> Response {
    let path = format!("/api/decisions/{}", refused.text("receipt"));
    let response = app.get(path, app.admin().await).await;
    response.is(200);
    response
}
