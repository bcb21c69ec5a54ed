//! The settings, and the problems of the server, on the pages.

use std::ops::Deref;

use rolecall_server::config::Mfa;
use serde_json::json;

use super::{has, lacks, page, signed_in};
use crate::support::{Database, Fixture, TestApp, on_both};

on_both![
    settings_and_problems_are_for_those_who_operate_the_server,
    without_a_problem_none_is_shown,
];

const SETTINGS: &str = "/admin/settings";

/// A node with a role that nobody can use, since it needs a second factor and nobody can add one.
struct Contradictory(TestApp);

impl Deref for Contradictory {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Fixture for Contradictory {
    async fn on(db: Database) -> Self {
        let app = TestApp::configured(db, |builder| builder.second_factor(Mfa::Off)).await;
        let role = json!({ "name": "careful", "acr": "aal2" });
        app.post("/api/roles", app.admin().await, role)
            .await
            .is(201);
        Self(app)
    }
}

async fn settings_and_problems_are_for_those_who_operate_the_server(app: Contradictory) {
    let permissions = ["rolecall.keys:rotate"];
    app.create_role("operator", &permissions).await;
    let others = [
        "rolecall.users:write",
        "rolecall.keys:read",
        "rolecall.audit:read",
        "rolecall.policy:write",
    ];
    app.create_role("other", &others).await;
    app.create_user("operator", &["operator"]).await;
    app.create_user("other", &["other"]).await;
    app.create_user("alice", &[]).await;
    let boss = app.create_user("boss", &[]).await;
    app.create_role(
        "chief",
        &["rolecall.keys:rotate", "rolecall.assignments:read"],
    )
    .await;
    app.assign_in(&boss, "chief", "acme").await;
    for username in ["admin", "operator"] {
        let mut browser = signed_in(&app, username).await;
        // the tests embed the server
        has(
            &page(&browser.open(SETTINGS).await, 200),
            &["is part of an application"],
        );
        let start = page(&browser.open("/admin").await, 200);
        has(
            &start,
            &[
                "Problems of this server",
                "careful",
                "login.mfa",
                "href=\"/admin/settings\"",
            ],
        );
    }
    for username in ["other", "alice", "boss"] {
        let mut browser = signed_in(&app, username).await;
        browser.open(SETTINGS).await.is(403);
        if username != "alice" {
            let start = page(&browser.open("/admin").await, 200);
            lacks(&start, &["Problems of this server", SETTINGS]);
        }
    }
}

async fn without_a_problem_none_is_shown(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    lacks(
        &page(&browser.open("/admin").await, 200),
        &["Problems of this server"],
    );
}
