//! Constraints in a policy document.

use http::Method;
use serde_json::json;

use super::{PATH, assign, expect_choice, expect_conflict};
use crate::support::{Response, TestApp, on_both};

on_both![
    a_document_cannot_create_a_conflict,
    one_document_can_remove_a_constraint_and_do_what_it_forbade,
    a_document_defines_a_constraint_completely,
];

const DOCUMENT: &str = r#"
[permissions]
"payments:make" = ""

[roles.admin]

[roles.approver]
permissions = ["payments:make"]

[roles.boss]
juniors = ["approver"]

[roles.payer]
permissions = ["payments:make"]

[constraints.payments]
kind = "static"
roles = ["approver", "payer"]
at_most = 1
"#;

/// Sends a document to `/api/policy` or `/api/policy/plan`.
async fn put_document(app: &TestApp, path: &str, document: &str) -> Response {
    let admin = app.admin().await;
    if path == "/api/policy" {
        app.put_policy(admin, document, "*").await
    } else {
        app.plan_policy(admin, document).await
    }
}

async fn a_document_cannot_create_a_conflict(app: TestApp) {
    let without = DOCUMENT.split("[constraints").next().unwrap();
    put_document(&app, "/api/policy", without).await.is(200);
    let alice = app.create_user("alice", &["boss", "payer"]).await;
    let revision = app.db.revision().await;
    for path in ["/api/policy/plan", "/api/policy"] {
        let refused = put_document(&app, path, DOCUMENT).await;
        assert_eq!(
            expect_conflict(&refused, "alice").texts("path"),
            ["boss", "approver"]
        );
    }
    assert_eq!(app.db.revision().await, revision);
    // through a role that the document lets another inherit
    let flat = DOCUMENT.replace("juniors = [\"approver\"]", "");
    put_document(&app, "/api/policy", &flat).await.is(200);
    let revision = app.db.revision().await;
    for path in ["/api/policy/plan", "/api/policy"] {
        expect_conflict(&put_document(&app, path, DOCUMENT).await, "alice");
    }
    assert_eq!(app.db.revision().await, revision);
    app.unassign(&alice, "payer").await;
    put_document(&app, "/api/policy", DOCUMENT).await.is(200);
    expect_conflict(&assign(&app, &alice, "payer", "", json!({})).await, "alice");
    // a dynamic constraint is refused while a session has both roles active
    let dynamic = DOCUMENT.replace("\"static\"", "\"dynamic\"");
    put_document(&app, "/api/policy", without).await.is(200);
    app.assign(&alice, "payer").await;
    let token = app.log_in("alice").await;
    expect_conflict(&put_document(&app, "/api/policy", &dynamic).await, "alice");
    app.post("/api/me/logout", &token, json!({}))
        .await
        .no_content();
    put_document(&app, "/api/policy", &dynamic).await.is(200);
    let both = "role:payer role:approver";
    expect_choice(&app.try_log_in_with_scope("alice", both).await);
    app.log_in("alice").await;
}

async fn one_document_can_remove_a_constraint_and_do_what_it_forbade(app: TestApp) {
    let free = DOCUMENT.split("[constraints").next().unwrap();
    let both = free.replace("[\"approver\"]", "[\"approver\", \"payer\"]");
    let approver = "[roles.approver]\npermissions = [\"payments:make\"]\n";
    let boss = "[roles.boss]\njuniors = [\"approver\"]\n";
    for next in [&both, &free.replace(approver, "").replace(boss, "")] {
        put_document(&app, "/api/policy", DOCUMENT).await.is(200);
        for path in ["/api/policy/plan", "/api/policy"] {
            put_document(&app, path, next).await.is(200);
        }
        let left = app.get(PATH, app.admin().await).await;
        assert_eq!(left.items("name"), [""; 0]);
    }
}

async fn a_document_defines_a_constraint_completely(app: TestApp) {
    let admin = app.admin().await;
    let created = put_document(&app, "/api/policy", DOCUMENT).await;
    let created = &created.is(200).json["changes"];
    let constraint = created
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["action"] == "constraint.created");
    assert_eq!(
        constraint.unwrap(),
        &json!({ "action": "constraint.created", "constraint": "payments", "kind": "static",
            "roles": ["approver", "payer"], "at_most": 1 })
    );
    let request = app.request(Method::GET, "/api/policy").token(admin);
    let text = request.header("accept", "application/toml").send().await;
    let text = String::from_utf8(text.is(200).body.to_vec()).unwrap();
    assert!(text.contains("[constraints.payments]"), "{text}");
    let wider = DOCUMENT.replace(
        "roles = [\"approver\", \"payer\"]",
        "roles = [\"approver\", \"payer\", \"boss\"]",
    );
    put_document(&app, "/api/policy", &wider).await.is(200);
    let one = app.get(format_args!("{PATH}/payments"), admin).await;
    assert_eq!(one.texts("roles"), ["approver", "boss", "payer"]);
    // one document can remove a role together with its place in the constraint
    let without = DOCUMENT.replace("[roles.boss]\njuniors = [\"approver\"]\n", "");
    put_document(&app, "/api/policy", &without).await.is(200);
    let one = app.get(format_args!("{PATH}/payments"), admin).await;
    assert_eq!(one.texts("roles"), ["approver", "payer"]);
    let none = DOCUMENT.split("[constraints").next().unwrap();
    put_document(&app, "/api/policy", none).await.is(200);
    assert_eq!(app.get(PATH, admin).await.items("name"), [""; 0]);
}
