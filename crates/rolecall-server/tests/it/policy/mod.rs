//! `/api/policy`: the whole policy as one document.

mod delegation;
mod documents;
mod losses;
mod plans;

use http::Method;
use serde_json::Value;

use crate::support::{Answer, Node, TestApp};

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

async fn read(app: &Node, token: &str) -> Answer {
    let ask = app.request(Method::GET, POLICY).token(token);
    ask.header("accept", TOML).send().await
}

async fn plan(app: &Node, token: &str, document: &str) -> Answer {
    let ask = app.request(Method::POST, PLAN).token(token);
    ask.raw(TOML, document.to_owned()).send().await
}

async fn put(app: &Node, token: &str, document: &str, if_match: &str) -> Answer {
    let ask = app.request(Method::PUT, POLICY).token(token);
    let ask = ask.header("if-match", if_match);
    ask.raw(TOML, document.to_owned()).send().await
}

/// Puts a document in force.
async fn given(app: &TestApp, document: &str) {
    put(app, app.admin().await, document, "*").await.is(200);
}

/// What was changed, or would be, each on one line.
fn changes(answer: &Answer) -> Vec<String> {
    let line = |change: &Value| {
        let texts = ["action", "permission", "role", "junior"];
        let texts = texts.iter().filter_map(|name| change[*name].as_str());
        texts.collect::<Vec<_>>().join(" ")
    };
    answer.is(200).json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}
