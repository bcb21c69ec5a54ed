//! Refresh tokens: rotation, the grace for a lost answer, replay, and what each refresh gives.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use tokio::task::JoinSet;

use crate::support::{Answer, Node, PASSWORD, START, TestApp, claims, on_both};

on_both![
    o035_a_refresh_token_gives_the_next_one_and_a_new_access_token,
    o036_a_token_used_before_ends_the_session_and_its_access_tokens,
    a_lost_answer_is_given_again_within_the_grace_and_audited,
    o037_the_grace_is_only_for_the_immediate_predecessor,
    o048_two_rotations_in_one_second_leave_no_grace_for_the_first,
    a_token_replaced_longer_ago_than_the_grace_is_a_replay,
    o040_what_was_never_asked_for_is_refused_and_costs_nothing,
    o041_a_narrowed_refresh_leaves_the_next_one_whole,
    what_was_lost_since_the_log_in_is_dropped,
    a_session_for_one_role_never_falls_back_to_the_others,
    o042_what_is_no_refresh_token_is_an_invalid_grant,
    o043_an_idle_session_has_ended,
    o044_no_session_outlives_its_absolute_limit,
    o045_a_user_who_may_not_log_in_may_not_refresh,
    o046_the_own_session_goes_on_after_a_password_change_and_no_other,
    o047_fifty_refreshes_at_once_on_two_nodes_leave_one_successor,
    a_session_is_refreshed_for_the_audience_of_its_log_in_only,
    o050_neither_token_nor_secret_stands_in_the_database,
    a_new_era_ends_every_refresh_token,
    x094_a_session_goes_on_after_a_restart_and_on_another_node,
];

const GRACE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);

/// An access token and the refresh token that came with it.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Pair {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            access: answer.is(200).text("access_token"),
            refresh: answer.text("refresh_token"),
        }
    }
}

impl Node {
    pub(crate) async fn log_in(&self, username: &str) -> Pair {
        Pair::of(&self.password_grant(username, PASSWORD).await)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(&form).await
    }

    pub(crate) async fn refresh_for(&self, token: &str, scope: &str) -> Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        self.token(&form).await
    }
}

async fn o035_a_refresh_token_gives_the_next_one_and_a_new_access_token(app: TestApp) {
    app.user("alice", &["user"]).await;
    let first = app.log_in("alice").await;
    app.pass(Duration::from_mins(31));
    app.get("/api/me", &first.access).await.ended();
    let answer = app.refresh(&first.refresh).await;
    let second = Pair::of(&answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_ne!(second.refresh, first.refresh);
    app.get("/api/me", &second.access).await.is(200);
    let (before, after) = (claims(&first.access), claims(&second.access));
    for same in [
        "sub",
        "sid",
        "client_id",
        "auth_time",
        "aud",
        "era",
        "roles",
    ] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!(before["jti"], after["jti"]);
    assert_eq!(after["iat"], START.seconds() + 31 * 60);
    let sql = "SELECT MAX(generation) FROM sessions";
    assert_eq!(app.db.number(sql).await, 1, "the same session");
    // what is rolecall's own is there again too
    let first = app.log_in("admin").await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    let (before, after) = (claims(&first.access), claims(&second.access));
    assert_eq!(before["roles"], after["roles"]);
    assert_eq!(before["scope"], after["scope"]);
    app.get("/api/users", &second.access).await.is(200);
}

async fn o036_a_token_used_before_ends_the_session_and_its_access_tokens(app: TestApp) {
    app.user("alice", &[]).await;
    let (first, elsewhere) = (app.log_in("alice").await, app.log_in("alice").await);
    let second = Pair::of(&app.refresh(&first.refresh).await);
    let third = Pair::of(&app.refresh(&second.refresh).await);
    app.refresh(&first.refresh)
        .await
        .oauth(400, "invalid_grant");
    app.refresh(&third.refresh)
        .await
        .oauth(400, "invalid_grant");
    app.get("/api/me", &third.access).await.ended();
    app.get("/api/me", &elsewhere.access).await.is(200);
    app.refresh(&elsewhere.refresh).await.is(200);
    let audit = app.get("/api/audit", app.admin().await).await;
    let text = String::from_utf8_lossy(&audit.is(200).body).into_owned();
    assert!(text.contains("session.replayed"), "{text}");
}

async fn a_lost_answer_is_given_again_within_the_grace_and_audited(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let lost = Pair::of(&app.refresh(&first.refresh).await);
    let graces = "audit_events WHERE kind = 'refresh_grace'";
    assert_eq!(app.db.count(graces).await, 0);
    app.pass(GRACE.saturating_sub(Duration::from_secs(1)));
    let again = Pair::of(&app.refresh(&first.refresh).await);
    assert_eq!(again.refresh, lost.refresh, "the same successor");
    app.get("/api/me", &again.access).await.is(200);
    app.get("/api/me", &lost.access).await.is(200);
    let events = app.get("/api/audit?kind=event", app.admin().await).await;
    let text = String::from_utf8_lossy(&events.is(200).body).into_owned();
    assert!(text.contains("refresh_grace"), "{text}");
    app.refresh(&again.refresh).await.is(200);
}

async fn o037_the_grace_is_only_for_the_immediate_predecessor(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    let third = Pair::of(&app.refresh(&second.refresh).await);
    Pair::of(&app.refresh(&second.refresh).await);
    app.refresh(&first.refresh)
        .await
        .oauth(400, "invalid_grant");
    app.get("/api/me", &third.access).await.ended();
}

async fn o048_two_rotations_in_one_second_leave_no_grace_for_the_first(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    Pair::of(&app.refresh(&second.refresh).await);
    app.refresh(&first.refresh)
        .await
        .oauth(400, "invalid_grant");
    assert_eq!(
        app.db.number("SELECT COUNT(*) FROM sessions WHERE subject_id IN (SELECT id FROM users WHERE username = 'alice')").await,
        0
    );
}

async fn a_token_replaced_longer_ago_than_the_grace_is_a_replay(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    app.pass(GRACE);
    app.refresh(&first.refresh)
        .await
        .oauth(400, "invalid_grant");
    app.refresh(&second.refresh)
        .await
        .oauth(400, "invalid_grant");
    app.get("/api/me", &second.access).await.ended();
}

async fn o040_what_was_never_asked_for_is_refused_and_costs_nothing(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["editor"]).await;
    let narrow = Pair::of(&app.try_login_for("alice", "items:read").await);
    for beyond in ["items:write", "items:read items:write", "role:admin"] {
        let answer = app.refresh_for(&narrow.refresh, beyond).await;
        answer.oauth(400, "invalid_scope");
    }
    let whole = app.log_in("alice").await;
    for never in ["rolecall.users:read", "role:admin"] {
        let answer = app.refresh_for(&whole.refresh, never).await;
        answer.oauth(400, "invalid_scope");
    }
    for token in [narrow.refresh, whole.refresh] {
        app.refresh(&token).await.is(200);
    }
}

async fn o041_a_narrowed_refresh_leaves_the_next_one_whole(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["editor"]).await;
    let first = app.log_in("alice").await;
    let narrow = app.refresh_for(&first.refresh, "items:read").await;
    assert_eq!(narrow.is(200).text("scope"), "items:read");
    assert_eq!(claims(&narrow.text("access_token"))["narrowed"], true);
    let whole = app.refresh(&narrow.text("refresh_token")).await;
    assert_eq!(whole.is(200).text("scope"), "items:read items:write");
    assert!(
        claims(&whole.text("access_token"))
            .get("narrowed")
            .is_none()
    );
}

async fn what_was_lost_since_the_log_in_is_dropped(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    let alice = app.user("alice", &["editor"]).await;
    let first = app.log_in("alice").await;
    let path = "/api/roles/editor/permissions/items:write";
    app.delete(path, app.admin().await).await.done();
    app.get("/items/", &first.access).await.ended();
    // a client that repeats what it was granted is given what is left of it
    let asked = "items:read items:write";
    let less = app.refresh_for(&first.refresh, asked).await;
    assert_eq!(less.is(200).text("scope"), "items:read");
    let second = Pair::of(&app.refresh(&less.text("refresh_token")).await);
    app.get("/items/", &second.access).await.is(200);
    app.unassign(&alice, "editor").await;
    let third = app.refresh(&second.refresh).await;
    assert_eq!(third.is(200).text("scope"), "");
    app.get("/items/", &third.text("access_token"))
        .await
        .is(403);
    app.assign(&alice, "editor").await;
    let fourth = app.refresh(&third.text("refresh_token")).await;
    assert_eq!(fourth.is(200).text("scope"), "items:read", "and back");
}

async fn a_session_for_one_role_never_falls_back_to_the_others(app: TestApp) {
    app.role("editor", &["items:write"]).await;
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["editor", "reader"]).await;
    let first = Pair::of(&app.try_login_for("alice", "role:editor").await);
    app.unassign(&alice, "editor").await;
    let left = app.refresh(&first.refresh).await;
    assert_eq!(left.is(200).text("scope"), "");
    let claims = claims(&left.text("access_token"));
    assert_eq!(claims["roles"], serde_json::json!([]));
    assert_eq!(claims["scope"], "");
}

async fn o042_what_is_no_refresh_token_is_an_invalid_grant(app: TestApp) {
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
    let (head, tail) = pair.refresh.split_at(pair.refresh.len() - 2);
    let forged = format!("{head}{}", if tail == "AA" { "BB" } else { "AA" });
    let long = "x".repeat(10_000);
    for wrong in ["garbage", &pair.access, &forged, "rcr_", &long, "rcr_AAAA"] {
        app.refresh(wrong).await.oauth(400, "invalid_grant");
    }
    app.refresh("").await.oauth(400, "invalid_request");
    app.refresh(&pair.refresh).await.is(200);
}

async fn o043_an_idle_session_has_ended(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    app.pass(DAY * 13);
    let second = Pair::of(&app.refresh(&first.refresh).await);
    app.pass(DAY * 14);
    let refused = app.refresh(&second.refresh).await;
    refused.oauth(400, "invalid_grant");
    let sessions = app.get("/api/me/sessions", &app.login("alice").await).await;
    assert_eq!(sessions.items("id").len(), 1, "only the new one");
}

async fn o044_no_session_outlives_its_absolute_limit(app: TestApp) {
    app.user("alice", &[]).await;
    let mut pair = app.log_in("alice").await;
    for _ in 0..29 {
        app.pass(DAY);
        pair = Pair::of(&app.refresh(&pair.refresh).await);
    }
    app.pass(DAY);
    app.refresh(&pair.refresh).await.oauth(400, "invalid_grant");
}

async fn o045_a_user_who_may_not_log_in_may_not_refresh(app: TestApp) {
    let admin = app.admin().await;
    for (name, status) in [("anna", "disabled"), ("ben", "password_change_required")] {
        let id = app.user(name, &[]).await;
        let pair = app.log_in(name).await;
        let path = format!("/api/users/{id}");
        let body = serde_json::json!({ "status": status });
        app.patch(&path, admin, body).await.is(200);
        app.refresh(&pair.refresh).await.oauth(400, "invalid_grant");
        // nor once the status is back
        let body = serde_json::json!({ "status": "active" });
        app.patch(&path, admin, body).await.is(200);
        app.refresh(&pair.refresh).await.oauth(400, "invalid_grant");
    }
    let id = app.user("carl", &[]).await;
    let pair = app.log_in("carl").await;
    app.delete(format!("/api/users/{id}"), admin).await.done();
    app.refresh(&pair.refresh).await.oauth(400, "invalid_grant");
}

async fn o046_the_own_session_goes_on_after_a_password_change_and_no_other(app: TestApp) {
    app.user("alice", &[]).await;
    let (own, other) = (app.log_in("alice").await, app.log_in("alice").await);
    let body = serde_json::json!({ "current_password": PASSWORD, "new_password": "another horse battery staple" });
    let changed = app.put_json("/api/me/password", &own.access, body).await;
    changed.done();
    app.get("/api/me", &own.access).await.ended();
    app.refresh(&other.refresh)
        .await
        .oauth(400, "invalid_grant");
    let next = Pair::of(&app.refresh(&own.refresh).await);
    app.get("/api/me", &next.access).await.is(200);
}

async fn o047_fifty_refreshes_at_once_on_two_nodes_leave_one_successor(app: TestApp) {
    app.user("alice", &[]).await;
    let other = app.second_node().await;
    let first = app.log_in("alice").await;
    let mut asks = JoinSet::new();
    for round in 0..50 {
        let node: &Node = if round % 2 == 0 { &app } else { &other };
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", first.refresh.as_str()),
        ];
        asks.spawn(node.request(Method::POST, "/token").form(&form).send());
    }
    let answers = asks.join_all().await;
    let successors: BTreeSet<String> = answers.iter().map(|one| Pair::of(one).refresh).collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
    let sql = "SELECT MAX(generation) FROM sessions";
    assert_eq!(app.db.number(sql).await, 1);
    app.refresh(successors.first().unwrap()).await.is(200);
}

async fn a_session_is_refreshed_for_the_audience_of_its_log_in_only(app: TestApp) {
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
    let ask = async |audience: &str| {
        app.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &pair.refresh),
            ("audience", audience),
        ])
        .await
    };
    ask("https://other.example")
        .await
        .oauth(400, "invalid_target");
    ask(crate::support::ISSUER).await.is(200);
}

async fn o050_neither_token_nor_secret_stands_in_the_database(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    let rows = app.db.texts("SELECT id || ' ' || salt || ' ' || client_id || ' ' || COALESCE(scope, '') || ' ' || COALESCE(granted, '') FROM sessions").await;
    let all = rows.join("\n");
    for token in [&first.refresh, &second.refresh, &first.access] {
        // the MAC is the last 32 of 61 bytes
        let mac = token.get(token.len() - 40..).unwrap();
        assert!(!all.contains(mac), "{all}");
    }
}

async fn a_new_era_ends_every_refresh_token(app: TestApp) {
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
    // as if a backup with the session were put back and recovered without touching the sessions
    app.db.execute("UPDATE head SET era = 'another'").await;
    app.refresh(&pair.refresh).await.oauth(400, "invalid_grant");
}

async fn x094_a_session_goes_on_after_a_restart_and_on_another_node(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let app = app.restart().await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    let other = app.second_node().await;
    let third = Pair::of(&other.refresh(&second.refresh).await);
    app.get("/api/me", &third.access).await.is(200);
}
