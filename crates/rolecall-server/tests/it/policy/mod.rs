//! `/api/policy`: the whole policy as one document.

mod delegation;
mod documents;
mod losses;
mod plans;
mod sizes;

use http::Method;
use serde_json::Value;

use crate::support::{Node, Response, TestApp};

const POLICY: &str = "/api/policy";
const PLAN: &str = "/api/policy/plan";
const TOML: &str = "application/toml";

const ITEMS: &str = r#"
[permissions]
"items:read" = "see items"
"items:write" = ""

[roles.admin]

[roles.reader]
permissions = ["items:read"]

[roles.editor]
description = "edits"
permissions = ["items:*"]
juniors = ["reader"]
"#;

/// Reads the policy as TOML.
async fn read_policy(app: &Node, token: &str) -> Response {
    let request = app.request(Method::GET, POLICY).token(token);
    request.header("accept", TOML).send().await
}

/// Replaces the policy as an administrator.
async fn set_policy(app: &TestApp, document: &str) {
    let admin = app.admin().await;
    app.put_policy(admin, document, "*").await.is(200);
}

/// The changes, made or planned, as one line each.
fn changes(response: &Response) -> Vec<String> {
    let line = |change: &Value| {
        let texts = ["action", "permission", "role", "junior"];
        let texts = texts.iter().filter_map(|name| change[*name].as_str());
        texts.collect::<Vec<_>>().join(" ")
    };
    response.is(200).json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}
