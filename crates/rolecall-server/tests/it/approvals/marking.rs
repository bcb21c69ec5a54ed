//! Which roles need approval.

use http::Method;
use serde_json::{Value, json};

use super::{payer, plan_policy, put_policy};
use crate::support::{TestApp, on_both};

on_both![
    a_role_says_whether_it_needs_a_second_person,
    a_document_says_whether_a_role_needs_a_second_person,
    rolecalls_own_roles_stay_as_they_are,
];

async fn a_role_says_whether_it_needs_a_second_person(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "payer", "approval": true });
    let made = app.post("/api/roles", admin, body).await;
    assert_eq!(made.is(201).json["approval"], true);
    assert_eq!(
        app.get("/api/roles/user", admin).await.json["approval"],
        false
    );
    let revision = app.db.revision().await;
    app.approval("payer", true).await;
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    let changed = app
        .patch("/api/roles/payer", admin, json!({ "description": "pays" }))
        .await;
    assert_eq!(changed.is(200).json["approval"], true);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        true
    );
    // whoever changes it must hold what the role holds
    app.role("other", &["secrets:read"]).await;
    app.role("editor", &["rolecall.roles:write"]).await;
    app.user("carl", &["editor"]).await;
    let carl = app.login("carl").await;
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

async fn a_document_says_whether_a_role_needs_a_second_person(app: TestApp) {
    let admin = app.admin().await;
    let text = "[roles.admin]\n[roles.user]\n[roles.payer]\napproval = true\n";
    let planned = plan_policy(&app, admin, text).await;
    let kinds: Vec<&Value> = planned.is(200).json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert!(kinds.iter().any(
        |one| **one == json!({ "action": "role.approval", "role": "payer", "approval": true })
    ));
    put_policy(&app, admin, text).await.is(200);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        true
    );
    let shown = app.get("/api/policy", admin).await;
    assert_eq!(shown.json["roles"]["payer"]["approval"], true);
    // what was read is put back and changes nothing, in either form
    let again = put_policy(&app, admin, text).await;
    assert_eq!(again.is(200).json["changes"], json!([]));
    let ask = app
        .request(Method::PUT, "/api/policy")
        .token(admin)
        .header("if-match", "*");
    let again = ask.json(&shown.json).send().await;
    assert_eq!(again.is(200).json["changes"], json!([]));
    let alice = app.user("alice", &[]).await;
    app.ask(admin, &alice).await;
    let text = "[roles.admin]\n[roles.user]\n[roles.payer]\n";
    put_policy(&app, admin, text).await.is(200);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        false
    );
    app.put(payer(&alice), admin).await.done();
}

async fn rolecalls_own_roles_stay_as_they_are(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "approval": true });
    for role in ["rolecall.admin", "rolecall.resource-server"] {
        let path = format!("/api/roles/{role}");
        app.patch(path, admin, body.clone())
            .await
            .breaks("builtin_role");
    }
    // the last administrator can always be followed by another
    let alice = app.user("alice", &[]).await;
    app.assign(&alice, "rolecall.admin").await;
}
