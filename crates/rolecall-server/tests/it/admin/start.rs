//! The first page.

use std::time::Duration;

use serde_json::json;

use super::{page, signed_in};
use crate::support::{PASSWORD, TestApp, WRONG, on_both};

on_both![
    what_needs_doing_is_listed,
    sign_ins_and_refusals_of_the_last_day_are_drawn,
    nothing_to_do_is_said,
];

async fn what_needs_doing_is_listed(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let token = app.admin().await;
    let body = json!({ "expires_at": "2030-01-05T00:00:00Z" });
    app.put_json(format!("/api/users/{id}/roles/editor"), token, body)
        .await
        .is(204);
    let body = json!({ "approval": true });
    app.patch("/api/roles/user", token, body).await.is(200);
    app.put_json(format!("/api/users/{id}/roles/user"), token, json!({}))
        .await
        .is(202);
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open("/admin").await, 200);
    for shown in [
        "One role assignment ends within a week",
        "datetime=\"2030-01-05T00:00:00Z\"",
        "One role waits for a second person",
        "There is only one administrator.",
        "Signing keys in use",
        "role.assigned",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}

async fn sign_ins_and_refusals_of_the_last_day_are_drawn(app: TestApp) {
    app.create_user("alice", &[]).await;
    app.log_in("alice").await;
    app.pass_time(Duration::from_hours(25));
    app.password_grant("alice", PASSWORD).await.is(200);
    app.password_grant("alice", WRONG).await.is(401);
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open("/admin").await, 200);
    let drawn = text.matches("<rect class=\"good\"").count();
    assert_eq!(drawn, 24);
    // that of yesterday is too old
    assert!(text.contains("Sign-ins: 2. Refusals: 1."), "{text}");
}

async fn nothing_to_do_is_said(app: TestApp) {
    app.create_user("second", &["rolecall.admin"]).await;
    let mut browser = signed_in(&app, "second").await;
    let text = page(&browser.open("/admin").await, 200);
    assert!(text.contains("Nothing needs doing."), "{text}");
}
