//! The own sessions: seen, ended one by one, and never too many.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    sessions_show_where_they_are_used_and_which_is_ones_own,
    logging_out_ends_the_own_session_and_no_other,
    a_session_that_was_ended_elsewhere_is_refused_at_once,
    nobody_sees_or_ends_the_sessions_of_others,
    clients_and_nobody_have_no_sessions,
    beyond_a_hundred_sessions_the_idlest_ends,
    ended_sessions_are_forgotten,
    a_log_out_is_never_in_vain_even_if_the_session_is_forgotten,
];

async fn log_in_from(app: &TestApp, address: &str) -> crate::refresh::Pair {
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let ask = app.request(Method::POST, "/token").form(&form);
    crate::refresh::Pair::of(&ask.from(address).send().await)
}

async fn sessions_show_where_they_are_used_and_which_is_ones_own(app: TestApp) {
    app.user("alice", &[]).await;
    let first = log_in_from(&app, "192.0.2.1").await;
    app.pass(Duration::from_mins(1));
    let second = log_in_from(&app, "192.0.2.2").await;
    app.pass(Duration::from_mins(1));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first.refresh.as_str()),
    ];
    let ask = app.request(Method::POST, "/token").form(&form);
    ask.from("192.0.2.3").send().await.is(200);
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

async fn logging_out_ends_the_own_session_and_no_other(app: TestApp) {
    app.user("alice", &[]).await;
    let (own, other) = (app.log_in("alice").await, app.log_in("alice").await);
    let node = app.second_node().await;
    app.post("/api/me/logout", &own.access, json!({}))
        .await
        .done();
    app.get("/api/me", &own.access).await.ended();
    app.refresh(&own.refresh).await.oauth(400, "invalid_grant");
    node.refresh(&own.refresh).await.oauth(400, "invalid_grant");
    app.post("/api/me/logout", &own.access, json!({}))
        .await
        .ended();
    app.get("/api/me", &other.access).await.is(200);
    app.refresh(&other.refresh).await.is(200);
}

async fn a_session_that_was_ended_elsewhere_is_refused_at_once(app: TestApp) {
    app.user("alice", &[]).await;
    let (lost, own) = (app.log_in("alice").await, app.log_in("alice").await);
    let sid = claims(&lost.access)["sid"].as_str().unwrap().to_owned();
    let path = format!("/api/me/sessions/{sid}");
    app.delete(&path, &own.access).await.done();
    app.get("/api/me", &lost.access).await.ended();
    let revision = app.db.revision().await;
    app.delete(&path, &own.access).await.done();
    assert_eq!(app.db.revision().await, revision, "the same again");
    // a narrowed token may log out too
    let narrow = app.try_login_for("alice", "role:user").await;
    if narrow.status == 200 {
        let token = narrow.text("access_token");
        app.post("/api/me/logout", &token, json!({})).await.done();
    }
}

async fn nobody_sees_or_ends_the_sessions_of_others(app: TestApp) {
    app.user("alice", &[]).await;
    app.user("mallory", &[]).await;
    let (alices, mallorys) = (app.log_in("alice").await, app.log_in("mallory").await);
    let seen = app.get("/api/me/sessions", &mallorys.access).await;
    assert_eq!(seen.items("id").len(), 1);
    let sid = claims(&alices.access)["sid"].as_str().unwrap().to_owned();
    for path in [sid.as_str(), "nothing", "%00", "'; DROP TABLE sessions"] {
        let path = format!("/api/me/sessions/{}", path.replace(' ', "%20"));
        let answer = app.delete(path, &mallorys.access).await;
        assert!(
            [204, 404, 422].contains(&answer.status.as_u16()),
            "{answer:?}"
        );
    }
    app.get("/api/me", &alices.access).await.is(200);
    app.refresh(&alices.refresh).await.is(200);
}

async fn clients_and_nobody_have_no_sessions(app: TestApp) {
    app.get("/api/me/sessions", "").await.not_authenticated();
    app.post("/api/me/logout", "", json!({}))
        .await
        .not_authenticated();
    let client = app.client("worker", json!({})).await;
    let token = app.act_as(&client).await;
    app.get("/api/me/sessions", &token).await.forbidden("");
    app.post("/api/me/logout", &token, json!({}))
        .await
        .forbidden("");
}

async fn beyond_a_hundred_sessions_the_idlest_ends(app: TestApp) {
    let alice = app.user("alice", &[]).await;
    let (oldest, idlest) = (app.log_in("alice").await, app.log_in("alice").await);
    // a hundred log-ins cost seconds: the rest is made in the database
    let made = format!(
        "INSERT INTO sessions (id, subject_id, client_id, address, salt, created_at, last_used_at, expires_at) \
         SELECT id || username || '-' || n.name, id, 'rolecall', '', 's', {now}, {now}, {now} + 1000000000 \
         FROM users CROSS JOIN (SELECT a.name || b.name AS name FROM permissions a CROSS JOIN permissions b ORDER BY 1 LIMIT 97) n \
         WHERE id = '{alice}'",
        now = crate::support::START.micros() + 60_000_000,
    );
    app.db.execute(&made).await;
    app.pass(Duration::from_mins(2));
    let oldest = crate::refresh::Pair::of(&app.refresh(&oldest.refresh).await);
    app.pass(Duration::from_secs(1));
    let count = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    let last = app.log_in("alice").await;
    assert_eq!(app.db.number(&count).await, 100);
    app.get("/api/me", &idlest.access).await.is(200);
    let newest = app.log_in("alice").await;
    assert_eq!(app.db.number(&count).await, 100);
    app.get("/api/me", &idlest.access).await.ended();
    app.refresh(&idlest.refresh)
        .await
        .oauth(400, "invalid_grant");
    for alive in [&oldest, &last, &newest] {
        app.get("/api/me", &alive.access).await.is(200);
    }
}

async fn ended_sessions_are_forgotten(app: TestApp) {
    app.user("alice", &[]).await;
    let idle = app.log_in("alice").await;
    app.pass(Duration::from_hours(14 * 24));
    let fresh = app.log_in("alice").await;
    let sids =
        |pair: &crate::refresh::Pair| claims(&pair.access)["sid"].as_str().unwrap().to_owned();
    // a node cleans up a minute after its start
    app.clock.advance(Duration::from_mins(2));
    let gone = format!("SELECT COUNT(*) FROM sessions WHERE id = '{}'", sids(&idle));
    crate::support::eventually("the idle session is forgotten", async || {
        app.db.number(&gone).await == 0
    })
    .await;
    let kept = format!(
        "SELECT COUNT(*) FROM sessions WHERE id = '{}'",
        sids(&fresh)
    );
    assert_eq!(app.db.number(&kept).await, 1);
}

async fn a_log_out_is_never_in_vain_even_if_the_session_is_forgotten(app: TestApp) {
    app.user("alice", &[]).await;
    let mut pair = app.log_in("alice").await;
    // used to the last minute of its thirty days: a token of then outlives it
    for pause in [13 * 24 * 60, 13 * 24 * 60, 4 * 24 * 60 - 1] {
        app.pass(Duration::from_mins(pause));
        pair = crate::refresh::Pair::of(&app.refresh(&pair.refresh).await);
    }
    app.pass(Duration::from_mins(2));
    // a node cleans up a minute after its start
    app.clock.advance(Duration::from_mins(2));
    crate::support::eventually("the session is forgotten", async || {
        app.db.number("SELECT COUNT(*) FROM sessions").await == 0
    })
    .await;
    app.get("/api/me", &pair.access).await.is(200);
    app.post("/api/me/logout", &pair.access, json!({}))
        .await
        .done();
    app.get("/api/me", &pair.access).await.ended();
}
