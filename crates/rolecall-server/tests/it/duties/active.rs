//! Dynamic constraints: roles that no session has active together.

use std::time::Duration;

use serde_json::json;

use super::{PATH, apart, assign, choose, constrain, payments};
use crate::{
    refresh::Pair,
    support::{PASSWORD, TestApp, claims, on_both},
};

on_both![
    a_log_in_chooses_among_what_may_not_be_active_together,
    a_refresh_chooses_anew_and_is_not_used_up_by_a_refusal,
    a_client_chooses_too,
    roles_that_are_all_one_can_have_active_do_not_narrow,
    a_dynamic_constraint_that_a_session_breaks_is_refused_and_names_whose,
    what_a_session_has_active_is_what_client_and_audience_leave,
    no_token_from_before_a_dynamic_constraint_goes_on_with_both,
    a_constraint_is_loosened_whatever_is_active,
    a_role_that_comes_to_lead_to_a_dynamic_constraint_ends_its_tokens,
];

async fn a_log_in_chooses_among_what_may_not_be_active_together(app: TestApp) {
    payments(&app, "dynamic").await;
    app.user("alice", &["payer", "approver", "clerk"]).await;
    let sessions = app.db.count("sessions").await;
    choose(&app.password_grant("alice", PASSWORD).await);
    choose(&app.try_login_for("alice", "payments:make").await);
    choose(&app.try_login_for("alice", "role:payer role:approver").await);
    assert_eq!(
        app.db.count("sessions").await,
        sessions,
        "no session was opened"
    );
    let token = app.login_for("alice", "role:payer role:clerk").await;
    assert_eq!(claims(&token)["roles"], json!(["clerk", "payer"]));
    let token = app.login_for("alice", "role:approver").await;
    assert_eq!(claims(&token)["scope"], "payments:approve");
    // inherited is active too
    app.role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    app.user("bob", &["boss", "approver"]).await;
    choose(&app.password_grant("bob", PASSWORD).await);
    let token = app.login_for("bob", "role:boss").await;
    assert_eq!(claims(&token)["roles"], json!(["boss", "payer"]));
    // in one tenant, what is held there and globally
    let carol = app.user("carol", &["payer"]).await;
    assign(&app, &carol, "approver", "?tenant=acme", json!({}))
        .await
        .done();
    app.login("carol").await;
    let form = [
        ("grant_type", "password"),
        ("username", "carol"),
        ("password", PASSWORD),
        ("tenant", "acme"),
    ];
    choose(&app.token(&form).await);
}

async fn a_refresh_chooses_anew_and_is_not_used_up_by_a_refusal(app: TestApp) {
    payments(&app, "dynamic").await;
    let alice = app.user("alice", &["payer", "clerk"]).await;
    let pair = app.log_in("alice").await;
    app.assign(&alice, "approver").await;
    for _ in 0..3 {
        choose(&app.refresh(&pair.refresh).await);
    }
    // what it has is kept: a gain takes nothing away
    app.get("/api/me", &pair.access).await.is(200);
    let chosen = app
        .refresh_for(&pair.refresh, "role:payer role:clerk")
        .await;
    let next = Pair::of(&chosen);
    assert_eq!(claims(&next.access)["roles"], json!(["clerk", "payer"]));
    choose(&app.refresh(&next.refresh).await);
    let other = app.refresh_for(&next.refresh, "role:approver").await;
    assert_eq!(
        claims(&Pair::of(&other).access)["roles"],
        json!(["approver"])
    );
    app.unassign(&alice, "payer").await;
    let last = app.refresh(&Pair::of(&other).refresh).await;
    assert_eq!(
        claims(&Pair::of(&last).access)["roles"],
        json!(["approver", "clerk"])
    );
}

async fn a_client_chooses_too(app: TestApp) {
    payments(&app, "dynamic").await;
    let both = json!({ "roles": ["payer", "approver"] });
    let robot = app.client("robot", both).await;
    choose(&app.try_act_as(&robot, &[]).await);
    let chosen = app.try_act_as(&robot, &[("scope", "role:payer")]).await;
    assert_eq!(
        claims(&chosen.is(200).text("access_token"))["roles"],
        json!(["payer"])
    );
    // what a client may have at most is a choice too
    let paying = app.client("paying", json!({ "scope": "role:payer" })).await;
    app.user("alice", &["payer", "approver"]).await;
    let through = app.log_in_through(&paying, &[]).await;
    assert_eq!(
        claims(&through.is(200).text("access_token"))["roles"],
        json!(["payer"])
    );
}

async fn roles_that_are_all_one_can_have_active_do_not_narrow(app: TestApp) {
    payments(&app, "dynamic").await;
    app.user("alice", &["payer", "approver", "clerk"]).await;
    let own = json!({ "email": "alice@mail.example" });
    let whole = app.login_for("alice", "role:payer role:clerk").await;
    assert!(claims(&whole).get("narrowed").is_none());
    app.patch("/api/me", &whole, own.clone()).await.is(200);
    for less in [
        "role:payer",
        "role:clerk",
        "role:payer role:clerk payments:make",
    ] {
        let token = app.login_for("alice", less).await;
        assert_eq!(claims(&token)["narrowed"], true, "{less}");
        app.patch("/api/me", &token, own.clone())
            .await
            .forbidden("");
    }
    // what a client leaves out of what its users have is left out of all that it could choose
    let paying = json!({ "scope": "role:payer role:approver" });
    let paying = app.client("paying", paying).await;
    let through = app
        .log_in_through(&paying, &[("scope", "role:payer")])
        .await;
    let through = claims(&through.is(200).text("access_token"));
    assert_eq!(through["narrowed"], true);
    // whom no constraint concerns narrows by whatever they leave out
    app.user("bob", &["payer", "clerk"]).await;
    let token = app.login_for("bob", "role:payer role:clerk").await;
    assert_eq!(claims(&token)["narrowed"], true);
}

async fn a_dynamic_constraint_that_a_session_breaks_is_refused_and_names_whose(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    app.user("alice", &["payer", "approver"]).await;
    app.user("bob", &["payer", "approver"]).await;
    let pair = app.log_in("alice").await;
    let one = app.login_for("bob", "role:payer").await;
    let revision = app.db.revision().await;
    let refused = constrain(&app, "payments", "dynamic", &["approver", "payer"], 1).await;
    let told = apart(&refused, "alice").text("detail");
    assert!(
        told.contains("`alice` has active approver, payer"),
        "{told}"
    );
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &one).await.is(200);
    app.get("/api/me", &pair.access).await.is(200);
    // with a wider one first, and then less of it
    let all = ["approver", "payer", "clerk"];
    constrain(&app, "payments", "dynamic", &all, 2)
        .await
        .is(201);
    let path = format!("{PATH}/payments");
    let refused = app.patch(&path, admin, json!({ "at_most": 1 })).await;
    refused.breaks("separation_of_duties");
    // a session that is over breaks nothing
    app.pass(Duration::from_hours(15 * 24));
    let admin = app.login("admin").await;
    app.patch(&path, &admin, json!({ "at_most": 1 }))
        .await
        .is(200);
}

async fn what_a_session_has_active_is_what_client_and_audience_leave(app: TestApp) {
    payments(&app, "dynamic").await;
    // no more than its client may have
    let paying = app.client("paying", json!({ "scope": "role:payer" })).await;
    app.user("alice", &["payer", "clerk"]).await;
    app.log_in_through(&paying, &[]).await.is(200);
    constrain(&app, "more", "dynamic", &["payer", "clerk"], 1)
        .await
        .is(201);
    // and what is rolecall's own where it is for rolecall
    app.user("bob", &["rolecall.admin", "clerk"]).await;
    app.log_in("bob").await;
    let refused = constrain(&app, "own", "dynamic", &["rolecall.admin", "clerk"], 1).await;
    refused.breaks("separation_of_duties");
    assert_eq!(refused.json["subjects"][0]["name"], "bob");
}

async fn no_token_from_before_a_dynamic_constraint_goes_on_with_both(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    let robot = app
        .client("robot", json!({ "roles": ["payer", "approver"] }))
        .await;
    let acting = app.act_as(&robot).await;
    app.user("alice", &["payer"]).await;
    app.user("carol", &["clerk"]).await;
    let (alice, carol) = (app.log_in("alice").await, app.login("carol").await);
    constrain(&app, "payments", "dynamic", &["approver", "payer"], 1)
        .await
        .is(201);
    app.get("/api/me", &carol).await.is(200);
    app.get("/edit", &acting).await.ended();
    app.get("/api/me", &alice.access).await.ended();
    let next = Pair::of(&app.refresh(&alice.refresh).await);
    app.get("/api/me", &next.access).await.is(200);
}

async fn a_constraint_is_loosened_whatever_is_active(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    let one = format!("{PATH}/payments");
    app.put(format_args!("{one}/roles/clerk"), admin)
        .await
        .done();
    let alice = app.user("alice", &["payer"]).await;
    let carol = app.log_in("alice").await;
    app.assign(&alice, "approver").await;
    app.assign(&alice, "clerk").await;
    app.refresh(&carol.refresh)
        .await
        .oauth(400, "invalid_scope");
    // she has never had more than one of them active
    app.patch(&one, admin, json!({ "at_most": 2 }))
        .await
        .is(200);
    app.get("/api/me", &carol.access).await.is(200);
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .is(200);
    app.delete(format_args!("{one}/roles/clerk"), admin)
        .await
        .done();
    // nor is another constraint in the way of one that she does not break
    app.role("other", &[]).await;
    let made = constrain(&app, "zzz", "dynamic", &["clerk", "other"], 1).await;
    made.is(201);
}

async fn a_role_that_comes_to_lead_to_a_dynamic_constraint_ends_its_tokens(app: TestApp) {
    payments(&app, "dynamic").await;
    app.role("senior", &[]).await;
    app.role("aside", &[]).await;
    app.user("alice", &["payer", "senior"]).await;
    let (pair, admin) = (app.log_in("alice").await, app.admin().await);
    app.put("/api/roles/senior/juniors/clerk", admin)
        .await
        .done();
    app.get("/api/me", &pair.access).await.is(200);
    // a guard may read what a token permits from its roles
    app.put("/api/roles/senior/juniors/approver", admin)
        .await
        .done();
    app.get("/api/me", &pair.access).await.ended();
    choose(&app.refresh(&pair.refresh).await);
}
