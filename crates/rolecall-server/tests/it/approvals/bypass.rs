//! No way around approval: inheritance, documents, new users, imports.

use serde_json::json;

use super::{HOUR, PATH, expect_refusal, payer};
use crate::{
    import::{BCRYPT, import},
    support::{PASSWORD, TestApp, on_both},
};

on_both![
    inheritance_cannot_bypass_approval,
    a_document_cannot_bypass_approval,
    creating_a_user_or_client_cannot_bypass_approval,
    registration_cannot_bypass_approval,
    an_import_cannot_bypass_approval,
    separation_of_duties_applies_to_request_and_confirmation,
];

async fn inheritance_cannot_bypass_approval(app: TestApp) {
    let alice = app.create_payers().await;
    let admin = app.admin().await;
    for role in ["top", "middle", "low"] {
        app.create_role(role, &[]).await;
    }
    app.inherit("top", "middle").await;
    app.assign(&alice, "top").await;
    let edge = |senior: &str, junior: &str| format!("/api/roles/{senior}/juniors/{junior}");
    let reason = "would have it without one";
    let revision = app.db.revision().await;
    let response = app.put(edge("middle", "payer"), admin).await;
    assert!(
        response
            .violates("approval")
            .text("detail")
            .contains(reason)
    );
    assert_eq!(response.texts("roles"), ["payer"]);
    assert_eq!(response.texts("path"), ["top", "middle", "payer"]);
    assert_eq!(app.db.revision().await, revision);
    // through a role in between, the last edge is refused
    app.inherit("low", "payer").await;
    expect_refusal(&app, app.put(edge("middle", "low"), admin), reason).await;
    expect_refusal(&app, app.put(edge("top", "low"), admin), reason).await;
    // in a tenant, and for a future assignment
    app.unassign(&alice, "top").await;
    let path = format!("/api/users/{alice}/roles/top");
    let there = format!("{path}?tenant=acme");
    app.put(&there, admin).await.no_content();
    expect_refusal(&app, app.put(edge("middle", "low"), admin), reason).await;
    app.delete(&there, admin).await.no_content();
    let later =
        json!({ "valid_from": "2030-01-02T00:00:00Z", "expires_at": "2030-01-03T00:00:00Z" });
    app.put_json(&path, admin, later).await.no_content();
    expect_refusal(&app, app.put(edge("middle", "low"), admin), reason).await;
    // a client counts too
    app.unassign(&alice, "top").await;
    let client = app
        .create_client("robot", json!({ "roles": ["middle"] }))
        .await;
    expect_refusal(&app, app.put(edge("middle", "low"), admin), reason).await;
    app.delete(format!("/api/clients/{}", client.id), admin)
        .await
        .no_content();
    // an expired assignment does not count
    app.pass_time(HOUR * 24 * 3);
    let admin = app.log_in("admin").await;
    app.put(edge("middle", "low"), &admin).await.no_content();
    // and a subject that already has the role gains nothing
    app.delete(edge("middle", "low"), &admin).await.no_content();
    let request = app.put(payer(&alice), &admin).await.is(202).text("id");
    let ben = app.log_in("ben").await;
    app.confirm(&ben, &request).await.no_content();
    app.put(&path, &admin).await.no_content();
    app.put(edge("middle", "low"), &admin).await.no_content();
    assert_eq!(
        app.get(format!("/api/users/{alice}/roles"), &admin)
            .await
            .items("role"),
        ["payer", "top"]
    );
}

async fn a_document_cannot_bypass_approval(app: TestApp) {
    let admin = app.admin().await;
    let before = "[roles.admin]\n[roles.user]\n[roles.payer]\napproval = true\n[roles.middle]\n[roles.top]\n";
    app.put_policy(admin, before, "*").await.is(200);
    let alice = app.create_user("alice", &["top"]).await;
    let reason = "would have it without one";
    let inherits = |below: &str, top: &str| {
        format!("[roles.admin]\n[roles.user]\n{below}[roles.top]\njuniors = [{top}]\n")
    };
    for text in [
        inherits("[roles.payer]\napproval = true\n", "\"payer\""),
        inherits(
            "[roles.payer]\napproval = true\n[roles.middle]\njuniors = [\"payer\"]\n",
            "\"middle\"",
        ),
        // a new approval role, and one that becomes an approval role in the same document
        inherits(
            "[roles.payer]\n[roles.fresh]\napproval = true\n",
            "\"fresh\"",
        ),
        inherits(
            "[roles.payer]\n[roles.middle]\napproval = true\n",
            "\"middle\"",
        ),
    ] {
        expect_refusal(&app, app.plan_policy(admin, &text), reason).await;
        expect_refusal(&app, app.put_policy(admin, &text, "*"), reason).await;
    }
    app.unassign(&alice, "top").await;
    let text = inherits("[roles.payer]\napproval = true\n", "\"payer\"");
    app.put_policy(admin, &text, "*").await.is(200);
    let requested = app.put(format!("/api/users/{alice}/roles/top"), admin);
    requested.await.is(202);
}

async fn creating_a_user_or_client_cannot_bypass_approval(app: TestApp) {
    app.create_payers().await;
    app.create_role("clerk", &[]).await;
    let admin = app.admin().await;
    let body = json!({ "username": "carl", "password": PASSWORD, "roles": ["clerk", "payer"] });
    let created = app.post("/api/users", admin, body).await;
    assert_eq!(created.is(201).texts("roles"), ["clerk"]);
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": ["payer"] });
    let robot = app
        .post("/api/clients", admin, body)
        .await
        .is(201)
        .text("client_id");
    let path = format!("/api/clients/{robot}/roles");
    assert_eq!(app.get(path, admin).await.items("role"), [""; 0]);
    let open = app.pending_requests().await;
    assert_eq!(open.len(), 2);
    for id in &open {
        expect_refusal(&app, app.confirm(admin, id), "another person").await;
        app.confirm(&app.log_in("ben").await, id).await.no_content();
    }
    assert_eq!(
        app.assigned_roles(&created.text("id")).await,
        ["clerk", "payer"]
    );
}

async fn registration_cannot_bypass_approval(app: TestApp) {
    app.create_payers().await;
    app.set_approval("user", true).await;
    let body = json!({ "username": "carl", "password": PASSWORD });
    let created = app.post("/register", "", body).await;
    assert_eq!(created.is(201).texts("roles"), [""; 0]);
    let list = app.get(PATH, app.admin().await).await;
    assert_eq!(list.items("requested_by"), ["system"]);
    let id = &list.items("id")[0];
    app.confirm(&app.log_in("ben").await, id).await.no_content();
    assert_eq!(app.assigned_roles(&created.text("id")).await, ["user"]);
}

async fn an_import_cannot_bypass_approval(app: TestApp) {
    app.create_payers().await;
    app.create_role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    let revision = app.db.revision().await;
    let users = app.db.count("users").await;
    for role in ["payer", "boss"] {
        let text = format!("username,hashed_password,role\ncarl,{BCRYPT},{role}\n");
        let output = import(&app, "users.csv", &text, &[]).await;
        let printed = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.status.success());
        let reason = format!("role `{role}` needs a second person");
        assert!(printed.contains(&reason), "{printed}");
    }
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("users").await, users);
}

async fn separation_of_duties_applies_to_request_and_confirmation(app: TestApp) {
    let alice = app.create_payers().await;
    let bob = app.create_user("bob", &[]).await;
    let admin = app.admin().await;
    app.create_role("approver", &[]).await;
    let body = json!({ "name": "payments", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    app.post("/api/constraints", admin, body).await.is(201);
    app.assign(&alice, "approver").await;
    let revision = app.db.revision().await;
    let ann = app.log_in("ann").await;
    app.put(payer(&alice), &ann)
        .await
        .violates("separation_of_duties");
    assert_eq!(app.db.revision().await, revision);
    // requested first, with the conflicting role assigned before the confirmation
    let id = app.request_payer(&ann, &bob).await;
    app.assign(&bob, "approver").await;
    let revision = app.db.revision().await;
    let ben = app.log_in("ben").await;
    app.confirm(&ben, &id)
        .await
        .violates("separation_of_duties");
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.pending_requests().await, [id.as_str()]);
    app.unassign(&bob, "approver").await;
    app.confirm(&ben, &id).await.no_content();
    app.put(format!("/api/users/{bob}/roles/approver"), admin)
        .await
        .violates("separation_of_duties");
}
