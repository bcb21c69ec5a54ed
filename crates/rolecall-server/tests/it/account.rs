//! The user's own account: `/api/me`, and `POST /password`.

use std::time::Duration;

use serde_json::json;

use crate::support::{NEW_PASSWORD, PASSWORD, Response, TestApp, WRONG, on_both};

on_both![
    own_account_contains_no_secret,
    an_email_can_be_set_and_removed,
    a_wrong_current_password_changes_nothing_and_counts_as_a_failure,
    a_rejected_new_password_changes_nothing,
    x003_changing_the_password_revokes_every_older_token,
    x032_a_reset_code_works_once_and_never_yields_a_token,
    a_reset_code_expires_after_a_day,
    x032_a_new_reset_code_replaces_the_old_one,
    changing_the_password_without_a_token_ends_all_sessions,
    a_forced_password_change_reactivates_the_account,
    a_deleted_or_disabled_user_cannot_use_their_own_account,
];

async fn own_account_contains_no_secret(app: TestApp) {
    let id = app.create_user("alice", &["user"]).await;
    let me = app.get("/api/me", &app.log_in("alice").await).await;
    assert_eq!(
        me.is(200).json,
        json!({
            "id": id, "username": "alice", "email": null, "email_verified": false, "status": "active",
            "roles": ["user"], "permissions": [], "tenant": null,
            "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
}

async fn an_email_can_be_set_and_removed(app: TestApp) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    app.pass_time(Duration::from_mins(1));
    let body = json!({ "email": "alice@mail.example" });
    let response = app.patch("/api/me", &token, body.clone()).await;
    assert_eq!(response.is(200).text("email"), "alice@mail.example");
    assert_eq!(response.text("updated_at"), "2030-01-01T00:01:00Z");
    let revision = app.db.revision().await;
    app.patch("/api/me", &token, body).await.is(200);
    app.patch("/api/me", &token, json!({})).await.is(200);
    assert_eq!(
        app.db.revision().await,
        revision,
        "the same again changes nothing"
    );
    for bad in ["", "nope", "a@b@c", "a@b\r\nBcc: c@d"] {
        let response = app.patch("/api/me", &token, json!({ "email": bad })).await;
        response.invalid(&["body", "email"]);
    }
    let response = app.patch("/api/me", &token, json!({ "email": null })).await;
    assert_eq!(response.is(200).json["email"], json!(null));
    app.get("/api/me", &token).await.is(200);
}

async fn a_wrong_current_password_changes_nothing_and_counts_as_a_failure(app: TestApp) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let revision = app.db.revision().await;
    let body = json!({ "current_password": WRONG, "new_password": NEW_PASSWORD });
    let response = app.put_json("/api/me/password", &token, body).await;
    response.invalid(&["body", "current_password"]);
    assert_eq!(
        app.db.number("SELECT failures FROM login_failures").await,
        1
    );
    let body =
        json!({ "username": "alice", "current_password": "x", "new_password": NEW_PASSWORD });
    app.post("/password", "", body).await.wrong_password();
    assert_eq!(
        app.db.number("SELECT failures FROM login_failures").await,
        2
    );
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &token).await.is(200);
    app.log_in("alice").await;
}

async fn a_rejected_new_password_changes_nothing(app: TestApp) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let revision = app.db.revision().await;
    for weak in ["short", "passwordpassword", "alicealicealice"] {
        let body = json!({ "current_password": PASSWORD, "new_password": weak });
        let response = app.put_json("/api/me/password", &token, body).await;
        response.invalid(&["body", "new_password"]);
        let body =
            json!({ "username": "alice", "current_password": PASSWORD, "new_password": weak });
        let response = app.post("/password", "", body).await;
        response.invalid(&["body", "new_password"]);
    }
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &token).await.is(200);
}

async fn x003_changing_the_password_revokes_every_older_token(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let (own, other) = (app.log_in("alice").await, app.log_in("alice").await);
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    app.put_json("/api/me/password", &own, body)
        .await
        .no_content();
    app.get("/api/me", &own).await.ended_token();
    app.get("/api/me", &other).await.ended_token();
    // the current session stays and can be refreshed; the other one has ended
    let sql = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{id}'");
    assert_eq!(app.db.number(&sql).await, 1);
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let token = app
        .password_grant("alice", NEW_PASSWORD)
        .await
        .is(200)
        .text("access_token");
    app.get("/api/me", &token).await.is(200);
    app.get("/api/me", app.admin().await).await.is(200);
}

/// Creates `alice` with a reset code; returns the id and the code.
async fn create_user_with_code(app: &TestApp) -> (String, String) {
    let body = json!({ "username": "alice" });
    let created = app.post("/api/users", app.admin().await, body).await;
    assert_eq!(created.is(201).json["status"], "password_change_required");
    assert_eq!(created.json["expires_at"], "2030-01-02T00:00:00Z");
    (created.text("id"), created.text("reset_code"))
}

async fn replace(app: &TestApp, current: &str) -> Response {
    app.replace_password("alice", current, NEW_PASSWORD).await
}

async fn x032_a_reset_code_works_once_and_never_yields_a_token(app: TestApp) {
    let (id, code) = create_user_with_code(&app).await;
    let stored = app
        .db
        .texts("SELECT reset_code_hash FROM users WHERE reset_code_hash IS NOT NULL")
        .await;
    assert!(!stored[0].contains(&code), "only a hash is kept");
    let seen = app
        .get(format_args!("/api/users/{id}"), app.admin().await)
        .await;
    assert_eq!(seen.is(200).json.get("reset_code"), None, "shown once");
    let response = app.password_grant("alice", &code).await;
    response.oauth_error(400, "invalid_grant");
    assert_eq!(response.json["detail"], "Password change required");
    replace(&app, &code).await.no_content();
    replace(&app, &code).await.wrong_password();
    app.password_grant("alice", &code).await.wrong_password();
    let token = app
        .password_grant("alice", NEW_PASSWORD)
        .await
        .is(200)
        .text("access_token");
    assert_eq!(app.get("/api/me", &token).await.text("status"), "active");
}

async fn a_reset_code_expires_after_a_day(app: TestApp) {
    let (_, code) = create_user_with_code(&app).await;
    app.pass_time(Duration::from_secs(24 * 3600 - 1));
    app.password_grant("alice", &code)
        .await
        .oauth_error(400, "invalid_grant");
    app.pass_time(Duration::from_secs(1));
    app.password_grant("alice", &code).await.wrong_password();
    replace(&app, &code).await.wrong_password();
}

async fn x032_a_new_reset_code_replaces_the_old_one(app: TestApp) {
    let (id, code) = create_user_with_code(&app).await;
    let path = format!("/api/users/{id}/reset");
    let again = app.post(&path, app.admin().await, json!({})).await;
    let next = again.is(200).text("reset_code");
    assert_eq!(again.text("expires_at"), "2030-01-02T00:00:00Z");
    replace(&app, &code).await.wrong_password();
    // a code belongs to one user
    let body =
        json!({ "username": "admin", "current_password": next, "new_password": NEW_PASSWORD });
    app.post("/password", "", body).await.wrong_password();
    replace(&app, &next).await.no_content();
}

async fn changing_the_password_without_a_token_ends_all_sessions(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    replace(&app, PASSWORD).await.no_content();
    app.get("/api/me", &token).await.ended_token();
    let sql = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{id}'");
    assert_eq!(app.db.number(&sql).await, 0);
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
}

async fn a_forced_password_change_reactivates_the_account(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{id}");
    let body = json!({ "status": "password_change_required" });
    app.patch(&path, app.admin().await, body).await.is(200);
    replace(&app, PASSWORD).await.no_content();
    let seen = app.get(&path, app.admin().await).await;
    assert_eq!(seen.text("status"), "active");
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
}

async fn a_deleted_or_disabled_user_cannot_use_their_own_account(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let path = format!("/api/users/{id}");
    let body = json!({ "status": "disabled" });
    app.patch(&path, app.admin().await, body).await.is(200);
    app.get("/api/me", &token).await.ended_token();
    let body = json!({ "email": "alice@mail.example" });
    app.patch("/api/me", &token, body).await.ended_token();
    replace(&app, PASSWORD).await.wrong_password();
    app.delete(&path, app.admin().await).await.no_content();
    app.get("/api/me", &token).await.ended_token();
    replace(&app, PASSWORD).await.wrong_password();
}
