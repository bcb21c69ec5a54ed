//! Roles that nobody gives alone: asked for by one, confirmed by another.

mod bypass;
mod confirming;
mod marking;
mod model;
mod pending;
mod racing;
mod reporting;

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{Answer, Node, TestApp};

const HOUR: Duration = Duration::from_hours(1);
const PATH: &str = "/api/assignment-requests";

impl TestApp {
    /// `payer`, which a second person must confirm, and `ann` and `ben`, who may give it; gives the id of `alice`.
    async fn payers(&self) -> String {
        self.role("payer", &["payments:make"]).await;
        let giver = [
            "payments:make",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ];
        self.role("giver", &giver).await;
        self.user("ann", &["giver"]).await;
        self.user("ben", &["giver"]).await;
        self.approval("payer", true).await;
        self.user("alice", &[]).await
    }

    async fn approval(&self, role: &str, approval: bool) {
        let body = json!({ "approval": approval });
        let path = format!("/api/roles/{role}");
        let changed = self.patch(path, self.admin().await, body).await;
        assert_eq!(changed.is(200).json["approval"], approval);
    }

    /// The roles that are assigned to a user.
    async fn assigned(&self, id: &str) -> Vec<String> {
        let path = format!("/api/users/{id}/roles");
        self.get(path, self.admin().await).await.items("role")
    }

    /// What nobody has confirmed.
    async fn open(&self) -> Vec<String> {
        self.get(PATH, self.admin().await).await.items("id")
    }
}

impl Node {
    /// Asks for `payer`; gives the id of the request.
    async fn ask(&self, token: &str, id: &str) -> String {
        let asked = self.put(payer(id), token).await;
        asked.is(202).text("id")
    }

    async fn confirm(&self, token: &str, request: &str) -> Answer {
        self.post(format!("{PATH}/{request}/confirm"), token, json!({}))
            .await
    }
}

fn payer(id: &str) -> String {
    format!("/api/users/{id}/roles/payer")
}

/// A refusal by the rule, which changes nothing.
async fn refused(app: &TestApp, answer: impl Future<Output = Answer>, why: &str) {
    let revision = app.db.revision().await;
    let answer = answer.await;
    let detail = answer.breaks("approval").text("detail");
    assert!(detail.contains(why), "{detail}");
    assert_eq!(app.db.revision().await, revision);
}

async fn put_policy(app: &TestApp, token: &str, text: &str) -> Answer {
    let ask = app.request(Method::PUT, "/api/policy").token(token);
    let ask = ask.header("if-match", "*");
    ask.raw("application/toml", text.to_owned()).send().await
}

async fn plan_policy(app: &TestApp, token: &str, text: &str) -> Answer {
    let ask = app.request(Method::POST, "/api/policy/plan").token(token);
    ask.raw("application/toml", text.to_owned()).send().await
}
