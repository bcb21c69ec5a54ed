//! Roles that need approval: one person requests them for a subject, another confirms.

mod bypass;
mod confirming;
mod marking;
mod model;
mod pending;
mod racing;
mod reporting;
mod takeover;

use std::time::Duration;

use serde_json::json;

use crate::support::{Node, Response, TestApp};

const HOUR: Duration = Duration::from_hours(1);
const PATH: &str = "/api/assignment-requests";

impl TestApp {
    /// Creates `payer`, which needs approval, and `ann` and `ben`, who may assign it; returns the id of `alice`.
    async fn create_payers(&self) -> String {
        self.create_plain_role("payer", &["payments:make"]).await;
        let giver = [
            "payments:make",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ];
        self.create_role("giver", &giver).await;
        self.create_user("ann", &["giver"]).await;
        self.create_user("ben", &["giver"]).await;
        self.set_approval("payer", true).await;
        self.create_user("alice", &[]).await
    }

    async fn set_approval(&self, role: &str, approval: bool) {
        let body = json!({ "approval": approval });
        let path = format!("/api/roles/{role}");
        let changed = self.patch(path, self.admin().await, body).await;
        assert_eq!(changed.is(200).json["approval"], approval);
    }

    /// The roles assigned to a user.
    async fn assigned_roles(&self, id: &str) -> Vec<String> {
        let path = format!("/api/users/{id}/roles");
        self.get(path, self.admin().await).await.items("role")
    }

    /// The ids of all pending requests.
    async fn pending_requests(&self) -> Vec<String> {
        self.get(PATH, self.admin().await).await.items("id")
    }
}

impl Node {
    /// Requests `payer`; returns the id of the request.
    async fn request_payer(&self, token: &str, id: &str) -> String {
        let requested = self.put(payer(id), token).await;
        requested.is(202).text("id")
    }

    async fn confirm(&self, token: &str, request: &str) -> Response {
        self.post(format!("{PATH}/{request}/confirm"), token, json!({}))
            .await
    }
}

/// The path that assigns `payer`.
fn payer(id: &str) -> String {
    format!("/api/users/{id}/roles/payer")
}

/// Expects a refusal by the rule `approval` with this reason, which changes nothing.
async fn expect_refusal(app: &TestApp, response: impl Future<Output = Response>, reason: &str) {
    let revision = app.db.revision().await;
    let response = response.await;
    let detail = response.violates("approval").text("detail");
    assert!(detail.contains(reason), "{detail}");
    assert_eq!(app.db.revision().await, revision);
}
