//! The policy as a document on the pages, and its history.

use std::time::Duration;

use super::{asks_to_sign_in, has, hidden, lacks, leads_to, page, signed_in};
use crate::support::{Browser, TestApp, on_both};

on_both![
    a_document_is_planned_and_put_in_force,
    each_fault_is_shown_at_its_line,
    a_document_is_kept_when_the_sign_in_is_too_old,
    a_policy_that_has_changed_meanwhile_is_planned_again,
    a_reader_plans_and_does_not_apply,
    nobody_puts_more_in_force_than_they_hold,
    somebody_goes_back_to_an_earlier_policy,
    going_back_needs_a_fresh_proof_and_the_permission,
    single_edits_come_into_the_history,
];

const POLICY: &str = "/admin/policy";
const HISTORY: &str = "/admin/policy/history";
const FIRST: &str = "[permissions]\r\n\"items:read\" = \"\"\r\n[roles.admin]\r\n[roles.viewer]\r\npermissions = [\"items:read\"]\r\n";
const SECOND: &str = "[permissions]\n\"items:read\" = \"\"\n[roles.admin]\n[roles.viewer]\n";

/// Plans a document, and returns the page of the plan.
async fn plan(browser: &mut Browser<'_>, document: &str) -> String {
    let form = [("step", "plan"), ("document", document)];
    page(&browser.submit(POLICY, &form).await, 200)
}

async fn apply(app: &TestApp, document: &str) {
    app.put_policy(app.admin().await, &document.replace('\r', ""), "*")
        .await
        .is(200);
}

async fn permissions_of_viewer(app: &TestApp) -> Vec<String> {
    app.get("/api/roles/viewer", app.admin().await)
        .await
        .texts("permissions")
}

async fn a_document_is_planned_and_put_in_force(app: TestApp) {
    apply(&app, SECOND).await;
    app.create_user("alice", &["viewer"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open(POLICY).await, 200);
    has(&shown, &["[roles.viewer]", "Plan"]);
    lacks(&shown, &["value=\"apply\""]);
    let planned = plan(&mut browser, FIRST).await;
    has(
        &planned,
        &["role viewer holds items:read", "alice", "value=\"apply\""],
    );
    assert!(permissions_of_viewer(&app).await.is_empty());
    let tag = hidden(&planned, "tag");
    let form = [("step", "apply"), ("document", FIRST), ("tag", tag)];
    leads_to(
        &browser.submit(POLICY, &form).await,
        "/admin/policy?done=policy",
    );
    assert_eq!(permissions_of_viewer(&app).await, ["items:read"]);
    let same = plan(&mut browser, FIRST).await;
    has(&same, &["Nothing would change"]);
    lacks(&same, &["value=\"apply\""]);
}

async fn each_fault_is_shown_at_its_line(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let wrong = "[permissions]\r\n\"items:read\" = \"\"\r\n[roles.one]\r\npermissions = [\"x:<probe>\"]\r\njuniors = [\"two\"]\r\n";
    let shown = page(
        &browser
            .submit(POLICY, &[("step", "plan"), ("document", wrong)])
            .await,
        422,
    );
    has(
        &shown,
        &[
            "line 4",
            "<li value=\"4\">",
            "<li value=\"5\">",
            "href=\"#document\"",
        ],
    );
    lacks(&shown, &["<probe", "value=\"apply\""]);
    let form = [("step", "apply"), ("document", "[roles"), ("tag", "x")];
    let shown = page(&browser.submit(POLICY, &form).await, 422);
    has(&shown, &["line 1"]);
}

async fn a_document_is_kept_when_the_sign_in_is_too_old(app: TestApp) {
    apply(&app, SECOND).await;
    let mut browser = signed_in(&app, "admin").await;
    let planned = plan(&mut browser, FIRST).await;
    let tag = hidden(&planned, "tag").to_owned();
    app.pass_time(Duration::from_mins(20));
    let form = [("step", "apply"), ("document", FIRST), ("tag", &*tag)];
    let kept = page(&browser.submit(POLICY, &form).await, 422);
    has(
        &kept,
        &[
            "Sign in again",
            "href=\"/admin/policy?fresh=1\"",
            "[roles.viewer]",
            "value=\"apply\"",
        ],
    );
    assert!(permissions_of_viewer(&app).await.is_empty());
    asks_to_sign_in(&browser.open("/admin/policy?fresh=1").await);
    browser.open(POLICY).await.is(200);
}

async fn a_policy_that_has_changed_meanwhile_is_planned_again(app: TestApp) {
    apply(&app, SECOND).await;
    let mut browser = signed_in(&app, "admin").await;
    let planned = plan(&mut browser, FIRST).await;
    let old = hidden(&planned, "tag").to_owned();
    app.create_permission("items:print").await;
    let form = [("step", "apply"), ("document", FIRST), ("tag", &*old)];
    let again = page(&browser.submit(POLICY, &form).await, 409);
    has(
        &again,
        &["Somebody else has changed it", "permission items:print"],
    );
    assert!(hidden(&again, "tag") != old);
    assert!(permissions_of_viewer(&app).await.is_empty());
}

async fn a_reader_plans_and_does_not_apply(app: TestApp) {
    apply(&app, SECOND).await;
    app.create_role("reader", &["rolecall.policy:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_user("alice", &["viewer"]).await;
    let mut reader = signed_in(&app, "reader").await;
    let planned = page(
        &reader
            .submit(POLICY, &[("step", "plan"), ("document", FIRST)])
            .await,
        200,
    );
    has(&planned, &["role viewer holds items:read"]);
    lacks(&planned, &["alice", "value=\"apply\""]);
    let form = [
        ("step", "apply"),
        ("document", FIRST),
        ("tag", hidden(&planned, "tag")),
    ];
    let refused = page(&reader.submit(POLICY, &form).await, 403);
    has(&refused, &["rolecall.policy:write"]);
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_user("auditor", &["auditor"]).await;
    let mut auditor = signed_in(&app, "auditor").await;
    for path in [POLICY, HISTORY, "/admin/policy/history/1"] {
        auditor.open(path).await.is(403);
    }
}

async fn nobody_puts_more_in_force_than_they_hold(app: TestApp) {
    apply(&app, SECOND).await;
    app.create_role("keeper", &["rolecall.policy:read", "rolecall.policy:write"])
        .await;
    app.create_user("keeper", &["keeper"]).await;
    let mut keeper = signed_in(&app, "keeper").await;
    let shown = page(&keeper.open(POLICY).await, 200);
    let more = shown.contains("keeper");
    assert!(more);
    let now = app
        .request(http::Method::GET, "/api/policy")
        .token(app.admin().await);
    let now = now.header("accept", "application/toml").send().await;
    let document = String::from_utf8_lossy(&now.is(200).body).replace(
        "[roles.viewer]",
        "[roles.viewer]\npermissions = [\"items:read\"]",
    );
    let planned = plan(&mut keeper, &document).await;
    let form = [
        ("step", "apply"),
        ("document", &*document),
        ("tag", hidden(&planned, "tag")),
    ];
    let refused = page(&keeper.submit(POLICY, &form).await, 403);
    has(
        &refused,
        &["You can only give, change or take what you hold yourself"],
    );
    assert!(permissions_of_viewer(&app).await.is_empty());
}

/// Returns the paths of the versions, the newest first.
fn versions(page: &str) -> Vec<String> {
    let begin = "<a href=\"/admin/policy/history/";
    let rest = page.split(begin).skip(1);
    let revisions = rest.map(|after| after.split('"').next().unwrap());
    revisions
        .map(|revision| format!("{HISTORY}/{revision}"))
        .collect()
}

async fn somebody_goes_back_to_an_earlier_policy(app: TestApp) {
    apply(&app, FIRST).await;
    apply(&app, SECOND).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open(HISTORY).await, 200);
    has(&shown, &["In force", "UTC", "bytes"]);
    let found = versions(&shown);
    assert!(found.len() >= 3, "{found:?}");
    let shown = page(&browser.open(&found[0]).await, 200);
    has(&shown, &["In force", "role viewer holds items:read"]);
    lacks(&shown, &["Go back to this version"]);
    let shown = page(&browser.open(&found[1]).await, 200);
    has(
        &shown,
        &[
            "Go back to this version",
            "role viewer holds items:read",
            "[roles.viewer]",
        ],
    );
    let form = [("tag", hidden(&shown, "tag"))];
    leads_to(
        &browser.submit(&found[1], &form).await,
        "/admin/policy/history?done=policy",
    );
    assert_eq!(permissions_of_viewer(&app).await, ["items:read"]);
    let shown = page(&browser.open(HISTORY).await, 200);
    assert_eq!(versions(&shown).len(), found.len() + 1);
    browser.open("/admin/policy/history/123456").await.is(404);
    browser.open("/admin/policy/history/x").await.is(404);
    let refused = page(&browser.submit(&found[0], &[("tag", "x")]).await, 409);
    has(&refused, &["Somebody else has changed it"]);
}

async fn going_back_needs_a_fresh_proof_and_the_permission(app: TestApp) {
    apply(&app, FIRST).await;
    apply(&app, SECOND).await;
    app.create_role("reader", &["rolecall.policy:read"]).await;
    app.create_user("reader", &["reader"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let found = versions(&page(&browser.open(HISTORY).await, 200));
    let old = &found[found.len() - 2];
    let shown = page(&browser.open(old).await, 200);
    let tag = hidden(&shown, "tag").to_owned();
    let mut reader = signed_in(&app, "reader").await;
    lacks(
        &page(&reader.open(old).await, 200),
        &["Go back to this version"],
    );
    let refused = page(&reader.submit(old, &[("tag", &tag)]).await, 403);
    has(&refused, &["rolecall.policy:write"]);
    app.pass_time(Duration::from_mins(20));
    asks_to_sign_in(&browser.submit(old, &[("tag", &tag)]).await);
    assert!(permissions_of_viewer(&app).await.is_empty());
}

async fn single_edits_come_into_the_history(app: TestApp) {
    apply(&app, FIRST).await;
    app.create_permission("items:print").await;
    apply(&app, SECOND).await;
    let mut browser = signed_in(&app, "admin").await;
    let found = versions(&page(&browser.open(HISTORY).await, 200));
    let shown = page(&browser.open(&found[1]).await, 200);
    has(&shown, &["permission items:print"]);
}
