//! Refresh tokens: rotation, the grace period for a lost response, replay, and the scope of each refresh.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use rolecall::{Clock as _, ManualClock};
use tokio::task::JoinSet;

use crate::support::{
    ISSUER, Node, PASSWORD, Response, START, TestApp, TokenPair, claims, on_both,
};

on_both![
    y219_a_session_from_before_the_server_got_another_address_ends,
    o035_a_refresh_yields_a_new_refresh_token_and_a_new_access_token,
    o036_reusing_a_refresh_token_ends_the_session_and_its_access_tokens,
    a_lost_response_can_be_repeated_within_the_grace_period_and_is_audited,
    y046_a_thief_cannot_follow_a_session_from_grace_to_grace,
    y046_a_token_just_replaced_is_a_replay_from_another_address,
    y046_a_session_has_five_graces,
    o037_the_grace_period_covers_only_the_immediate_predecessor,
    o048_a_second_rotation_ends_the_grace_period_of_the_first,
    a_token_replaced_longer_ago_than_the_grace_period_is_a_replay,
    o040_a_scope_beyond_the_original_is_refused_and_does_not_use_up_the_token,
    o041_a_narrowed_refresh_does_not_narrow_the_next_one,
    permissions_lost_since_the_login_are_dropped,
    a_session_for_one_role_never_falls_back_to_the_others,
    o042_anything_but_a_refresh_token_is_an_invalid_grant,
    o043_an_idle_session_expires,
    o044_no_session_outlives_its_absolute_limit,
    o045_a_user_who_may_not_log_in_may_not_refresh,
    o046_only_the_current_session_survives_a_password_change,
    o047_fifty_simultaneous_refreshes_on_two_nodes_give_one_successor,
    a_session_is_refreshed_only_for_the_audience_of_its_login,
    o050_the_database_contains_neither_tokens_nor_secrets,
    a_new_era_revokes_every_refresh_token,
    x094_a_session_continues_after_a_restart_and_on_another_node,
    y024_nodes_with_different_clocks_agree_on_the_grace_period,
    y250_a_session_whose_scope_cannot_be_read_is_not_continued_with_everything,
];

const GRACE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_hours(24);

async fn o035_a_refresh_yields_a_new_refresh_token_and_a_new_access_token(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let first = app.open_session("alice").await;
    app.pass_time(Duration::from_mins(31));
    app.get("/api/me", &first.access).await.ended_token();
    let response = app.refresh(&first.refresh).await;
    let second = TokenPair::of(&response);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("pragma"), Some("no-cache"));
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
    // built-in permissions are included too
    let first = app.open_session("admin").await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let (before, after) = (claims(&first.access), claims(&second.access));
    assert_eq!(before["roles"], after["roles"]);
    assert_eq!(before["scope"], after["scope"]);
    app.get("/api/users", &second.access).await.is(200);
}

async fn o036_reusing_a_refresh_token_ends_the_session_and_its_access_tokens(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (first, elsewhere) = (
        app.open_session("alice").await,
        app.open_session("alice").await,
    );
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let third = TokenPair::of(&app.refresh(&second.refresh).await);
    app.refresh(&first.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.refresh(&third.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &third.access).await.ended_token();
    app.get("/api/me", &elsewhere.access).await.is(200);
    app.refresh(&elsewhere.refresh).await.is(200);
    let audit = app.get("/api/audit", app.admin().await).await;
    let text = String::from_utf8_lossy(&audit.is(200).body).into_owned();
    assert!(text.contains("session.replayed"), "{text}");
}

async fn a_lost_response_can_be_repeated_within_the_grace_period_and_is_audited(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let lost = TokenPair::of(&app.refresh(&first.refresh).await);
    let graces = "audit_events WHERE kind = 'refresh_grace'";
    assert_eq!(app.db.count(graces).await, 0);
    app.pass_time(GRACE.saturating_sub(Duration::from_secs(1)));
    let again = TokenPair::of(&app.refresh(&first.refresh).await);
    assert_eq!(again.refresh, lost.refresh, "the same successor");
    app.get("/api/me", &again.access).await.is(200);
    app.get("/api/me", &lost.access).await.is(200);
    let events = app.get("/api/audit?kind=event", app.admin().await).await;
    let text = String::from_utf8_lossy(&events.is(200).body).into_owned();
    assert!(text.contains("refresh_grace"), "{text}");
    app.refresh(&again.refresh).await.is(200);
}

async fn refresh_from(app: &TestApp, address: &str, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = app.request(Method::POST, "/token").peer(address);
    request.form(&form).send().await
}

/// The addresses of the events about replayed tokens.
async fn replays(app: &TestApp) -> Vec<String> {
    let sql = "SELECT address FROM audit_events WHERE kind = 'refresh_replayed'";
    app.db.texts(sql).await
}

async fn y046_a_thief_cannot_follow_a_session_from_grace_to_grace(app: TestApp) {
    app.create_user("alice", &[]).await;
    let stolen = app.open_session("alice").await;
    let own = TokenPair::of(&app.refresh(&stolen.refresh).await);
    let thief = TokenPair::of(&app.refresh(&stolen.refresh).await);
    assert_eq!(thief.refresh, own.refresh);
    // the grace of a generation is used up, whoever used it
    app.refresh(&stolen.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.refresh(&own.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &own.access).await.ended_token();
    app.get("/api/me", &thief.access).await.ended_token();
    assert_eq!(replays(&app).await.len(), 1);
}

async fn y046_a_token_just_replaced_is_a_replay_from_another_address(app: TestApp) {
    app.create_user("alice", &[]).await;
    for (owner, other, same) in [
        ("198.51.100.7", "198.51.100.7", true),
        ("2001:db8::1", "2001:db8::ffff", true),
        ("198.51.100.7", "198.51.100.8", false),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        let first = app.open_session("alice").await;
        let own = TokenPair::of(&refresh_from(&app, owner, &first.refresh).await);
        let again = refresh_from(&app, other, &first.refresh).await;
        if same {
            assert_eq!(TokenPair::of(&again).refresh, own.refresh);
            refresh_from(&app, owner, &own.refresh).await.is(200);
            assert_eq!(replays(&app).await, [""; 0]);
        } else {
            again.oauth_error(400, "invalid_grant");
            refresh_from(&app, owner, &own.refresh)
                .await
                .oauth_error(400, "invalid_grant");
            assert_eq!(replays(&app).await, [other]);
            app.db
                .execute("DELETE FROM audit_events WHERE kind = 'refresh_replayed'")
                .await;
        }
    }
}

async fn y046_a_session_has_five_graces(app: TestApp) {
    app.create_user("alice", &[]).await;
    let mut pair = app.open_session("alice").await;
    for round in 0..6 {
        let next = TokenPair::of(&app.refresh(&pair.refresh).await);
        let again = app.refresh(&pair.refresh).await;
        if round < 5 {
            assert_eq!(TokenPair::of(&again).refresh, next.refresh, "{round}");
        } else {
            again.oauth_error(400, "invalid_grant");
        }
        app.pass_time(Duration::from_mins(1));
        pair = next;
    }
    app.refresh(&pair.refresh)
        .await
        .oauth_error(400, "invalid_grant");
}

async fn o037_the_grace_period_covers_only_the_immediate_predecessor(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let third = TokenPair::of(&app.refresh(&second.refresh).await);
    TokenPair::of(&app.refresh(&second.refresh).await);
    app.refresh(&first.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &third.access).await.ended_token();
}

async fn o048_a_second_rotation_ends_the_grace_period_of_the_first(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    TokenPair::of(&app.refresh(&second.refresh).await);
    app.refresh(&first.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    assert_eq!(
        app.db.number("SELECT COUNT(*) FROM sessions WHERE subject_id IN (SELECT id FROM users WHERE username = 'alice')").await,
        0
    );
}

async fn a_token_replaced_longer_ago_than_the_grace_period_is_a_replay(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    app.pass_time(GRACE);
    app.refresh(&first.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.refresh(&second.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &second.access).await.ended_token();
}

async fn o040_a_scope_beyond_the_original_is_refused_and_does_not_use_up_the_token(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["editor"]).await;
    let narrow = TokenPair::of(&app.try_log_in_with_scope("alice", "items:read").await);
    for beyond in ["items:write", "items:read items:write", "role:admin"] {
        let response = app.refresh_with_scope(&narrow.refresh, beyond).await;
        response.oauth_error(400, "invalid_scope");
    }
    let whole = app.open_session("alice").await;
    for never in ["rolecall.users:read", "role:admin"] {
        let response = app.refresh_with_scope(&whole.refresh, never).await;
        response.oauth_error(400, "invalid_scope");
    }
    for token in [narrow.refresh, whole.refresh] {
        app.refresh(&token).await.is(200);
    }
}

async fn o041_a_narrowed_refresh_does_not_narrow_the_next_one(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["editor"]).await;
    let first = app.open_session("alice").await;
    let narrow = app.refresh_with_scope(&first.refresh, "items:read").await;
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

async fn permissions_lost_since_the_login_are_dropped(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    let alice = app.create_user("alice", &["editor"]).await;
    let first = app.open_session("alice").await;
    let path = "/api/roles/editor/permissions/items:write";
    app.delete(path, app.admin().await).await.no_content();
    app.get("/items/", &first.access).await.ended_token();
    // a client that repeats the granted scope gets what is left of it
    let requested = "items:read items:write";
    let less = app.refresh_with_scope(&first.refresh, requested).await;
    assert_eq!(less.is(200).text("scope"), "items:read");
    let second = TokenPair::of(&app.refresh(&less.text("refresh_token")).await);
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
    app.create_role("editor", &["items:write"]).await;
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor", "reader"]).await;
    let first = TokenPair::of(&app.try_log_in_with_scope("alice", "role:editor").await);
    app.unassign(&alice, "editor").await;
    let left = app.refresh(&first.refresh).await;
    assert_eq!(left.is(200).text("scope"), "");
    let claims = claims(&left.text("access_token"));
    assert_eq!(claims["roles"], serde_json::json!([]));
    assert_eq!(claims["scope"], "");
}

async fn o042_anything_but_a_refresh_token_is_an_invalid_grant(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    let (head, tail) = pair.refresh.split_at(pair.refresh.len() - 2);
    let forged = format!("{head}{}", if tail == "AA" { "BB" } else { "AA" });
    let long = "x".repeat(10_000);
    for wrong in ["garbage", &pair.access, &forged, "rcr_", &long, "rcr_AAAA"] {
        app.refresh(wrong).await.oauth_error(400, "invalid_grant");
    }
    app.refresh("").await.oauth_error(400, "invalid_request");
    app.refresh(&pair.refresh).await.is(200);
}

async fn o043_an_idle_session_expires(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    app.pass_time(DAY * 13);
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    app.pass_time(DAY * 14);
    let refused = app.refresh(&second.refresh).await;
    refused.oauth_error(400, "invalid_grant");
    let sessions = app
        .get("/api/me/sessions", &app.log_in("alice").await)
        .await;
    assert_eq!(sessions.items("id").len(), 1, "only the new one");
}

async fn o044_no_session_outlives_its_absolute_limit(app: TestApp) {
    app.create_user("alice", &[]).await;
    let mut pair = app.open_session("alice").await;
    for _ in 0..29 {
        app.pass_time(DAY);
        pair = TokenPair::of(&app.refresh(&pair.refresh).await);
    }
    app.pass_time(DAY);
    app.refresh(&pair.refresh)
        .await
        .oauth_error(400, "invalid_grant");
}

async fn o045_a_user_who_may_not_log_in_may_not_refresh(app: TestApp) {
    let admin = app.admin().await;
    for (name, status) in [("anna", "disabled"), ("ben", "password_change_required")] {
        let id = app.create_user(name, &[]).await;
        let pair = app.open_session(name).await;
        let path = format!("/api/users/{id}");
        let body = serde_json::json!({ "status": status });
        app.patch(&path, admin, body).await.is(200);
        app.refresh(&pair.refresh)
            .await
            .oauth_error(400, "invalid_grant");
        // and not after the status is active again
        let body = serde_json::json!({ "status": "active" });
        app.patch(&path, admin, body).await.is(200);
        app.refresh(&pair.refresh)
            .await
            .oauth_error(400, "invalid_grant");
    }
    let id = app.create_user("carl", &[]).await;
    let pair = app.open_session("carl").await;
    app.delete(format!("/api/users/{id}"), admin)
        .await
        .no_content();
    app.refresh(&pair.refresh)
        .await
        .oauth_error(400, "invalid_grant");
}

async fn o046_only_the_current_session_survives_a_password_change(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (own, other) = (
        app.open_session("alice").await,
        app.open_session("alice").await,
    );
    let body = serde_json::json!({ "current_password": PASSWORD, "new_password": "another horse battery staple" });
    let changed = app.put_json("/api/me/password", &own.access, body).await;
    changed.no_content();
    app.get("/api/me", &own.access).await.ended_token();
    app.refresh(&other.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    let next = TokenPair::of(&app.refresh(&own.refresh).await);
    app.get("/api/me", &next.access).await.is(200);
}

async fn o047_fifty_simultaneous_refreshes_on_two_nodes_give_one_successor(app: TestApp) {
    app.create_user("alice", &[]).await;
    let other = app.second_node().await;
    let first = app.open_session("alice").await;
    let mut requests = JoinSet::new();
    for round in 0..50 {
        let node: &Node = if round % 2 == 0 { &app } else { &other };
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", first.refresh.as_str()),
        ];
        requests.spawn(node.request(Method::POST, "/token").form(&form).send());
    }
    let responses = requests.join_all().await;
    let (answered, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|one| one.status == 200);
    // one rotation and one grace at most; the third use is a replay, and what was given ends with the session
    assert!((1..=2).contains(&answered.len()), "{}", answered.len());
    for one in refused {
        one.oauth_error(400, "invalid_grant");
    }
    let successors: BTreeSet<String> = answered
        .iter()
        .map(|one| TokenPair::of(one).refresh)
        .collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
    app.refresh(successors.first().unwrap())
        .await
        .oauth_error(400, "invalid_grant");
}

async fn a_session_is_refreshed_only_for_the_audience_of_its_login(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    let request = async |audience: &str| {
        app.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &pair.refresh),
            ("audience", audience),
        ])
        .await
    };
    request("https://other.example")
        .await
        .oauth_error(400, "invalid_target");
    request(ISSUER).await.is(200);
}

async fn o050_the_database_contains_neither_tokens_nor_secrets(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let rows = app.db.texts("SELECT id || ' ' || salt || ' ' || client_id || ' ' || COALESCE(scope, '') || ' ' || COALESCE(granted, '') FROM sessions").await;
    let all = rows.join("\n");
    for token in [&first.refresh, &second.refresh, &first.access] {
        // the MAC is the last 32 of 61 bytes
        let mac = token.get(token.len() - 40..).unwrap();
        assert!(!all.contains(mac), "{all}");
    }
}

async fn a_new_era_revokes_every_refresh_token(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    // as if a backup with the session were restored and recovered without ending the sessions
    app.db.execute("UPDATE head SET era = 'another'").await;
    app.refresh(&pair.refresh)
        .await
        .oauth_error(400, "invalid_grant");
}

async fn x094_a_session_continues_after_a_restart_and_on_another_node(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let app = app.restart().await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let other = app.second_node().await;
    let third = TokenPair::of(&other.refresh(&second.refresh).await);
    app.get("/api/me", &third.access).await.is(200);
}

async fn y024_nodes_with_different_clocks_agree_on_the_grace_period(app: TestApp) {
    app.create_user("alice", &[]).await;
    let now = app.clock.now();
    let ahead = Duration::from_secs(45);
    for clock in [now.plus(ahead), now.minus(ahead)] {
        let clock = ManualClock::at(clock);
        let other = app
            .node(|builder| builder.clock(clock).database_clock(app.clock.clone()))
            .await;
        // the answer of each node in turn is lost, and the client tries again at the other
        for (first, second) in [(&*app, &other), (&other, &*app)] {
            let pair = first.open_session("alice").await;
            let lost = TokenPair::of(&first.refresh(&pair.refresh).await);
            let again = TokenPair::of(&second.refresh(&pair.refresh).await);
            assert_eq!(again.refresh, lost.refresh);
            second.refresh(&again.refresh).await.is(200);
        }
    }
}

/// Its tokens would be for an audience that nobody has any more, and its client would refresh for ever.
async fn y219_a_session_from_before_the_server_got_another_address_ends(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let session = app.open_session("alice").await;
    let moved = app
        .node(|builder| builder.public_url("http://127.0.0.1:9000"))
        .await;
    moved
        .refresh(&session.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    let again = moved.open_session("alice").await;
    let refreshed = moved.refresh(&again.refresh).await;
    let token = refreshed.is(200).text("access_token");
    moved.get("/api/me", &token).await.is(200);
}

async fn y250_a_session_whose_scope_cannot_be_read_is_not_continued_with_everything(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    app.create_user("alice", &["user", "editor"]).await;
    let response = app.try_log_in_with_scope("alice", "role:user").await;
    let session = TokenPair::of(&response);
    app.db.execute("UPDATE sessions SET scope = 'role:'").await;
    assert_eq!(app.refresh(&session.refresh).await.status, 500);
    app.db
        .execute("UPDATE sessions SET scope = 'role:user'")
        .await;
    let response = app.refresh(&session.refresh).await;
    assert_eq!(
        claims(&TokenPair::of(&response).access)["roles"],
        serde_json::json!(["user"])
    );
}
