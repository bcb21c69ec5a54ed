//! Marking roles as needing approval.

use http::Method;
use serde_json::{Value, json};

use super::payer;
use crate::support::{TestApp, on_both};

on_both![
    a_role_shows_whether_it_needs_approval,
    a_document_sets_whether_a_role_needs_approval,
    builtin_roles_never_need_approval,
];

async fn a_role_shows_whether_it_needs_approval(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "payer", "approval": true });
    let created = app.post("/api/roles", admin, body).await;
    assert_eq!(created.is(201).json["approval"], true);
    assert_eq!(
        app.get("/api/roles/user", admin).await.json["approval"],
        false
    );
    let revision = app.db.revision().await;
    app.set_approval("payer", true).await;
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    let changed = app
        .patch("/api/roles/payer", admin, json!({ "description": "pays" }))
        .await;
    assert_eq!(changed.is(200).json["approval"], true);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        true
    );
    // changing it requires everything the role holds
    app.create_role("other", &["secrets:read"]).await;
    app.create_role("editor", &["rolecall.roles:write"]).await;
    app.create_user("carl", &["editor"]).await;
    let carl = app.log_in("carl").await;
    for approval in [true, false] {
        let body = json!({ "approval": approval });
        app.patch("/api/roles/other", &carl, body)
            .await
            .forbidden("secrets:read");
    }
    let wrong = app
        .patch("/api/roles/payer", admin, json!({ "approval": "yes" }))
        .await;
    wrong.invalid(&["body", "approval"]);
    let list = app.get("/api/roles", admin).await;
    let marked = list.json["items"].as_array().unwrap();
    let marked: Vec<&Value> = marked
        .iter()
        .filter(|role| role["approval"] == true)
        .collect();
    assert_eq!(marked.len(), 1);
}

async fn a_document_sets_whether_a_role_needs_approval(app: TestApp) {
    let admin = app.admin().await;
    let text = "[roles.admin]\n[roles.user]\n[roles.payer]\napproval = true\n";
    let planned = app.plan_policy(admin, text).await;
    let kinds: Vec<&Value> = planned.is(200).json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert!(kinds.iter().any(
        |one| **one == json!({ "action": "role.approval", "role": "payer", "approval": true })
    ));
    app.put_policy(admin, text, "*").await.is(200);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        true
    );
    let shown = app.get("/api/policy", admin).await;
    assert_eq!(shown.json["roles"]["payer"]["approval"], true);
    // the policy as read, in either format, changes nothing
    let again = app.put_policy(admin, text, "*").await;
    assert_eq!(again.is(200).json["changes"], json!([]));
    let request = app
        .request(Method::PUT, "/api/policy")
        .token(admin)
        .header("if-match", "*");
    let again = request.json(&shown.json).send().await;
    assert_eq!(again.is(200).json["changes"], json!([]));
    let alice = app.create_user("alice", &[]).await;
    app.request_payer(admin, &alice).await;
    let text = "[roles.admin]\n[roles.user]\n[roles.payer]\n";
    app.put_policy(admin, text, "*").await.is(200);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        false
    );
    app.put(payer(&alice), admin).await.no_content();
}

async fn builtin_roles_never_need_approval(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "approval": true });
    for role in ["rolecall.admin", "rolecall.resource-server"] {
        let path = format!("/api/roles/{role}");
        app.patch(path, admin, body.clone())
            .await
            .violates("builtin_role");
    }
    // the last administrator can always appoint another one
    let alice = app.create_user("alice", &[]).await;
    app.assign(&alice, "rolecall.admin").await;
}
