//! Constraints as a resource: who may change them, and what stands in the way.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{PATH, apart, assign, constrain, payments};
use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    a_constraint_is_made_shown_changed_and_deleted,
    a_constraint_that_does_not_fit_is_refused_with_its_member,
    a_constraint_that_somebody_breaks_is_refused_and_names_them,
    a_role_that_a_constraint_is_about_is_not_deleted,
    whoever_changes_a_constraint_holds_what_its_roles_hold,
    nothing_is_kept_apart_that_registration_gives_together,
    a_refusal_names_people_only_to_who_may_see_them,
];

async fn a_constraint_is_made_shown_changed_and_deleted(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    let whole = json!({ "name": "payments", "kind": "static", "roles": ["approver", "payer"], "at_most": 1 });
    let one = format!("{PATH}/payments");
    assert_eq!(app.get(&one, admin).await.is(200).json, whole);
    let again = constrain(&app, "payments", "dynamic", &["payer", "clerk"], 1).await;
    again.is(409);
    let made = constrain(&app, "all", "dynamic", &["payer", "approver", "clerk"], 2).await;
    assert_eq!(made.header("location"), Some("/api/constraints/all"));
    let list = app.get(PATH, admin).await;
    assert_eq!(list.items("name"), ["all", "payments"]);
    let page = app.get(format_args!("{PATH}?limit=1"), admin).await;
    assert_eq!(page.items("name"), ["all"]);
    let cursor = page.text("next_cursor");
    let page = app
        .get(format_args!("{PATH}?limit=1&cursor={cursor}"), admin)
        .await;
    assert_eq!(page.items("name"), ["payments"]);
    // a role more, another limit, a role less
    for _ in 0..2 {
        app.put(format_args!("{one}/roles/clerk"), admin)
            .await
            .done();
    }
    let changed = app.patch(&one, admin, json!({ "at_most": 2 })).await;
    assert_eq!(changed.is(200).json["at_most"], 2);
    assert_eq!(changed.texts("roles"), ["approver", "clerk", "payer"]);
    app.delete(format_args!("{one}/roles/clerk"), admin)
        .await
        .breaks("separation_of_duties");
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .is(200);
    for _ in 0..2 {
        app.delete(format_args!("{one}/roles/clerk"), admin)
            .await
            .done();
    }
    assert_eq!(app.get(&one, admin).await.json, whole);
    let actions = app
        .get("/api/audit?limit=200", admin)
        .await
        .json
        .to_string();
    for action in ["constraint.created", "constraint.replaced"] {
        assert!(actions.contains(action), "{action}");
    }
    for _ in 0..2 {
        app.delete(&one, admin).await.done();
    }
    app.get(&one, admin).await.is(404);
    let second = app.second_node().await;
    assert_eq!(second.get(PATH, admin).await.items("name"), ["all"]);
}

async fn a_constraint_that_does_not_fit_is_refused_with_its_member(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    let revision = app.db.revision().await;
    for (roles, most, member) in [
        (&["payer"][..], 1, "roles"),
        (&[], 1, "roles"),
        (&["payer", "payer"], 1, "roles"),
        (&["payer", "clerk"], 0, "at_most"),
        (&["payer", "clerk"], 2, "at_most"),
        (&["payer", "clerk"], -1, "at_most"),
        (&["payer", "clerk"], 1 << 40, "at_most"),
    ] {
        let refused = constrain(&app, "other", "static", roles, most).await;
        refused.invalid(&["body", member]);
    }
    let refused = constrain(&app, "other", "loose", &["payer", "clerk"], 1).await;
    refused.invalid(&["body", "kind"]);
    for name in ["Other", "", "rolecall.own"] {
        let refused = constrain(&app, name, "static", &["payer", "clerk"], 1).await;
        refused.invalid(&["body", "name"]);
    }
    constrain(&app, "other", "static", &["payer", "nobody"], 1)
        .await
        .is(404);
    let one = format!("{PATH}/payments");
    for most in [0, 2] {
        let refused = app.patch(&one, admin, json!({ "at_most": most })).await;
        refused.invalid(&["body", "at_most"]);
    }
    app.put(format_args!("{one}/roles/nobody"), admin)
        .await
        .is(404);
    for method in [Method::GET, Method::PATCH] {
        let ask = app
            .request(method, format_args!("{PATH}/none"))
            .token(admin);
        ask.json(&json!({ "at_most": 1 })).send().await.is(404);
    }
    app.put(format_args!("{PATH}/none/roles/payer"), admin)
        .await
        .is(404);
    app.delete(format_args!("{PATH}/none/roles/payer"), admin)
        .await
        .is(404);
    assert_eq!(app.db.revision().await, revision);
}

async fn a_constraint_that_somebody_breaks_is_refused_and_names_them(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    let alice = app.user("alice", &["payer", "approver"]).await;
    app.user("bob", &["payer", "clerk"]).await;
    for number in 0..22 {
        app.user(&format!("u{number:02}"), &["approver", "clerk"])
            .await;
    }
    let revision = app.db.revision().await;
    let refused = constrain(&app, "payments", "static", &["approver", "payer"], 1).await;
    assert_eq!(apart(&refused, "alice").json["subjects"][0]["id"], alice);
    assert!(
        refused
            .text("detail")
            .contains("`alice` would have approver, payer")
    );
    let all = ["approver", "payer", "clerk"];
    let refused = constrain(&app, "payments", "static", &all, 1).await;
    refused.breaks("separation_of_duties");
    assert_eq!(refused.json["subjects"].as_array().unwrap().len(), 20);
    assert!(refused.text("detail").contains("and others"), "{refused:?}");
    assert_eq!(app.db.revision().await, revision);
    // the same by a change of one that is there
    constrain(&app, "payments", "static", &all, 2).await.is(201);
    let one = format!("{PATH}/payments");
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .breaks("separation_of_duties");
    app.unassign(&alice, "approver").await;
    constrain(&app, "two", "static", &["approver", "payer"], 1)
        .await
        .is(201);
    app.put(format_args!("{PATH}/two/roles/clerk"), admin)
        .await
        .breaks("separation_of_duties");
    // somebody whose assignment is over breaks nothing; one that is still to come does
    let soon =
        json!({ "valid_from": "2030-01-02T00:00:00Z", "expires_at": "2030-01-03T00:00:00Z" });
    assign(&app, &alice, "clerk", "", soon).await.done();
    let refused = constrain(&app, "third", "static", &["clerk", "payer"], 1).await;
    assert_eq!(
        refused.json["subjects"].as_array().unwrap().len(),
        2,
        "{refused:?}"
    );
    app.unassign(&app.id_of("bob").await, "clerk").await;
    app.pass(Duration::from_hours(72));
    let admin = app.login("admin").await;
    let body =
        json!({ "name": "third", "kind": "static", "roles": ["clerk", "payer"], "at_most": 1 });
    app.post(PATH, &admin, body).await.is(201);
}

async fn a_role_that_a_constraint_is_about_is_not_deleted(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    let refused = app.delete("/api/roles/payer", admin).await;
    assert!(
        refused
            .is(409)
            .text("detail")
            .contains("constraint `payments`")
    );
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    app.delete("/api/roles/payer", admin).await.done();
}

async fn whoever_changes_a_constraint_holds_what_its_roles_hold(app: TestApp) {
    payments(&app, "static").await;
    let own = [
        "payments:make",
        "payments:see",
        "rolecall.roles:write",
        "rolecall.roles:read",
    ];
    app.role("keeper", &own).await;
    app.user("kim", &["keeper"]).await;
    let kim = app.login("kim").await;
    let revision = app.db.revision().await;
    let body = |roles: [&str; 2]| json!({ "name": "mine", "kind": "static", "roles": roles, "at_most": 1 });
    let one = format!("{PATH}/payments");
    let lacking = "payments:approve";
    app.post(PATH, &kim, body(["clerk", "approver"]))
        .await
        .forbidden(lacking);
    app.put(format_args!("{one}/roles/clerk"), &kim)
        .await
        .forbidden(lacking);
    app.delete(format_args!("{one}/roles/payer"), &kim)
        .await
        .forbidden(lacking);
    app.patch(&one, &kim, json!({ "at_most": 1 }))
        .await
        .forbidden(lacking);
    app.delete(&one, &kim).await.forbidden(lacking);
    assert_eq!(app.db.revision().await, revision);
    app.post(PATH, &kim, body(["clerk", "payer"])).await.is(201);
    app.put(format_args!("{PATH}/mine/roles/approver"), &kim)
        .await
        .forbidden(lacking);
    app.get(&one, &kim).await.is(200);
    app.user("alice", &["user"]).await;
    let alice = app.login("alice").await;
    app.get(&one, &alice).await.forbidden("rolecall.roles:read");
}

async fn a_refusal_names_people_only_to_who_may_see_them(app: TestApp) {
    for role in ["payer", "approver"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer", "approver"]).await;
    app.role("keeper", &["rolecall.roles:write", "rolecall.policy:read"])
        .await;
    app.user("kim", &["keeper"]).await;
    let id = app.id_of("kim").await;
    for role in ["payer", "approver"] {
        let path = format!("/api/users/{id}/roles/{role}?tenant=acme");
        app.put(path, app.admin().await).await.done();
    }
    app.assign(&id, "rolecall.admin").await;
    let token = app
        .login_for("kim", "rolecall.roles:write rolecall.assignments:any")
        .await;
    let body =
        json!({ "name": "c", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    let refused = app.post(PATH, &token, body.clone()).await;
    refused.breaks("separation_of_duties");
    assert_eq!(refused.json["subjects"], json!([]));
    let told = refused.text("detail");
    assert!(
        told.contains("somebody would have approver, payer"),
        "{told}"
    );
    let refused = app.post(PATH, app.admin().await, body).await;
    assert_eq!(
        refused.json["subjects"].as_array().unwrap().len(),
        2,
        "{refused:?}"
    );
    // nor does a plan ask who they are
    let planner = app.login_for("kim", "rolecall.policy:read").await;
    let document = "[roles.admin]\n[roles.payer]\n[roles.approver]\n[roles.keeper]\n[constraints.c]\n\
        kind = \"static\"\nroles = [\"payer\", \"approver\"]\nat_most = 1\n";
    let ask = app
        .request(Method::POST, "/api/policy/plan")
        .token(&planner);
    let shown = ask
        .raw("application/toml", document.to_owned())
        .send()
        .await;
    assert_eq!(shown.is(200).json["subjects"], Value::Null);
}

async fn nothing_is_kept_apart_that_registration_gives_together(app: TestApp) {
    let admin = app.admin().await;
    app.role("member", &[]).await;
    app.role("buyer", &[]).await;
    app.inherit("user", "buyer").await;
    let revision = app.db.revision().await;
    let refused = constrain(&app, "everybody", "static", &["user", "buyer"], 1).await;
    refused.breaks("separation_of_duties");
    let told = refused.text("detail");
    assert!(told.contains("`registration.roles`"), "{told}");
    assert_eq!(app.db.revision().await, revision);
    constrain(&app, "members", "static", &["user", "member"], 1)
        .await
        .is(201);
    app.put("/api/roles/buyer/juniors/member", admin)
        .await
        .breaks("separation_of_duties");
    let body = json!({ "username": "alice", "password": PASSWORD });
    app.post("/register", "", body).await.is(201);
}
