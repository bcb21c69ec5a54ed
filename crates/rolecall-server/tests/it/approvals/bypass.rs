//! No way around the second person: inheritance, documents, new users, imports.

use serde_json::json;

use super::{HOUR, PATH, payer, plan_policy, put_policy, refused};
use crate::{
    import::{BCRYPT, import},
    support::{PASSWORD, TestApp, on_both},
};

on_both![
    no_role_inherits_one_past_the_second_person,
    no_document_gives_one_past_the_second_person,
    nobody_is_made_with_a_role_past_the_second_person,
    whoever_registers_waits_for_it,
    no_import_gives_one,
    duties_are_kept_apart_at_the_request_and_at_the_confirmation,
];

async fn no_role_inherits_one_past_the_second_person(app: TestApp) {
    let alice = app.payers().await;
    let admin = app.admin().await;
    for role in ["top", "middle", "low"] {
        app.role(role, &[]).await;
    }
    app.inherit("top", "middle").await;
    app.assign(&alice, "top").await;
    let edge = |senior: &str, junior: &str| format!("/api/roles/{senior}/juniors/{junior}");
    let why = "would come to have it without one";
    let revision = app.db.revision().await;
    let answer = app.put(edge("middle", "payer"), admin).await;
    assert!(answer.breaks("approval").text("detail").contains(why));
    assert_eq!(answer.texts("roles"), ["payer"]);
    assert_eq!(answer.texts("path"), ["top", "middle", "payer"]);
    assert_eq!(app.db.revision().await, revision);
    // by a role in between, the last edge is the one that is refused
    app.inherit("low", "payer").await;
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    refused(&app, app.put(edge("top", "low"), admin), why).await;
    // in a tenant, and for what only begins later
    app.unassign(&alice, "top").await;
    let path = format!("/api/users/{alice}/roles/top");
    let there = format!("{path}?tenant=acme");
    app.put(&there, admin).await.done();
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    app.delete(&there, admin).await.done();
    let later =
        json!({ "valid_from": "2030-01-02T00:00:00Z", "expires_at": "2030-01-03T00:00:00Z" });
    app.put_json(&path, admin, later).await.done();
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    // a client is somebody too
    app.unassign(&alice, "top").await;
    let client = app.client("robot", json!({ "roles": ["middle"] })).await;
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    app.delete(format!("/api/clients/{}", client.id), admin)
        .await
        .done();
    // what is over is nobody's
    app.pass(HOUR * 24 * 3);
    let admin = app.login("admin").await;
    app.put(edge("middle", "low"), &admin).await.done();
    // and whoever has it by two already gains nothing
    app.delete(edge("middle", "low"), &admin).await.done();
    let ask = app.put(payer(&alice), &admin).await.is(202).text("id");
    let ben = app.login("ben").await;
    app.confirm(&ben, &ask).await.done();
    app.put(&path, &admin).await.done();
    app.put(edge("middle", "low"), &admin).await.done();
    assert_eq!(
        app.get(format!("/api/users/{alice}/roles"), &admin)
            .await
            .items("role"),
        ["payer", "top"]
    );
}

async fn no_document_gives_one_past_the_second_person(app: TestApp) {
    let admin = app.admin().await;
    let before = "[roles.admin]\n[roles.user]\n[roles.payer]\napproval = true\n[roles.middle]\n[roles.top]\n";
    put_policy(&app, admin, before).await.is(200);
    let alice = app.user("alice", &["top"]).await;
    let why = "would come to have it without one";
    let inherits = |below: &str, top: &str| {
        format!("[roles.admin]\n[roles.user]\n{below}[roles.top]\njuniors = [{top}]\n")
    };
    for text in [
        inherits("[roles.payer]\napproval = true\n", "\"payer\""),
        inherits(
            "[roles.payer]\napproval = true\n[roles.middle]\njuniors = [\"payer\"]\n",
            "\"middle\"",
        ),
        // one that is new, and one that becomes such by the same document
        inherits(
            "[roles.payer]\n[roles.fresh]\napproval = true\n",
            "\"fresh\"",
        ),
        inherits(
            "[roles.payer]\n[roles.middle]\napproval = true\n",
            "\"middle\"",
        ),
    ] {
        refused(&app, plan_policy(&app, admin, &text), why).await;
        refused(&app, put_policy(&app, admin, &text), why).await;
    }
    app.unassign(&alice, "top").await;
    let text = inherits("[roles.payer]\napproval = true\n", "\"payer\"");
    put_policy(&app, admin, &text).await.is(200);
    let asked = app.put(format!("/api/users/{alice}/roles/top"), admin);
    asked.await.is(202);
}

async fn nobody_is_made_with_a_role_past_the_second_person(app: TestApp) {
    app.payers().await;
    app.role("clerk", &[]).await;
    let admin = app.admin().await;
    let body = json!({ "username": "carl", "password": PASSWORD, "roles": ["clerk", "payer"] });
    let made = app.post("/api/users", admin, body).await;
    assert_eq!(made.is(201).texts("roles"), ["clerk"]);
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": ["payer"] });
    let robot = app
        .post("/api/clients", admin, body)
        .await
        .is(201)
        .text("client_id");
    let path = format!("/api/clients/{robot}/roles");
    assert_eq!(app.get(path, admin).await.items("role"), [""; 0]);
    let open = app.open().await;
    assert_eq!(open.len(), 2);
    for id in &open {
        refused(&app, app.confirm(admin, id), "another person").await;
        app.confirm(&app.login("ben").await, id).await.done();
    }
    assert_eq!(app.assigned(&made.text("id")).await, ["clerk", "payer"]);
}

async fn whoever_registers_waits_for_it(app: TestApp) {
    app.payers().await;
    app.approval("user", true).await;
    let body = json!({ "username": "carl", "password": PASSWORD });
    let made = app.post("/register", "", body).await;
    assert_eq!(made.is(201).texts("roles"), [""; 0]);
    let list = app.get(PATH, app.admin().await).await;
    assert_eq!(list.items("requested_by"), ["system"]);
    let id = &list.items("id")[0];
    app.confirm(&app.login("ben").await, id).await.done();
    assert_eq!(app.assigned(&made.text("id")).await, ["user"]);
}

async fn no_import_gives_one(app: TestApp) {
    app.payers().await;
    app.role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    let revision = app.db.revision().await;
    let users = app.db.count("users").await;
    for role in ["payer", "boss"] {
        let text = format!("username,hashed_password,role\ncarl,{BCRYPT},{role}\n");
        let done = import(&app, "users.csv", &text, &[]).await;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(!done.status.success());
        let why = format!("role `{role}` needs a second person");
        assert!(said.contains(&why), "{said}");
    }
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("users").await, users);
}

async fn duties_are_kept_apart_at_the_request_and_at_the_confirmation(app: TestApp) {
    let alice = app.payers().await;
    let bob = app.user("bob", &[]).await;
    let admin = app.admin().await;
    app.role("approver", &[]).await;
    let body = json!({ "name": "payments", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    app.post("/api/constraints", admin, body).await.is(201);
    app.assign(&alice, "approver").await;
    let revision = app.db.revision().await;
    let ann = app.login("ann").await;
    app.put(payer(&alice), &ann)
        .await
        .breaks("separation_of_duties");
    assert_eq!(app.db.revision().await, revision);
    // asked for first, given the other meanwhile
    let id = app.ask(&ann, &bob).await;
    app.assign(&bob, "approver").await;
    let revision = app.db.revision().await;
    let ben = app.login("ben").await;
    app.confirm(&ben, &id).await.breaks("separation_of_duties");
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.open().await, [id.as_str()]);
    app.unassign(&bob, "approver").await;
    app.confirm(&ben, &id).await.done();
    app.put(format!("/api/users/{bob}/roles/approver"), admin)
        .await
        .breaks("separation_of_duties");
}
