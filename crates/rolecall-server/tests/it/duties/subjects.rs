//! Dynamic constraints that count all living tokens of a subject.

use std::time::Duration;

use serde_json::json;

use super::{PATH, assign, create_payments, expect_choice};
use crate::support::{Response, TestApp, TokenPair, claims, on_both, run, session_id};

on_both![
    y005_a_constraint_per_subject_counts_all_live_sessions,
    y005_a_constraint_comes_to_count_all_sessions_only_if_none_conflict,
    y190_a_session_whose_tokens_have_expired_does_not_count_until_its_next_refresh,
    y190_the_rows_that_count_grow_with_living_tokens_and_no_further,
    y191_an_earlier_token_of_the_same_session_counts,
    y191_what_a_token_carries_counts_and_not_what_its_session_would_get,
    y191_tokens_count_together_within_a_tenant_and_with_those_for_none,
    y191_a_role_of_a_token_that_ended_does_not_count,
    y191_a_token_that_was_never_counted_ends_with_a_new_constraint,
    y191_a_token_of_a_role_that_comes_to_inherit_one_that_counts_ends,
    y525_an_assignment_blocks_no_login_and_no_refresh_beside_another_token,
    y525_what_was_asked_for_is_never_left_out_in_silence,
];

/// The lifetime of an access token.
const LIFETIME: Duration = Duration::from_mins(30);

/// Creates the roles of [`create_payments`], of which a user may have one active.
async fn create_payments_per_subject(app: &TestApp) {
    create_payments(app, "dynamic").await;
    count_per_subject(app).await;
}

async fn count_per_subject(app: &TestApp) {
    let one = format!("{PATH}/payments");
    let body = json!({ "per": "subject" });
    app.patch(&one, app.admin().await, body).await.is(200);
}

/// Creates a user who pays unless the request asks for something else, since that role is older.
async fn create_payer(app: &TestApp, name: &str) -> String {
    let id = app.create_user(name, &["payer", "clerk"]).await;
    app.pass_time(Duration::from_secs(1));
    app.assign(&id, "approver").await;
    id
}

fn roles_of(response: &Response) -> serde_json::Value {
    claims(&response.is(200).text("access_token"))["roles"].clone()
}

async fn y005_a_constraint_per_subject_counts_all_live_sessions(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let admin = app.admin().await;
    let one = format!("{PATH}/payments");
    let changed = app.patch(&one, admin, json!({ "per": "subject" })).await;
    assert_eq!(changed.is(200).json["per"], "subject");
    app.create_user("alice", &["payer", "approver", "clerk"])
        .await;
    let payer = app.try_log_in_with_scope("alice", "role:payer").await;
    let payer = TokenPair::of(payer.is(200));
    // the same role again, and others, are no conflict
    for scope in ["role:payer", "role:clerk"] {
        app.try_log_in_with_scope("alice", scope).await.is(200);
    }
    let refused = app.try_log_in_with_scope("alice", "role:approver").await;
    refused.is(400);
    assert_eq!(refused.json["error"], "invalid_scope");
    assert_eq!(refused.json["constraint"], "payments");
    // each session goes on with what it has
    let payer = TokenPair::of(&app.refresh(&payer.refresh).await);
    app.delete("/api/users/x", &payer.access).await.is(403);
    let id = app.id_of("alice").await;
    app.delete(format_args!("/api/users/{id}/sessions"), admin)
        .await
        .no_content();
    app.try_log_in_with_scope("alice", "role:approver")
        .await
        .is(200);
    app.try_log_in_with_scope("alice", "role:payer")
        .await
        .is(400);
    // a client has no sessions, so all of its roles count
    let robot = app
        .create_client("robot", json!({ "roles": ["payer", "approver"] }))
        .await;
    app.try_act_as(&robot, &[("scope", "role:payer")])
        .await
        .is(400);
    let static_one = json!({ "name": "s", "kind": "static", "roles": ["payer", "clerk"], "at_most": 1, "per": "subject" });
    app.post(PATH, admin, static_one).await.is(422);
    let shown = run(&app, &["constraint", "per", "payments", "session"]).await;
    assert!(!shown.contains("per subject"), "{shown}");
    app.try_log_in_with_scope("alice", "role:payer")
        .await
        .is(200);
}

async fn y005_a_constraint_comes_to_count_all_sessions_only_if_none_conflict(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let admin = app.admin().await;
    app.create_user("alice", &["payer", "approver"]).await;
    for scope in ["role:payer", "role:approver"] {
        app.try_log_in_with_scope("alice", scope).await.is(200);
    }
    let one = format!("{PATH}/payments");
    let per_subject = json!({ "per": "subject" });
    app.patch(&one, admin, per_subject.clone())
        .await
        .violates("separation_of_duties");
    let document = app.get("/api/policy", admin).await.is(200).json.clone();
    assert_eq!(document["constraints"]["payments"].get("per"), None);
    let id = app.id_of("alice").await;
    app.delete(format_args!("/api/users/{id}/sessions"), admin)
        .await
        .no_content();
    app.patch(&one, admin, per_subject).await.is(200);
    let document = app.get("/api/policy", admin).await.is(200).json.clone();
    assert_eq!(document["constraints"]["payments"]["per"], "subject");
}

async fn y190_a_session_whose_tokens_have_expired_does_not_count_until_its_next_refresh(
    app: TestApp,
) {
    create_payments_per_subject(&app).await;
    app.create_user("alice", &["payer", "approver"]).await;
    let pay = app.try_log_in_with_scope("alice", "role:payer").await;
    let pay = TokenPair::of(pay.is(200));
    let just_before = LIFETIME.saturating_sub(Duration::from_secs(1));
    app.pass_time(just_before);
    app.get("/api/me", &pay.access).await.is(200);
    expect_choice(&app.try_log_in_with_scope("alice", "role:approver").await);
    app.pass_time(Duration::from_secs(1));
    app.get("/api/me", &pay.access).await.ended_token();
    let approve = app.try_log_in_with_scope("alice", "role:approver").await;
    let approve = TokenPair::of(approve.is(200));
    // now the first session has to wait, and its refresh token stays valid
    for _ in 0..2 {
        expect_choice(&app.refresh(&pay.refresh).await);
    }
    app.get("/api/me", &approve.access).await.is(200);
    app.pass_time(LIFETIME);
    let pay = TokenPair::of(app.refresh(&pay.refresh).await.is(200));
    assert_eq!(claims(&pay.access)["roles"], json!(["payer"]));
    expect_choice(&app.refresh(&approve.refresh).await);
}

async fn y190_the_rows_that_count_grow_with_living_tokens_and_no_further(app: TestApp) {
    create_payments_per_subject(&app).await;
    create_payer(&app, "alice").await;
    app.create_user("bob", &["clerk"]).await;
    let mut pair = app.open_session("alice").await;
    assert_eq!(
        app.db.count("active_roles").await,
        1,
        "payer, but not clerk"
    );
    for _ in 0..5 {
        app.pass_time(Duration::from_mins(1));
        pair = TokenPair::of(app.refresh(&pair.refresh).await.is(200));
    }
    assert_eq!(app.db.count("active_roles").await, 1);
    // the latest of them counts
    app.pass_time(LIFETIME.saturating_sub(Duration::from_mins(1)));
    app.get("/api/me", &pair.access).await.is(200);
    expect_choice(&app.try_log_in_with_scope("alice", "role:approver").await);
    app.log_in_with_scope("alice", "role:clerk").await;
    app.open_session("bob").await;
    assert_eq!(app.db.count("active_roles").await, 1);
}

async fn y191_an_earlier_token_of_the_same_session_counts(app: TestApp) {
    create_payments_per_subject(&app).await;
    create_payer(&app, "alice").await;
    let pay = app.open_session("alice").await;
    assert_eq!(claims(&pay.access)["roles"], json!(["clerk", "payer"]));
    for _ in 0..2 {
        expect_choice(&app.refresh_with_scope(&pay.refresh, "role:approver").await);
    }
    app.get("/api/me", &pay.access).await.is(200);
    // what does not count is not held up
    let clerk = app.refresh_with_scope(&pay.refresh, "role:clerk").await;
    assert_eq!(roles_of(&clerk), json!(["clerk"]));
    let clerk = TokenPair::of(&clerk);
    app.pass_time(LIFETIME);
    let approve = app
        .refresh_with_scope(&clerk.refresh, "role:approver")
        .await;
    assert_eq!(roles_of(&approve), json!(["approver"]));
    // its next default refresh goes on with that, and does not pay
    let on = app.refresh(&TokenPair::of(&approve).refresh).await;
    assert_eq!(roles_of(&on), json!(["approver", "clerk"]));
}

async fn y191_what_a_token_carries_counts_and_not_what_its_session_would_get(app: TestApp) {
    create_payments_per_subject(&app).await;
    create_payer(&app, "alice").await;
    let one = app.open_session("alice").await;
    app.pass_time(LIFETIME);
    let approve = app.refresh_with_scope(&one.refresh, "role:approver").await;
    let approve = TokenPair::of(approve.is(200));
    // by default the session pays; its living token approves
    expect_choice(&app.try_log_in_with_scope("alice", "role:payer").await);
    let other = app.try_log_in_with_scope("alice", "role:approver").await;
    assert_eq!(roles_of(&other), json!(["approver"]));
    app.get("/api/me", &approve.access).await.is(200);
}

async fn y191_tokens_count_together_within_a_tenant_and_with_those_for_none(app: TestApp) {
    create_payments_per_subject(&app).await;
    let alice = app.create_user("alice", &["clerk"]).await;
    for (role, tenant) in [
        ("payer", "acme"),
        ("approver", "acme"),
        ("approver", "other"),
    ] {
        assign(&app, &alice, role, &format!("?tenant={tenant}"), json!({}))
            .await
            .no_content();
    }
    app.try_log_in_to("alice", "acme", Some("role:payer"))
        .await
        .is(200);
    let there = app.try_log_in_to("alice", "acme", Some("role:approver"));
    expect_choice(&there.await);
    app.try_log_in_to("alice", "other", Some("role:approver"))
        .await
        .is(200);
    // a token for no tenant counts with those of all
    app.assign(&alice, "approver").await;
    expect_choice(&app.try_log_in_with_scope("alice", "role:approver").await);
    // what is taken away in a tenant ends the tokens there
    app.unassign_in(&alice, "payer", "acme").await;
    app.log_in_with_scope("alice", "role:approver").await;
}

async fn y191_a_role_of_a_token_that_ended_does_not_count(app: TestApp) {
    create_payments_per_subject(&app).await;
    let alice = create_payer(&app, "alice").await;
    // a log-out
    let pay = app.open_session("alice").await;
    app.post("/api/me/logout", &pay.access, json!({}))
        .await
        .no_content();
    app.get("/api/me", &pay.access).await.ended_token();
    let approve = app.log_in_with_scope("alice", "role:approver").await;
    // the end of one session by its owner
    expect_choice(&app.try_log_in_with_scope("alice", "role:payer").await);
    let sid = session_id(&approve);
    app.delete(format_args!("/api/me/sessions/{sid}"), &approve)
        .await
        .no_content();
    app.log_in_with_scope("alice", "role:payer").await;
    // the role itself
    app.unassign(&alice, "payer").await;
    app.log_in_with_scope("alice", "role:approver").await;
    assert_eq!(app.db.count("active_roles").await, 1);
    app.delete(format_args!("/api/users/{alice}"), app.admin().await)
        .await
        .no_content();
    assert_eq!(app.db.count("active_roles").await, 0);
}

async fn y191_a_token_that_was_never_counted_ends_with_a_new_constraint(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let alice = app.create_user("alice", &["payer"]).await;
    app.create_user("carol", &["clerk"]).await;
    let (pay, clerk) = (app.open_session("alice").await, app.log_in("carol").await);
    count_per_subject(&app).await;
    // she has one of the roles, and nothing shows that her token has it active when she gets the other
    app.get("/api/me", &pay.access).await.ended_token();
    app.get("/api/me", &clerk).await.is(200);
    let pay = TokenPair::of(app.refresh(&pay.refresh).await.is(200));
    app.assign(&alice, "approver").await;
    expect_choice(&app.try_log_in_with_scope("alice", "role:approver").await);
    app.get("/api/me", &pay.access).await.is(200);
    // a change that forbids nothing more ends nothing
    let body = json!({ "per": "session" });
    let one = format!("{PATH}/payments");
    app.patch(&one, app.admin().await, body).await.is(200);
    app.get("/api/me", &pay.access).await.is(200);
}

async fn y191_a_token_of_a_role_that_comes_to_inherit_one_that_counts_ends(app: TestApp) {
    create_payments_per_subject(&app).await;
    app.create_role("boss", &[]).await;
    app.create_user("bob", &["boss"]).await;
    app.create_user("carol", &["clerk"]).await;
    let (boss, clerk) = (app.log_in("bob").await, app.log_in("carol").await);
    app.inherit("boss", "clerk").await;
    app.get("/api/me", &boss).await.is(200);
    app.inherit("boss", "payer").await;
    app.get("/api/me", &boss).await.ended_token();
    app.get("/api/me", &clerk).await.is(200);
}

async fn y525_an_assignment_blocks_no_login_and_no_refresh_beside_another_token(app: TestApp) {
    create_payments_per_subject(&app).await;
    let alice = create_payer(&app, "alice").await;
    let expected = json!(["clerk", "payer"]);
    let pay = app.open_session("alice").await;
    assert_eq!(claims(&pay.access)["roles"], expected);
    // somebody assigns the role again, so that the other one has the first turn from now on
    app.pass_time(Duration::from_secs(1));
    assign(&app, &alice, "payer", "", json!({ "reason": "again" }))
        .await
        .no_content();
    let beside = app.open_session("alice").await;
    assert_eq!(claims(&beside.access)["roles"], expected);
    assert_eq!(roles_of(&app.refresh(&pay.refresh).await), expected);
    // a token for a tenant counts with those for none
    for role in ["approver", "clerk"] {
        app.assign_in(&alice, role, "acme").await;
    }
    let there = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(roles_of(&there), expected);
    // once nothing is active any more, the order decides
    app.pass_time(LIFETIME);
    let later = app.open_session("alice").await;
    assert_eq!(claims(&later.access)["roles"], json!(["approver", "clerk"]));
}

async fn y525_what_was_asked_for_is_never_left_out_in_silence(app: TestApp) {
    create_payments_per_subject(&app).await;
    create_payer(&app, "alice").await;
    app.log_in_with_scope("alice", "role:approver").await;
    let beside = app.open_session("alice").await;
    assert_eq!(
        claims(&beside.access)["roles"],
        json!(["approver", "clerk"])
    );
    for scope in ["role:payer", "role:payer role:clerk"] {
        expect_choice(&app.try_log_in_with_scope("alice", scope).await);
    }
}
