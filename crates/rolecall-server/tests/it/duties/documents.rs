//! Constraints in a policy document.

use http::Method;
use serde_json::json;

use super::{PATH, apart, assign, choose};
use crate::support::{Answer, PASSWORD, TestApp, on_both};

on_both![
    a_document_brings_no_duties_together,
    a_document_takes_a_constraint_away_with_what_it_forbade,
    a_document_says_all_there_is_to_a_constraint,
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

async fn put_document(app: &TestApp, path: &str, text: &str) -> Answer {
    let method = if path == "/api/policy" {
        Method::PUT
    } else {
        Method::POST
    };
    let ask = app.request(method, path).token(app.admin().await);
    let ask = ask.header("if-match", "*");
    ask.raw("application/toml", text.to_owned()).send().await
}

async fn a_document_brings_no_duties_together(app: TestApp) {
    let without = DOCUMENT.split("[constraints").next().unwrap();
    put_document(&app, "/api/policy", without).await.is(200);
    let alice = app.user("alice", &["boss", "payer"]).await;
    let revision = app.db.revision().await;
    for path in ["/api/policy/plan", "/api/policy"] {
        let refused = put_document(&app, path, DOCUMENT).await;
        assert_eq!(apart(&refused, "alice").texts("path"), ["boss", "approver"]);
    }
    assert_eq!(app.db.revision().await, revision);
    // by what a role inherits from now on
    let flat = DOCUMENT.replace("juniors = [\"approver\"]", "");
    put_document(&app, "/api/policy", &flat).await.is(200);
    let revision = app.db.revision().await;
    for path in ["/api/policy/plan", "/api/policy"] {
        apart(&put_document(&app, path, DOCUMENT).await, "alice");
    }
    assert_eq!(app.db.revision().await, revision);
    app.unassign(&alice, "payer").await;
    put_document(&app, "/api/policy", DOCUMENT).await.is(200);
    apart(&assign(&app, &alice, "payer", "", json!({})).await, "alice");
    // a session that has both active stands against a dynamic one
    let dynamic = DOCUMENT.replace("\"static\"", "\"dynamic\"");
    put_document(&app, "/api/policy", without).await.is(200);
    app.assign(&alice, "payer").await;
    let token = app.login("alice").await;
    apart(&put_document(&app, "/api/policy", &dynamic).await, "alice");
    app.post("/api/me/logout", &token, json!({})).await.done();
    put_document(&app, "/api/policy", &dynamic).await.is(200);
    choose(&app.password_grant("alice", PASSWORD).await);
}

async fn a_document_takes_a_constraint_away_with_what_it_forbade(app: TestApp) {
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

async fn a_document_says_all_there_is_to_a_constraint(app: TestApp) {
    let admin = app.admin().await;
    let made = put_document(&app, "/api/policy", DOCUMENT).await;
    let made = &made.is(200).json["changes"];
    let constraint = made
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["action"] == "constraint.created");
    assert_eq!(
        constraint.unwrap(),
        &json!({ "action": "constraint.created", "constraint": "payments", "kind": "static",
            "roles": ["approver", "payer"], "at_most": 1 })
    );
    let ask = app.request(Method::GET, "/api/policy").token(admin);
    let text = ask.header("accept", "application/toml").send().await;
    let text = String::from_utf8(text.is(200).body.to_vec()).unwrap();
    assert!(text.contains("[constraints.payments]"), "{text}");
    let wider = DOCUMENT.replace(
        "roles = [\"approver\", \"payer\"]",
        "roles = [\"approver\", \"payer\", \"boss\"]",
    );
    put_document(&app, "/api/policy", &wider).await.is(200);
    let one = app.get(format_args!("{PATH}/payments"), admin).await;
    assert_eq!(one.texts("roles"), ["approver", "boss", "payer"]);
    // a role that goes, and the constraint that was about it, in one document
    let without = DOCUMENT.replace("[roles.boss]\njuniors = [\"approver\"]\n", "");
    put_document(&app, "/api/policy", &without).await.is(200);
    let one = app.get(format_args!("{PATH}/payments"), admin).await;
    assert_eq!(one.texts("roles"), ["approver", "payer"]);
    let none = DOCUMENT.split("[constraints").next().unwrap();
    put_document(&app, "/api/policy", none).await.is(200);
    assert_eq!(app.get(PATH, admin).await.items("name"), [""; 0]);
}
