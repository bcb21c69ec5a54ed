//! Creating, changing and deleting constraints.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{PATH, assign, constrain, create_payments, expect_conflict};
use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    a_constraint_is_created_shown_changed_and_deleted,
    an_invalid_constraint_is_refused_by_member,
    a_static_constraint_that_is_already_violated_is_refused_and_names_the_violators,
    a_role_in_a_constraint_cannot_be_deleted,
    changing_a_constraint_requires_everything_its_roles_hold,
    roles_that_registration_assigns_together_cannot_be_separated,
    a_refusal_names_people_only_to_those_who_may_see_them,
];

async fn a_constraint_is_created_shown_changed_and_deleted(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "static").await;
    let whole = json!({ "name": "payments", "kind": "static", "roles": ["approver", "payer"], "at_most": 1 });
    let one = format!("{PATH}/payments");
    assert_eq!(app.get(&one, admin).await.is(200).json, whole);
    let again = constrain(&app, "payments", "dynamic", &["payer", "clerk"], 1).await;
    again.is(409);
    let created = constrain(&app, "all", "dynamic", &["payer", "approver", "clerk"], 2).await;
    assert_eq!(created.header("location"), Some("/api/constraints/all"));
    let list = app.get(PATH, admin).await;
    assert_eq!(list.items("name"), ["all", "payments"]);
    let page = app.get(format_args!("{PATH}?limit=1"), admin).await;
    assert_eq!(page.items("name"), ["all"]);
    let cursor = page.text("next_cursor");
    let page = app
        .get(format_args!("{PATH}?limit=1&cursor={cursor}"), admin)
        .await;
    assert_eq!(page.items("name"), ["payments"]);
    // add a role, change the limit, remove a role
    for _ in 0..2 {
        app.put(format_args!("{one}/roles/clerk"), admin)
            .await
            .no_content();
    }
    let changed = app.patch(&one, admin, json!({ "at_most": 2 })).await;
    assert_eq!(changed.is(200).json["at_most"], 2);
    assert_eq!(changed.texts("roles"), ["approver", "clerk", "payer"]);
    app.delete(format_args!("{one}/roles/clerk"), admin)
        .await
        .violates("separation_of_duties");
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .is(200);
    for _ in 0..2 {
        app.delete(format_args!("{one}/roles/clerk"), admin)
            .await
            .no_content();
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
        app.delete(&one, admin).await.no_content();
    }
    app.get(&one, admin).await.is(404);
    let second = app.second_node().await;
    assert_eq!(second.get(PATH, admin).await.items("name"), ["all"]);
}

async fn an_invalid_constraint_is_refused_by_member(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "static").await;
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
        let request = app
            .request(method, format_args!("{PATH}/none"))
            .token(admin);
        request.json(&json!({ "at_most": 1 })).send().await.is(404);
    }
    app.put(format_args!("{PATH}/none/roles/payer"), admin)
        .await
        .is(404);
    app.delete(format_args!("{PATH}/none/roles/payer"), admin)
        .await
        .is(404);
    assert_eq!(app.db.revision().await, revision);
}

async fn a_static_constraint_that_is_already_violated_is_refused_and_names_the_violators(
    app: TestApp,
) {
    let admin = app.admin().await;
    create_payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .no_content();
    let alice = app.create_user("alice", &["payer", "approver"]).await;
    app.create_user("bob", &["payer", "clerk"]).await;
    for number in 0..22 {
        app.create_user(&format!("u{number:02}"), &["approver", "clerk"])
            .await;
    }
    let revision = app.db.revision().await;
    let refused = constrain(&app, "payments", "static", &["approver", "payer"], 1).await;
    assert_eq!(
        expect_conflict(&refused, "alice").json["subjects"][0]["id"],
        alice
    );
    assert!(
        refused
            .text("detail")
            .contains("`alice` would have approver, payer")
    );
    let all = ["approver", "payer", "clerk"];
    let refused = constrain(&app, "payments", "static", &all, 1).await;
    refused.violates("separation_of_duties");
    assert_eq!(refused.json["subjects"].as_array().unwrap().len(), 20);
    assert!(refused.text("detail").contains("and others"), "{refused:?}");
    assert_eq!(app.db.revision().await, revision);
    // changing an existing constraint is refused in the same way
    constrain(&app, "payments", "static", &all, 2).await.is(201);
    let one = format!("{PATH}/payments");
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .violates("separation_of_duties");
    app.unassign(&alice, "approver").await;
    constrain(&app, "two", "static", &["approver", "payer"], 1)
        .await
        .is(201);
    app.put(format_args!("{PATH}/two/roles/clerk"), admin)
        .await
        .violates("separation_of_duties");
    // an expired assignment violates nothing; a future one does
    let soon =
        json!({ "valid_from": "2030-01-02T00:00:00Z", "expires_at": "2030-01-03T00:00:00Z" });
    assign(&app, &alice, "clerk", "", soon).await.no_content();
    let refused = constrain(&app, "third", "static", &["clerk", "payer"], 1).await;
    assert_eq!(
        refused.json["subjects"].as_array().unwrap().len(),
        2,
        "{refused:?}"
    );
    app.unassign(&app.id_of("bob").await, "clerk").await;
    app.pass_time(Duration::from_hours(72));
    let admin = app.log_in("admin").await;
    let body =
        json!({ "name": "third", "kind": "static", "roles": ["clerk", "payer"], "at_most": 1 });
    app.post(PATH, &admin, body).await.is(201);
}

async fn a_role_in_a_constraint_cannot_be_deleted(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "dynamic").await;
    let refused = app.delete("/api/roles/payer", admin).await;
    assert!(
        refused
            .is(409)
            .text("detail")
            .contains("constraint `payments`")
    );
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .no_content();
    app.delete("/api/roles/payer", admin).await.no_content();
}

async fn changing_a_constraint_requires_everything_its_roles_hold(app: TestApp) {
    create_payments(&app, "static").await;
    let own = [
        "payments:make",
        "payments:see",
        "rolecall.roles:write",
        "rolecall.roles:read",
    ];
    app.create_role("keeper", &own).await;
    app.create_user("kim", &["keeper"]).await;
    let kim = app.log_in("kim").await;
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
    app.create_user("alice", &["user"]).await;
    let alice = app.log_in("alice").await;
    app.get(&one, &alice).await.forbidden("rolecall.roles:read");
}

async fn a_refusal_names_people_only_to_those_who_may_see_them(app: TestApp) {
    for role in ["payer", "approver"] {
        app.create_role(role, &[]).await;
    }
    app.create_user("alice", &["payer", "approver"]).await;
    app.create_role("keeper", &["rolecall.roles:write", "rolecall.policy:read"])
        .await;
    app.create_user("kim", &["keeper"]).await;
    let id = app.id_of("kim").await;
    for role in ["payer", "approver"] {
        let path = format!("/api/users/{id}/roles/{role}?tenant=acme");
        app.put(path, app.admin().await).await.no_content();
    }
    app.assign(&id, "rolecall.admin").await;
    let token = app
        .log_in_with_scope("kim", "rolecall.roles:write rolecall.assignments:any")
        .await;
    let body =
        json!({ "name": "c", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    let refused = app.post(PATH, &token, body.clone()).await;
    refused.violates("separation_of_duties");
    assert_eq!(refused.json["subjects"], json!([]));
    let detail = refused.text("detail");
    assert!(
        detail.contains("somebody would have approver, payer"),
        "{detail}"
    );
    let refused = app.post(PATH, app.admin().await, body).await;
    assert_eq!(
        refused.json["subjects"].as_array().unwrap().len(),
        2,
        "{refused:?}"
    );
    // a plan does not name them either
    let planner = app.log_in_with_scope("kim", "rolecall.policy:read").await;
    let document = "[roles.admin]\n[roles.payer]\n[roles.approver]\n[roles.keeper]\n[constraints.c]\n\
        kind = \"static\"\nroles = [\"payer\", \"approver\"]\nat_most = 1\n";
    let request = app
        .request(Method::POST, "/api/policy/plan")
        .token(&planner);
    let shown = request
        .raw("application/toml", document.to_owned())
        .send()
        .await;
    assert_eq!(shown.is(200).json["subjects"], Value::Null);
}

async fn roles_that_registration_assigns_together_cannot_be_separated(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("member", &[]).await;
    app.create_role("buyer", &[]).await;
    app.inherit("user", "buyer").await;
    let revision = app.db.revision().await;
    let refused = constrain(&app, "everybody", "static", &["user", "buyer"], 1).await;
    refused.violates("separation_of_duties");
    let detail = refused.text("detail");
    assert!(detail.contains("`registration.roles`"), "{detail}");
    assert_eq!(app.db.revision().await, revision);
    constrain(&app, "members", "static", &["user", "member"], 1)
        .await
        .is(201);
    app.put("/api/roles/buyer/juniors/member", admin)
        .await
        .violates("separation_of_duties");
    let body = json!({ "username": "alice", "password": PASSWORD });
    app.post("/register", "", body).await.is(201);
}
