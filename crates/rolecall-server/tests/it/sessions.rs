//! `/api/me/sessions`: listing sessions, ending them, and how many a user may have.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{
    Database, PASSWORD, RequestBuilder, START, TestApp, TokenPair, claims, eventually, on_both,
    password_form, session_id,
};

on_both![
    sessions_show_their_address_and_which_is_current,
    logging_out_ends_only_the_current_session,
    a_session_ended_from_another_one_is_refused_at_once,
    nobody_sees_or_ends_other_peoples_sessions,
    clients_and_anonymous_callers_have_no_sessions,
    the_idlest_of_more_than_a_hundred_sessions_ends,
    y132_log_ins_without_a_refresh_token_end_no_other_session,
    a_log_in_without_a_refresh_token_can_be_ended_like_any_other,
    expired_sessions_are_deleted,
    logging_out_works_even_after_the_session_row_is_deleted,
];

/// Opens a session of `alice` from an address.
async fn open_session_from(app: &TestApp, address: &str) -> TokenPair {
    TokenPair::of(&app.password_grant_from(address, "alice", PASSWORD).await)
}

async fn sessions_show_their_address_and_which_is_current(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = open_session_from(&app, "192.0.2.1").await;
    app.pass_time(Duration::from_mins(1));
    let second = open_session_from(&app, "192.0.2.2").await;
    app.pass_time(Duration::from_mins(1));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first.refresh.as_str()),
    ];
    let request = app.request(Method::POST, "/token").form(&form);
    request.peer("192.0.2.3").send().await.is(200);
    let seen = app.get("/api/me/sessions", &second.access).await;
    let (one, two) = (claims(&first.access), claims(&second.access));
    assert_eq!(
        seen.is(200).json,
        json!({ "next_cursor": null, "items": [
            { "id": one["sid"], "client_id": "rolecall", "address": "192.0.2.3", "current": false,
              "created_at": "2030-01-01T00:00:00Z", "last_used_at": "2030-01-01T00:02:00Z",
              "expires_at": "2030-01-31T00:00:00Z" },
            { "id": two["sid"], "client_id": "rolecall", "address": "192.0.2.2", "current": true,
              "created_at": "2030-01-01T00:01:00Z", "last_used_at": "2030-01-01T00:01:00Z",
              "expires_at": "2030-01-31T00:01:00Z" },
        ] })
    );
    let page = app.get("/api/me/sessions?limit=1", &second.access).await;
    let cursor = page.is(200).text("next_cursor");
    let rest = app
        .get(
            format_args!("/api/me/sessions?limit=1&cursor={cursor}"),
            &second.access,
        )
        .await;
    assert_eq!(rest.items("id"), [two["sid"].as_str().unwrap()]);
}

async fn logging_out_ends_only_the_current_session(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (own, other) = (
        app.open_session("alice").await,
        app.open_session("alice").await,
    );
    let node = app.second_node().await;
    app.post("/api/me/logout", &own.access, json!({}))
        .await
        .no_content();
    app.get("/api/me", &own.access).await.ended_token();
    app.refresh(&own.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    node.refresh(&own.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.post("/api/me/logout", &own.access, json!({}))
        .await
        .ended_token();
    app.get("/api/me", &other.access).await.is(200);
    app.refresh(&other.refresh).await.is(200);
}

async fn a_session_ended_from_another_one_is_refused_at_once(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (lost, own) = (
        app.open_session("alice").await,
        app.open_session("alice").await,
    );
    let sid = session_id(&lost.access);
    let path = format!("/api/me/sessions/{sid}");
    app.delete(&path, &own.access).await.no_content();
    app.get("/api/me", &lost.access).await.ended_token();
    let revision = app.db.revision().await;
    app.delete(&path, &own.access).await.no_content();
    assert_eq!(app.db.revision().await, revision, "the same again");
    // a narrowed token can log out too
    let narrow = app.try_log_in_with_scope("alice", "role:user").await;
    if narrow.status == 200 {
        let token = narrow.text("access_token");
        app.post("/api/me/logout", &token, json!({}))
            .await
            .no_content();
    }
}

async fn nobody_sees_or_ends_other_peoples_sessions(app: TestApp) {
    app.create_user("alice", &[]).await;
    app.create_user("mallory", &[]).await;
    let (alices, mallorys) = (
        app.open_session("alice").await,
        app.open_session("mallory").await,
    );
    let seen = app.get("/api/me/sessions", &mallorys.access).await;
    assert_eq!(seen.items("id").len(), 1);
    let sid = session_id(&alices.access);
    for path in [sid.as_str(), "nothing", "%00", "'; DROP TABLE sessions"] {
        let path = format!("/api/me/sessions/{}", path.replace(' ', "%20"));
        let response = app.delete(path, &mallorys.access).await;
        assert!(
            [204, 404, 422].contains(&response.status.as_u16()),
            "{response:?}"
        );
    }
    app.get("/api/me", &alices.access).await.is(200);
    app.refresh(&alices.refresh).await.is(200);
}

async fn clients_and_anonymous_callers_have_no_sessions(app: TestApp) {
    app.get("/api/me/sessions", "").await.not_authenticated();
    app.post("/api/me/logout", "", json!({}))
        .await
        .not_authenticated();
    let client = app.create_client("worker", json!({})).await;
    let token = app.act_as(&client).await;
    app.get("/api/me/sessions", &token).await.forbidden("");
    app.post("/api/me/logout", &token, json!({}))
        .await
        .forbidden("");
}

async fn the_idlest_of_more_than_a_hundred_sessions_ends(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let (oldest, idlest) = (
        app.open_session("alice").await,
        app.open_session("alice").await,
    );
    // a hundred logins take seconds, so most sessions are inserted into the database
    let created = format!(
        "INSERT INTO sessions (id, subject_id, client_id, address, salt, created_at, last_used_at, expires_at) \
         SELECT id || username || '-' || n.name, id, 'rolecall', '', 's', {now}, {now}, {now} + 1000000000 \
         FROM users CROSS JOIN (SELECT a.name || b.name AS name FROM permissions a CROSS JOIN permissions b ORDER BY 1 LIMIT 97) n \
         WHERE id = '{alice}'",
        now = START.micros() + 60_000_000,
    );
    app.db.execute(&created).await;
    app.pass_time(Duration::from_mins(2));
    let oldest = TokenPair::of(&app.refresh(&oldest.refresh).await);
    app.pass_time(Duration::from_secs(1));
    let count = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    let last = app.open_session("alice").await;
    assert_eq!(app.db.number(&count).await, 100);
    app.get("/api/me", &idlest.access).await.is(200);
    let newest = app.open_session("alice").await;
    assert_eq!(app.db.number(&count).await, 100);
    app.get("/api/me", &idlest.access).await.ended_token();
    app.refresh(&idlest.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    for alive in [&oldest, &last, &newest] {
        app.get("/api/me", &alive.access).await.is(200);
    }
}

/// Logs `alice` in without asking for a refresh token, and returns the access token.
async fn log_in_briefly(app: &TestApp) -> String {
    let form = password_form("alice", PASSWORD);
    let form = [&form[..], &[("access_type", "online")]].concat();
    let response = app.token(&form).await;
    assert!(response.is(200).json.get("refresh_token").is_none());
    response.text("access_token")
}

async fn y132_log_ins_without_a_refresh_token_end_no_other_session(db: Database) {
    let app = TestApp::configured(db, |builder| builder.sessions_per_user(2)).await;
    app.create_user("alice", &[]).await;
    let browser = app.open_session("alice").await;
    let mut scripts = Vec::new();
    for _ in 0..21 {
        app.pass_time(Duration::from_secs(1));
        scripts.push(log_in_briefly(&app).await);
    }
    app.get("/api/me", &browser.access).await.is(200);
    let browser = TokenPair::of(&app.refresh(&browser.refresh).await);
    // they are limited too, and end one another
    app.get("/api/me", &scripts[0]).await.ended_token();
    for token in &scripts[1..] {
        app.get("/api/me", token).await.is(200);
    }
    // nor do other sessions end them
    let other = app.open_session("alice").await;
    app.get("/api/me", &browser.access).await.is(200);
    let third = app.open_session("alice").await;
    app.get("/api/me", &browser.access).await.ended_token();
    for token in [&other.access, &third.access, &scripts[1], &scripts[20]] {
        app.get("/api/me", token).await.is(200);
    }
}

async fn a_log_in_without_a_refresh_token_can_be_ended_like_any_other(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let other = app.second_node().await;
    let ended = async |token: &str, end: &dyn Fn() -> RequestBuilder| {
        other.get("/api/me", token).await.is(200);
        let done = end().send().await;
        assert!(done.status.is_success(), "{done:?}");
        app.get("/api/me", token).await.ended_token();
        eventually("the other node refuses it too", async || {
            other.get("/api/me", token).await.status == 401
        })
        .await;
    };
    let token = log_in_briefly(&app).await;
    let listed = app.get("/api/me/sessions", &token).await;
    assert_eq!(listed.items("id"), [session_id(&token)]);
    let log_out = || app.request(Method::POST, "/api/me/logout").token(&token);
    ended(&token, &log_out).await;
    let token = log_in_briefly(&app).await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/sessions");
    let end_all = || app.request(Method::DELETE, &path).token(admin);
    ended(&token, &end_all).await;
    let form = password_form("alice", PASSWORD);
    let form = [&form[..], &[("access_type", "sometimes")]].concat();
    app.token(&form).await.oauth_error(400, "invalid_request");
    let form = password_form("alice", PASSWORD);
    let form = [&form[..], &[("access_type", "offline")]].concat();
    TokenPair::of(&app.token(&form).await);
}

async fn expired_sessions_are_deleted(app: TestApp) {
    app.create_user("alice", &[]).await;
    let idle = app.open_session("alice").await;
    // both clocks: nothing is deleted on the word of a clock that was set
    app.clock.advance(Duration::from_hours(14 * 24));
    let fresh = app.open_session("alice").await;
    // a node cleans up every minute
    app.clock.advance(Duration::from_mins(2));
    let gone = format!(
        "SELECT COUNT(*) FROM sessions WHERE id = '{}'",
        session_id(&idle.access)
    );
    eventually("the idle session is deleted", async || {
        app.db.number(&gone).await == 0
    })
    .await;
    let kept = format!(
        "SELECT COUNT(*) FROM sessions WHERE id = '{}'",
        session_id(&fresh.access)
    );
    assert_eq!(app.db.number(&kept).await, 1);
}

async fn logging_out_works_even_after_the_session_row_is_deleted(app: TestApp) {
    app.create_user("alice", &[]).await;
    let mut pair = app.open_session("alice").await;
    // refreshed in the last minute of its thirty days, so the token outlives the session
    for pause in [13 * 24 * 60, 13 * 24 * 60, 4 * 24 * 60 - 1] {
        // both clocks: nothing is deleted on the word of a clock that was set
        app.clock.advance(Duration::from_mins(pause));
        pair = TokenPair::of(&app.refresh(&pair.refresh).await);
    }
    // a node cleans up every minute
    app.clock.advance(Duration::from_mins(4));
    eventually("the session is deleted", async || {
        app.db.number("SELECT COUNT(*) FROM sessions").await == 0
    })
    .await;
    app.get("/api/me", &pair.access).await.is(200);
    app.post("/api/me/logout", &pair.access, json!({}))
        .await
        .no_content();
    app.get("/api/me", &pair.access).await.ended_token();
}
