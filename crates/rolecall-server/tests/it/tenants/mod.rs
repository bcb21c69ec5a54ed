//! Role assignments in a tenant, tokens for it, and its administrators.

mod administrators;
mod assignments;
mod command_line;
mod lifetime;
mod limits;
mod losses;
mod tokens;

use serde_json::Value;

use crate::support::{TestApp, claims};

impl TestApp {
    /// Creates `lead`, who administers assignments in `acme` and holds `items:read` there; returns the id.
    async fn create_lead(&self) -> String {
        let held = [
            "items:read",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ];
        self.create_role("lead", &held).await;
        self.create_plain_role("reader", &["items:read"]).await;
        let lead = self.create_user("lead", &["user"]).await;
        self.assign_in(&lead, "lead", "acme").await;
        lead
    }

    /// Checks that an action changes nothing; returns its result.
    async fn unchanged<T>(&self, action: impl Future<Output = T>) -> T {
        let before = self.db.revision().await;
        let result = action.await;
        assert_eq!(self.db.revision().await, before);
        result
    }
}

/// The roles in a token.
fn roles(token: &str) -> Value {
    claims(token)["roles"].clone()
}
