//! Dynamic constraints: roles that no session has active together.

use std::time::Duration;

use serde_json::json;

use super::{PATH, assign, constrain, create_payments, expect_choice, expect_conflict};
use crate::support::{PASSWORD, TestApp, TokenPair, claims, on_both};

on_both![
    a_login_must_choose_among_conflicting_roles_that_it_asks_for,
    y108_a_conflicting_role_that_was_assigned_later_is_left_out,
    a_refresh_can_choose_again_and_a_refusal_does_not_use_up_the_token,
    a_client_must_choose_too,
    activating_the_most_roles_possible_does_not_narrow_a_token,
    a_dynamic_constraint_that_a_session_violates_is_refused_and_names_its_user,
    a_sessions_active_roles_are_limited_by_client_and_audience,
    tokens_issued_before_a_dynamic_constraint_are_revoked,
    a_constraint_can_be_loosened_whatever_is_active,
    inheriting_a_dynamically_constrained_role_revokes_tokens,
];

async fn a_login_must_choose_among_conflicting_roles_that_it_asks_for(app: TestApp) {
    create_payments(&app, "dynamic").await;
    app.create_user("alice", &["payer", "approver", "clerk"])
        .await;
    let sessions = app.db.count("sessions").await;
    for both in [
        "role:payer role:approver",
        "payments:make payments:approve",
        "role:payer role:approver payments:see",
    ] {
        expect_choice(&app.try_log_in_with_scope("alice", both).await);
    }
    assert_eq!(
        app.db.count("sessions").await,
        sessions,
        "no session was opened"
    );
    let token = app
        .log_in_with_scope("alice", "role:payer role:clerk")
        .await;
    assert_eq!(claims(&token)["roles"], json!(["clerk", "payer"]));
    let token = app.log_in_with_scope("alice", "role:approver").await;
    assert_eq!(claims(&token)["scope"], "payments:approve");
    // a permission decides too, and leaves the other roles
    let token = app.log_in_with_scope("alice", "payments:make").await;
    assert_eq!(claims(&token)["roles"], json!(["clerk", "payer"]));
    assert_eq!(claims(&token)["scope"], "payments:make");
    // inherited roles are active too
    app.create_role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    app.create_user("bob", &["boss", "approver"]).await;
    let both = app.try_log_in_with_scope("bob", "role:boss role:approver");
    expect_choice(&both.await);
    let token = app.log_in_with_scope("bob", "role:boss").await;
    assert_eq!(claims(&token)["roles"], json!(["boss", "payer"]));
}

async fn y108_a_conflicting_role_that_was_assigned_later_is_left_out(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let alice = app.create_user("alice", &["payer", "clerk"]).await;
    let before = app.open_session("alice").await;
    app.pass_time(Duration::from_secs(1));
    app.assign(&alice, "approver").await;
    let response = app.password_grant("alice", PASSWORD).await;
    let token = response.is(200).text("access_token");
    assert_eq!(claims(&token)["roles"], json!(["clerk", "payer"]));
    assert!(claims(&token).get("narrowed").is_none());
    assert_eq!(response.text("scope"), "payments:make payments:see");
    let own = json!({ "email": "alice@mail.example" });
    app.patch("/api/me", &token, own).await.is(200);
    let next = TokenPair::of(&app.refresh(&before.refresh).await);
    assert_eq!(claims(&next.access)["roles"], json!(["clerk", "payer"]));
    // in a tenant, roles held there and globally: the tenant was asked for, and then the oldest counts
    let carol = app.create_user("carol", &["payer"]).await;
    assign(&app, &carol, "approver", "?tenant=acme", json!({}))
        .await
        .no_content();
    let there = app.log_in_to("carol", "acme").await.access;
    assert_eq!(claims(&there)["roles"], json!(["approver"]));
    assert_eq!(claims(&there)["tenant"], "acme");
    assert_eq!(
        claims(&app.log_in("carol").await)["roles"],
        json!(["payer"])
    );
    let dave = app.create_user("dave", &["payer"]).await;
    app.assign_in(&dave, "clerk", "acme").await;
    app.pass_time(Duration::from_secs(1));
    app.assign_in(&dave, "approver", "acme").await;
    let there = app.log_in_to("dave", "acme").await.access;
    assert_eq!(claims(&there)["roles"], json!(["clerk", "payer"]));
    // of roles assigned at the same time, the first by name
    app.create_user("erin", &["payer", "approver"]).await;
    assert_eq!(
        claims(&app.log_in("erin").await)["roles"],
        json!(["approver"])
    );
}

async fn a_refresh_can_choose_again_and_a_refusal_does_not_use_up_the_token(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let alice = app.create_user("alice", &["payer", "clerk"]).await;
    let pair = app.open_session("alice").await;
    app.pass_time(Duration::from_secs(1));
    app.assign(&alice, "approver").await;
    for _ in 0..3 {
        let both = "role:payer role:approver";
        app.refresh_with_scope(&pair.refresh, both)
            .await
            .oauth_error(400, "invalid_scope");
    }
    // the gain revokes nothing
    app.get("/api/me", &pair.access).await.is(200);
    let next = TokenPair::of(&app.refresh(&pair.refresh).await);
    assert_eq!(claims(&next.access)["roles"], json!(["clerk", "payer"]));
    app.unassign(&alice, "payer").await;
    let last = app.refresh(&next.refresh).await;
    assert_eq!(
        claims(&TokenPair::of(&last).access)["roles"],
        json!(["approver", "clerk"])
    );
}

async fn a_client_must_choose_too(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let both = json!({ "roles": ["payer", "approver"] });
    let robot = app.create_client("robot", both).await;
    let scope = [("scope", "role:payer role:approver")];
    expect_choice(&app.try_act_as(&robot, &scope).await);
    let chosen = app.try_act_as(&robot, &[("scope", "role:payer")]).await;
    assert_eq!(
        claims(&chosen.is(200).text("access_token"))["roles"],
        json!(["payer"])
    );
    assert_eq!(
        claims(&app.act_as(&robot).await)["roles"],
        json!(["approver"])
    );
    // the limit of a client is a choice too
    let paying = app
        .create_client("paying", json!({ "scope": "role:payer" }))
        .await;
    app.create_user("alice", &["payer", "approver"]).await;
    let through = app.log_in_through(&paying, &[]).await;
    assert_eq!(
        claims(&through.is(200).text("access_token"))["roles"],
        json!(["payer"])
    );
}

async fn activating_the_most_roles_possible_does_not_narrow_a_token(app: TestApp) {
    create_payments(&app, "dynamic").await;
    app.create_user("alice", &["payer", "approver", "clerk"])
        .await;
    let own = json!({ "email": "alice@mail.example" });
    let whole = app
        .log_in_with_scope("alice", "role:payer role:clerk")
        .await;
    assert!(claims(&whole).get("narrowed").is_none());
    app.patch("/api/me", &whole, own.clone()).await.is(200);
    for less in [
        "role:payer",
        "role:clerk",
        "role:payer role:clerk payments:make",
    ] {
        let token = app.log_in_with_scope("alice", less).await;
        assert_eq!(claims(&token)["narrowed"], true, "{less}");
        app.patch("/api/me", &token, own.clone())
            .await
            .forbidden("");
    }
    // through a client that permits only some roles, choosing among them narrows the token
    let paying = json!({ "scope": "role:payer role:approver" });
    let paying = app.create_client("paying", paying).await;
    let through = app
        .log_in_through(&paying, &[("scope", "role:payer")])
        .await;
    let through = claims(&through.is(200).text("access_token"));
    assert_eq!(through["narrowed"], true);
    // without a constraint, leaving out any role narrows the token
    app.create_user("bob", &["payer", "clerk"]).await;
    let token = app.log_in_with_scope("bob", "role:payer role:clerk").await;
    assert_eq!(claims(&token)["narrowed"], true);
}

async fn a_dynamic_constraint_that_a_session_violates_is_refused_and_names_its_user(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .no_content();
    app.create_user("alice", &["payer", "approver"]).await;
    app.create_user("bob", &["payer", "approver"]).await;
    let pair = app.open_session("alice").await;
    let one = app.log_in_with_scope("bob", "role:payer").await;
    let revision = app.db.revision().await;
    let refused = constrain(&app, "payments", "dynamic", &["approver", "payer"], 1).await;
    let detail = expect_conflict(&refused, "alice").text("detail");
    assert!(
        detail.contains("`alice` has active approver, payer"),
        "{detail}"
    );
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &one).await.is(200);
    app.get("/api/me", &pair.access).await.is(200);
    // first a wider constraint, then a stricter limit
    let all = ["approver", "payer", "clerk"];
    constrain(&app, "payments", "dynamic", &all, 2)
        .await
        .is(201);
    let path = format!("{PATH}/payments");
    let refused = app.patch(&path, admin, json!({ "at_most": 1 })).await;
    refused.violates("separation_of_duties");
    // an expired session violates nothing
    app.pass_time(Duration::from_hours(15 * 24));
    let admin = app.log_in("admin").await;
    app.patch(&path, &admin, json!({ "at_most": 1 }))
        .await
        .is(200);
}

async fn a_sessions_active_roles_are_limited_by_client_and_audience(app: TestApp) {
    create_payments(&app, "dynamic").await;
    // a session has no more active than its client permits
    let paying = app
        .create_client("paying", json!({ "scope": "role:payer" }))
        .await;
    app.create_user("alice", &["payer", "clerk"]).await;
    app.log_in_through(&paying, &[]).await.is(200);
    constrain(&app, "more", "dynamic", &["payer", "clerk"], 1)
        .await
        .is(201);
    // a session for rolecall itself has built-in roles active
    app.create_user("bob", &["rolecall.admin", "clerk"]).await;
    app.open_session("bob").await;
    let refused = constrain(&app, "own", "dynamic", &["rolecall.admin", "clerk"], 1).await;
    refused.violates("separation_of_duties");
    assert_eq!(refused.json["subjects"][0]["name"], "bob");
}

async fn tokens_issued_before_a_dynamic_constraint_are_revoked(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .no_content();
    let robot = app
        .create_client("robot", json!({ "roles": ["payer", "approver"] }))
        .await;
    let acting = app.act_as(&robot).await;
    app.create_user("alice", &["payer", "approver"]).await;
    app.create_user("bob", &["payer"]).await;
    app.create_user("carol", &["clerk"]).await;
    let alice = app.log_in_with_scope("alice", "role:payer").await;
    let (bob, carol) = (app.log_in("bob").await, app.log_in("carol").await);
    constrain(&app, "payments", "dynamic", &["approver", "payer"], 1)
        .await
        .is(201);
    app.get("/edit", &acting).await.ended_token();
    // whether her token has both roles active, the subject alone does not show
    app.get("/api/me", &alice).await.ended_token();
    // nobody has more roles active than are assigned
    for token in [&bob, &carol] {
        app.get("/api/me", token).await.is(200);
    }
}

async fn a_constraint_can_be_loosened_whatever_is_active(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "dynamic").await;
    let one = format!("{PATH}/payments");
    app.put(format_args!("{one}/roles/clerk"), admin)
        .await
        .no_content();
    let alice = app.create_user("alice", &["payer"]).await;
    let session = app.open_session("alice").await;
    app.assign(&alice, "approver").await;
    app.assign(&alice, "clerk").await;
    let all = "role:payer role:approver role:clerk";
    app.try_log_in_with_scope("alice", all)
        .await
        .oauth_error(400, "invalid_scope");
    // her session never had more than one of them active
    app.patch(&one, admin, json!({ "at_most": 2 }))
        .await
        .is(200);
    app.get("/api/me", &session.access).await.is(200);
    // the next refresh would now give her two of them
    let stricter = app.patch(&one, admin, json!({ "at_most": 1 })).await;
    stricter.violates("separation_of_duties");
    app.post("/api/me/logout", &session.access, json!({}))
        .await
        .no_content();
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .is(200);
    app.delete(format_args!("{one}/roles/clerk"), admin)
        .await
        .no_content();
    // another constraint does not block one that she does not violate
    app.create_role("other", &[]).await;
    let created = constrain(&app, "zzz", "dynamic", &["clerk", "other"], 1).await;
    created.is(201);
}

async fn inheriting_a_dynamically_constrained_role_revokes_tokens(app: TestApp) {
    create_payments(&app, "dynamic").await;
    app.create_role("senior", &[]).await;
    app.create_role("aside", &[]).await;
    app.create_user("alice", &["payer", "senior"]).await;
    let (pair, admin) = (app.open_session("alice").await, app.admin().await);
    app.put("/api/roles/senior/juniors/clerk", admin)
        .await
        .no_content();
    app.get("/api/me", &pair.access).await.is(200);
    // revoked, because a guard may derive permissions from the roles in a token
    app.put("/api/roles/senior/juniors/approver", admin)
        .await
        .no_content();
    app.get("/api/me", &pair.access).await.ended_token();
    let next = TokenPair::of(&app.refresh(&pair.refresh).await);
    assert_eq!(claims(&next.access)["roles"], json!(["payer"]));
}
