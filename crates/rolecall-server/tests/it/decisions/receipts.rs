//! Receipts of refusals.

use std::time::Duration;

use axum::Router;
use http::Method;
use rolecall::{Fresh, GuardedRouter, routing::get};
use serde_json::json;

use super::{explain, kinds, steps};
use crate::support::{RequestBuilder, TestApp, may, on_both, run};

on_both![
    a_refusal_carries_a_receipt_that_an_administrator_can_look_up,
    a_receipt_reveals_nothing_and_cannot_be_forged,
    a_receipt_names_a_narrowed_token_as_the_cause,
    a_receipt_names_a_token_older_than_the_gain_as_the_cause,
    a_receipt_names_a_sign_in_that_is_too_old_as_the_cause,
    a_refusal_by_the_delegation_limit_has_a_receipt_too,
    a_receipt_with_several_needs_shows_which_are_met,
    a_receipt_opens_on_every_node_and_after_a_restart,
];

async fn a_refusal_carries_a_receipt_that_an_administrator_can_look_up(app: TestApp) {
    let id = app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let refused = app.get("/api/users", &token).await;
    refused.forbidden("rolecall.users:read");
    app.pass_time(Duration::from_mins(20));
    let response = explain(&app, &refused).await;
    assert_eq!(response.json["subject"], id);
    assert_eq!(response.json["rule"], "rolecall.users:read");
    assert_eq!(response.json["allowed"], false);
    assert_eq!(
        response.json["revision"],
        crate::support::claims(&token)["rev"]
    );
    assert!(response.json["at"].as_str().unwrap() < "2030-01-01T00:30:00Z");
    assert_eq!(response.json["because"][0]["need"], "rolecall.users:read");
    assert_eq!(
        steps(&response, "would_give")[0]["roles"],
        json!(["rolecall.admin"])
    );
}

async fn a_receipt_reveals_nothing_and_cannot_be_forged(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let one = app.get("/api/users", &token).await.text("receipt");
    let other = app.get("/api/users", &token).await.text("receipt");
    assert_ne!(one, other, "equal refusals must not have equal receipts");
    let mut changed = one.clone().into_bytes();
    let last = changed.last_mut().unwrap();
    *last = if *last == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for forged in [
        changed.as_str(),
        "v1.",
        "x",
        "v1.AAAA",
        &one[..one.len() - 4],
        &"A".repeat(4000),
    ] {
        let path = format!("/api/decisions/{forged}");
        let response = app.get(path, app.admin().await).await;
        response.is(404);
    }
}

async fn a_receipt_names_a_narrowed_token_as_the_cause(app: TestApp) {
    let token = app.log_in_with_scope("admin", "rolecall.roles:read").await;
    let refused = app.get("/api/users", &token).await;
    let response = explain(&app, refused.forbidden("rolecall.users:read")).await;
    assert_eq!(response.json["allowed"], true);
    assert_eq!(kinds(&response), ["assignment", "grant", "lost"]);
    assert_eq!(steps(&response, "lost")[0]["cause"], "narrowed");
}

async fn a_receipt_names_a_token_older_than_the_gain_as_the_cause(app: TestApp) {
    app.create_role("clerk", &["rolecall.users:read"]).await;
    let id = app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    app.assign(&id, "clerk").await;
    let refused = app.get("/api/users", &token).await;
    let response = explain(&app, refused.forbidden("rolecall.users:read")).await;
    assert_eq!(response.json["allowed"], true);
    assert_eq!(steps(&response, "lost")[0]["cause"], "token_is_older");
}

async fn read_fresh(_: Fresh<may::ReadItems, 300>) {}

async fn a_receipt_names_a_sign_in_that_is_too_old_as_the_cause(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let id = app.create_user("alice", &["reader"]).await;
    let token = app.log_in("alice").await;
    let router: Router = GuardedRouter::new(app.guard())
        .route("/fresh", get(read_fresh))
        .into_axum();
    let ask = async |token: &str| {
        let request = RequestBuilder::new(router.clone(), Method::GET, "/fresh".to_owned());
        request.token(token).send().await
    };
    ask(&token).await.is(200);
    app.pass_time(Duration::from_secs(301));
    let refused = ask(&token).await;
    let response = explain(&app, refused.is(401)).await;
    assert_eq!(response.json["rule"], "items:read");
    assert_eq!(response.json["allowed"], true);
    assert_eq!(steps(&response, "lost")[0]["cause"], "sign_in_too_old");
    let receipt = refused.text("receipt");
    let shown = run(&app, &["explain", "--receipt", &receipt]).await;
    assert!(shown.contains("sign in again"), "{shown}");
    // another sign-in does not help somebody who lacks the permission, too
    app.unassign(&id, "reader").await;
    let token = app.log_in("alice").await;
    app.pass_time(Duration::from_secs(301));
    let response = explain(&app, ask(&token).await.is(403)).await;
    assert_eq!(response.json["allowed"], false);
    assert_eq!(steps(&response, "lost")[0]["cause"], "unassigned");
}

async fn a_refusal_by_the_delegation_limit_has_a_receipt_too(app: TestApp) {
    app.create_role("giver", &["rolecall.assignments:write"])
        .await;
    app.create_role("editor", &["items:write"]).await;
    app.create_user("bob", &["giver"]).await;
    let alice = app.create_user("alice", &[]).await;
    let token = app.log_in("bob").await;
    let refused = app
        .put(format!("/api/users/{alice}/roles/editor"), &token)
        .await;
    refused.forbidden("items:write");
    let response = explain(&app, &refused).await;
    assert_eq!(response.json["rule"], json!({ "all": ["items:write"] }));
    assert_eq!(
        steps(&response, "would_give")[0]["roles"],
        json!(["editor"])
    );
    // the receipt does not replace the name of the rule
    assert_eq!(refused.json["rule"], "delegation_limit");
}

async fn a_receipt_with_several_needs_shows_which_are_met(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("writer", &["items:write"]).await;
    app.create_user("alice", &["reader"]).await;
    let token = app.log_in("alice").await;
    let path = "/forward-auth?role=reader&permission=items:write&permission=items:read";
    let refused = app.get(path, &token).await;
    refused.is(403);
    let response = explain(&app, &refused).await;
    assert_eq!(response.json["allowed"], false);
    let needs: Vec<(&str, bool)> = steps(&response, "need")
        .into_iter()
        .map(|step| {
            (
                step["need"].as_str().unwrap(),
                step["met"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        needs,
        [
            ("role:reader", true),
            ("items:write", false),
            ("items:read", true)
        ]
    );
}

async fn a_receipt_opens_on_every_node_and_after_a_restart(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let receipt = app.get("/api/users", &token).await.text("receipt");
    let other = app.second_node().await;
    let admin = app.admin().await.to_owned();
    let path = format!("/api/decisions/{receipt}");
    other.get(&path, &admin).await.is(200);
    let app = app.restart().await;
    app.get(&path, &admin).await.is(200);
}
