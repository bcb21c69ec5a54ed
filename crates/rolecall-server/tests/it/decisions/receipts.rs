//! Receipts of refusals.

use std::time::Duration;

use serde_json::json;

use super::{kinds, steps};
use crate::support::{Answer, TestApp, on_both};

on_both![
    a_refusal_carries_a_receipt_that_an_administrator_can_have_explained,
    a_receipt_tells_its_holder_nothing_and_cannot_be_made_up,
    a_receipt_of_a_narrowed_token_says_so,
    a_receipt_from_before_a_gain_says_that_the_token_is_older,
    a_refusal_by_the_database_and_by_the_delegation_limit_has_a_receipt_too,
    a_receipt_of_several_needs_tells_which_are_met,
    a_receipt_is_opened_by_every_node_and_after_a_restart,
];

async fn explained(app: &TestApp, receipt: &str) -> Answer {
    let path = format!("/api/decisions/{receipt}");
    let answer = app.get(path, app.admin().await).await;
    answer.is(200);
    answer
}

async fn a_refusal_carries_a_receipt_that_an_administrator_can_have_explained(app: TestApp) {
    let id = app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    let refused = app.get("/api/users", &token).await;
    refused.forbidden("rolecall.users:read");
    app.pass(Duration::from_mins(20));
    let answer = explained(&app, &refused.text("receipt")).await;
    assert_eq!(answer.json["subject"], id);
    assert_eq!(answer.json["rule"], "rolecall.users:read");
    assert_eq!(answer.json["allowed"], false);
    assert_eq!(
        answer.json["revision"],
        crate::support::claims(&token)["rev"]
    );
    assert!(answer.json["at"].as_str().unwrap() < "2030-01-01T00:30:00Z");
    assert_eq!(answer.json["because"][0]["need"], "rolecall.users:read");
    assert_eq!(
        steps(&answer, "would_give")[0]["roles"],
        json!(["rolecall.admin"])
    );
}

async fn a_receipt_tells_its_holder_nothing_and_cannot_be_made_up(app: TestApp) {
    app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    let one = app.get("/api/users", &token).await.text("receipt");
    let other = app.get("/api/users", &token).await.text("receipt");
    assert_ne!(one, other, "two refusals cannot be told to be alike");
    let mut changed = one.clone().into_bytes();
    let last = changed.last_mut().unwrap();
    *last = if *last == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for made_up in [
        changed.as_str(),
        "v1.",
        "x",
        "v1.AAAA",
        &one[..one.len() - 4],
        &"A".repeat(4000),
    ] {
        let path = format!("/api/decisions/{made_up}");
        let answer = app.get(path, app.admin().await).await;
        answer.is(404);
    }
}

async fn a_receipt_of_a_narrowed_token_says_so(app: TestApp) {
    let token = app.login_for("admin", "rolecall.roles:read").await;
    let refused = app.get("/api/users", &token).await;
    let answer = explained(
        &app,
        &refused.forbidden("rolecall.users:read").text("receipt"),
    )
    .await;
    assert_eq!(answer.json["allowed"], true);
    assert_eq!(kinds(&answer), ["assignment", "grant", "lost"]);
    assert_eq!(steps(&answer, "lost")[0]["cause"], "narrowed");
}

async fn a_receipt_from_before_a_gain_says_that_the_token_is_older(app: TestApp) {
    app.role("clerk", &["rolecall.users:read"]).await;
    let id = app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    app.assign(&id, "clerk").await;
    let refused = app.get("/api/users", &token).await;
    let answer = explained(
        &app,
        &refused.forbidden("rolecall.users:read").text("receipt"),
    )
    .await;
    assert_eq!(answer.json["allowed"], true);
    assert_eq!(steps(&answer, "lost")[0]["cause"], "token_is_older");
}

async fn a_refusal_by_the_database_and_by_the_delegation_limit_has_a_receipt_too(app: TestApp) {
    app.role("giver", &["rolecall.assignments:write"]).await;
    app.role("editor", &["items:write"]).await;
    app.user("bob", &["giver"]).await;
    let alice = app.user("alice", &[]).await;
    let token = app.login("bob").await;
    let refused = app
        .put(format!("/api/users/{alice}/roles/editor"), &token)
        .await;
    refused.forbidden("items:write");
    let answer = explained(&app, &refused.text("receipt")).await;
    assert_eq!(answer.json["rule"], json!({ "all": ["items:write"] }));
    assert_eq!(steps(&answer, "would_give")[0]["roles"], json!(["editor"]));
    // what the delegation limit names beside it stays
    assert_eq!(refused.json["rule"], "delegation_limit");
}

async fn a_receipt_of_several_needs_tells_which_are_met(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("writer", &["items:write"]).await;
    app.user("alice", &["reader"]).await;
    let token = app.login("alice").await;
    let path = "/forward-auth?role=reader&permission=items:write&permission=items:read";
    let refused = app.get(path, &token).await;
    refused.is(403);
    let answer = explained(&app, &refused.text("receipt")).await;
    assert_eq!(answer.json["allowed"], false);
    let needs: Vec<(&str, bool)> = steps(&answer, "need")
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

async fn a_receipt_is_opened_by_every_node_and_after_a_restart(app: TestApp) {
    app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    let receipt = app.get("/api/users", &token).await.text("receipt");
    let other = app.second_node().await;
    let admin = app.admin().await.to_owned();
    let path = format!("/api/decisions/{receipt}");
    other.get(&path, &admin).await.is(200);
    let app = app.restart().await;
    app.get(&path, &admin).await.is(200);
}
