//! Decisions that explain themselves: each step is looked at by itself.

mod reasons;
mod receipts;

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

async fn decide(app: &TestApp, body: Value) -> Answer {
    let answer = app.post("/api/decisions", app.admin().await, body).await;
    answer.is(200);
    answer
}

async fn about(app: &TestApp, id: &str, permission: &str) -> Answer {
    decide(app, json!({ "subject": id, "permission": permission })).await
}

fn steps<'a>(answer: &'a Answer, kind: &str) -> Vec<&'a Value> {
    let all = answer.json["because"].as_array().unwrap();
    all.iter().filter(|step| step["kind"] == kind).collect()
}

fn kinds(answer: &Answer) -> Vec<&str> {
    let all = answer.json["because"].as_array().unwrap();
    all.iter()
        .map(|step| step["kind"].as_str().unwrap())
        .collect()
}
