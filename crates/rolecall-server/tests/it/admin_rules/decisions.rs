//! "May they?" on a page.

use super::{has, lacks, page, signed_in};
use crate::support::{TestApp, on_both};

on_both![
    an_answer_says_yes_with_the_path,
    an_answer_says_no_with_what_would_help,
    a_receipt_of_a_refusal_is_explained,
    what_is_wrong_with_a_question_is_said,
    names_are_looked_up_for_those_who_may_read_users,
];

const DECISIONS: &str = "/admin/decisions";

async fn alice(app: &TestApp) -> String {
    app.create_role("viewer", &["items:read"]).await;
    app.create_role("editor", &["items:write"]).await;
    app.inherit("editor", "viewer").await;
    app.create_user("alice", &["editor"]).await
}

async fn an_answer_says_yes_with_the_path(app: TestApp) {
    let id = alice(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    lacks(
        &page(&browser.open(DECISIONS).await, 200),
        &["id=\"answer\""],
    );
    for subject in ["alice", &id] {
        let path = format!("{DECISIONS}?user={subject}&need=items:read");
        let shown = page(&browser.open(&path).await, 200);
        has(
            &shown,
            &[
                "tag on\">Yes",
                "The role editor is assigned",
                "It inherits:",
                "<code>viewer</code>",
                "The role viewer holds items:read",
            ],
        );
    }
    let path = format!("{DECISIONS}?user=alice&need=role:viewer");
    has(&page(&browser.open(&path).await, 200), &["tag on\">Yes"]);
}

async fn an_answer_says_no_with_what_would_help(app: TestApp) {
    let id = alice(&app).await;
    app.create_role("printer", &["items:print"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("{DECISIONS}?user=alice&need=items:print");
    let shown = page(&browser.open(&path).await, 200);
    has(
        &shown,
        &[
            "tag off\">No",
            "items:print is missing",
            "href=\"/admin/roles/printer\"",
            "Who can assign printer",
            ">admin</a>",
        ],
    );
    app.unassign(&id, "editor").await;
    let path = format!("{DECISIONS}?user=alice&need=items:read");
    has(
        &page(&browser.open(&path).await, 200),
        &["The role was taken away"],
    );
    let path = format!("{DECISIONS}?user=alice&need=items:burn");
    has(
        &page(&browser.open(&path).await, 200),
        &["items:burn does not exist"],
    );
}

async fn a_receipt_of_a_refusal_is_explained(app: TestApp) {
    app.create_permission("items:read").await;
    app.create_user("bob", &[]).await;
    let refused = app.get("/items/", &app.log_in("bob").await).await;
    let receipt = refused.is(403).text("receipt");
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(
        &browser.submit(DECISIONS, &[("receipt", &receipt)]).await,
        200,
    );
    has(
        &shown,
        &[
            "bob may not: items:read",
            "A token was refused at this time",
        ],
    );
    let unknown = page(&browser.submit(DECISIONS, &[("receipt", "x")]).await, 404);
    has(&unknown, &["no receipt of this server"]);
    let empty = page(&browser.submit(DECISIONS, &[]).await, 422);
    has(&empty, &["Paste the receipt"]);
}

async fn what_is_wrong_with_a_question_is_said(app: TestApp) {
    alice(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    for (query, status, text) in [
        ("user=alice&need=nothing", 422, "href=\"#need\""),
        ("user=alice&need=items:*", 422, "href=\"#need\""),
        ("user=&need=items:read", 422, "href=\"#user\""),
        (
            "user=alice&need=items:read&tenant=No+Name",
            422,
            "href=\"#tenant\"",
        ),
        ("user=alice&need=items:read&at=later", 422, "href=\"#at\""),
        ("user=nobody&need=items:read", 404, "no subject `nobody`"),
    ] {
        let shown = page(&browser.open(&format!("{DECISIONS}?{query}")).await, status);
        has(&shown, &[text]);
    }
}

async fn names_are_looked_up_for_those_who_may_read_users(app: TestApp) {
    let id = alice(&app).await;
    app.create_role("helper", &["rolecall.decisions:read"])
        .await;
    app.create_user("helper", &["helper"]).await;
    let mut helper = signed_in(&app, "helper").await;
    let by_id = format!("{DECISIONS}?user={id}&need=items:read");
    has(&page(&helper.open(&by_id).await, 200), &["Yes"]);
    helper
        .open(&format!("{DECISIONS}?user=alice&need=items:read"))
        .await
        .is(404);
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_user("auditor", &["auditor"]).await;
    let mut auditor = signed_in(&app, "auditor").await;
    auditor.open(&by_id).await.is(403);
    auditor.submit(DECISIONS, &[("receipt", "x")]).await.is(403);
}
