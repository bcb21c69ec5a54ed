//! Role assignments within a tenant, tokens for it, and administrators of it.

mod administrators;
mod assignments;
mod command_line;
mod lifetime;
mod limits;
mod tokens;

use serde_json::Value;

use crate::{
    refresh::Pair,
    support::{Answer, Node, PASSWORD, TestApp, claims},
};

impl Node {
    async fn try_log_in_to(&self, username: &str, tenant: &str, scope: Option<&str>) -> Answer {
        let mut form = vec![
            ("grant_type", "password"),
            ("username", username),
            ("password", PASSWORD),
            ("tenant", tenant),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.token(&form).await
    }

    async fn log_in_to(&self, username: &str, tenant: &str) -> Pair {
        Pair::of(&self.try_log_in_to(username, tenant, None).await)
    }
}

impl TestApp {
    async fn assign_in(&self, id: &str, role: &str, tenant: &str) {
        let path = format!("/api/users/{id}/roles/{role}?tenant={tenant}");
        self.put(path, self.admin().await).await.done();
    }

    async fn unassign_in(&self, id: &str, role: &str, tenant: &str) {
        let path = format!("/api/users/{id}/roles/{role}?tenant={tenant}");
        self.delete(path, self.admin().await).await.done();
    }

    /// `lead` gives and takes roles in `acme`, and holds `items:read` there.
    async fn lead(&self) -> String {
        let held = [
            "items:read",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ];
        self.role("lead", &held).await;
        self.role("reader", &["items:read"]).await;
        let lead = self.user("lead", &["user"]).await;
        self.assign_in(&lead, "lead", "acme").await;
        lead
    }

    /// Nothing was written by what `refused` does.
    async fn unchanged<T>(&self, refused: impl Future<Output = T>) -> T {
        let before = self.db.revision().await;
        let answer = refused.await;
        assert_eq!(self.db.revision().await, before);
        answer
    }
}

fn roles(token: &str) -> Value {
    claims(token)["roles"].clone()
}
