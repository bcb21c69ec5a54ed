//! A database that has gone back, as after a fail-over to a standby that lagged behind.

use crate::support::{Database, TestApp, claims, eventually, on_both};

on_both![
    y022_a_running_node_whose_database_went_back_renews_the_era,
    y022_a_restarted_node_refuses_a_token_above_the_head_and_renews_the_era,
    y022_a_token_above_the_head_writes_nothing,
];

/// Takes the database back by some revisions.
async fn go_back(db: &Database, to: i64) {
    for table in ["audit", "policy_changes"] {
        db.execute(&format!("DELETE FROM {table} WHERE revision > {to}"))
            .await;
    }
    db.execute(&format!(
        "UPDATE head SET revision = {to}, \
         policy_revision = CASE WHEN policy_revision > {to} THEN {to} ELSE policy_revision END, \
         keys_revision = CASE WHEN keys_revision > {to} THEN {to} ELSE keys_revision END"
    ))
    .await;
}

async fn era_of(app: &TestApp) -> String {
    let token = app.log_in("admin").await;
    claims(&token)["era"].as_str().unwrap().to_owned()
}

async fn y022_a_running_node_whose_database_went_back_renews_the_era(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let session = app.open_session("alice").await;
    let era = era_of(&app).await;
    let revision = app.db.revision().await;
    go_back(&app.db, revision - 2).await;
    eventually("a new era begins", async || era_of(&app).await != era).await;
    eventually("tokens of the old era are refused", async || {
        app.get("/api/me", &session.access).await.status == 401
    })
    .await;
    app.refresh(&session.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    let token = app.log_in("alice").await;
    app.get("/api/me", &token).await.is(200);
    let renewed = "SELECT COUNT(*) FROM audit WHERE changes LIKE '%revisions_lost%'";
    assert_eq!(app.db.number(renewed).await, 1);
}

async fn y022_a_restarted_node_refuses_a_token_above_the_head_and_renews_the_era(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let before = app.log_in("alice").await;
    // the last change of the lost revisions is followed by a log-in only
    let rev = claims(&before)["rev"].as_i64().unwrap();
    let app = app
        .restart_after(async |db: &Database| go_back(db, rev - 2).await)
        .await;
    app.get("/api/me", &before).await.ended_token();
    let era = claims(&before)["era"].as_str().unwrap().to_owned();
    eventually("a new era begins", async || era_of(&app).await != era).await;
    let token = app.log_in("alice").await;
    app.get("/api/me", &token).await.is(200);
    app.get("/api/me", &before).await.ended_token();
}

async fn y022_a_token_above_the_head_writes_nothing(app: TestApp) {
    let before = app.log_in("admin").await;
    let rev = claims(&before)["rev"].as_i64().unwrap();
    let app = app
        .restart_after(async |db: &Database| go_back(db, rev - 2).await)
        .await;
    let role = serde_json::json!({ "name": "written" });
    app.post("/api/roles", &before, role).await.ended_token();
    let written = app
        .db
        .number("SELECT COUNT(*) FROM roles WHERE name = 'written'");
    assert_eq!(written.await, 0);
}
