//! A database that has gone back, as after a fail-over to a standby that lagged behind.

use crate::support::{Database, PASSWORD, TestApp, claims, eventually, on_both};

on_both![
    y022_a_running_node_whose_database_went_back_renews_the_era,
    y022_a_restarted_node_refuses_a_token_above_the_head_and_renews_the_era,
    y022_a_token_above_the_head_writes_nothing,
    y212_a_database_that_went_back_and_caught_up_gets_a_new_era,
    y213_a_guard_with_a_cursor_of_a_lost_revision_gets_the_whole_state,
];

/// Takes the database back by some revisions.
async fn go_back(db: &Database, to: i64) {
    for table in ["audit", "audit_details", "policy_changes"] {
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

/// Gives the newest revision another history: the number is the same and the change is another one.
async fn replace_newest(db: &Database) {
    let newest = "UPDATE audit SET mark = '00' || SUBSTR(mark, 3) WHERE revision = (SELECT MAX(revision) FROM audit)";
    db.execute(newest).await;
}

async fn y212_a_database_that_went_back_and_caught_up_gets_a_new_era(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let session = app.open_session("alice").await;
    let era = era_of(&app).await;
    let client = app.create_resource_server("guard").await;
    let token = app.act_as(&client).await;
    let revision = app.db.revision().await;
    eventually("the poll has seen the newest revision", async || {
        let fed = app.get("/api/feed", &token).await;
        fed.json["revision"] == revision
    })
    .await;
    replace_newest(&app.db).await;
    eventually("a new era begins", async || era_of(&app).await != era).await;
    eventually("tokens of the old era are refused", async || {
        app.get("/api/me", &session.access).await.status == 401
    })
    .await;
    app.refresh(&session.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    let renewed = "SELECT COUNT(*) FROM audit WHERE changes LIKE '%revisions_replaced%'";
    assert_eq!(app.db.number(renewed).await, 1);
    // a history that only goes on is left alone
    let era = era_of(&app).await;
    app.register("bob", PASSWORD).await.is(201);
    let bob = app.log_in("bob").await;
    app.get("/api/me", &bob).await.is(200);
    assert_eq!(era_of(&app).await, era);
}

async fn y213_a_guard_with_a_cursor_of_a_lost_revision_gets_the_whole_state(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let client = app.create_resource_server("guard").await;
    let token = app.act_as(&client).await;
    let sessions = format!("/api/users/{alice}/sessions");
    app.delete(sessions, app.admin().await).await.no_content();
    let read = async |app: &TestApp, token: &str, after: &str| {
        let path = format!("/api/feed?after={after}&wait=0");
        app.get(path, token).await
    };
    eventually("the node feeds the loss", async || {
        let all = read(&app, &token, "").await;
        all.json["floors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|floor| floor["key"] == alice)
    })
    .await;
    let cursor = read(&app, &token, "").await.is(200).text("cursor");
    let nothing = read(&app, &token, &cursor).await;
    assert_eq!(nothing.is(200).json["floors"], serde_json::json!([]));
    let app = app
        .restart_after(async |db: &Database| replace_newest(db).await)
        .await;
    let token = app.act_as(&client).await;
    let whole = read(&app, &token, &cursor).await;
    assert_ne!(whole.is(200).json["floors"], serde_json::json!([]));
    // and from there on only what is new
    let cursor = whole.text("cursor");
    let nothing = read(&app, &token, &cursor).await;
    assert_eq!(nothing.is(200).json["floors"], serde_json::json!([]));
}
