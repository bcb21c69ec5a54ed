//! Constraints on the pages.

use super::{has, lacks, leads_to, page, signed_in};
use crate::support::{Browser, Response, TestApp, on_both};

on_both![
    a_constraint_is_created_changed_and_deleted,
    who_breaks_a_constraint_is_named_and_nothing_is_saved,
    what_is_wrong_with_a_constraint_is_said,
    a_reader_sees_constraints_and_changes_none,
    nobody_changes_constraints_on_roles_beyond_their_own,
];

const CONSTRAINTS: &str = "/admin/constraints";

async fn create(browser: &mut Browser<'_>, name: &str, roles: &str, at_most: &str) -> Response {
    let form = [
        ("name", name),
        ("kind", "static"),
        ("per", "session"),
        ("roles", roles),
        ("at_most", at_most),
    ];
    browser.submit(CONSTRAINTS, &form).await
}

async fn roles(app: &TestApp) {
    for role in ["orders", "pays", "checks"] {
        app.create_role(role, &[]).await;
    }
}

async fn a_constraint_is_created_changed_and_deleted(app: TestApp) {
    roles(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    has(
        &page(&browser.open(CONSTRAINTS).await, 200),
        &["No roles are kept apart"],
    );
    let created = create(&mut browser, "four-eyes", "orders\r\npays", "1").await;
    leads_to(&created, "/admin/constraints?done=constraint-created");
    let shown = page(
        &browser
            .open("/admin/constraints?done=constraint-created")
            .await,
        200,
    );
    has(
        &shown,
        &[
            "The constraint is in force",
            "four-eyes",
            "Nobody can have more than one of these roles",
        ],
    );
    let path = "/admin/constraints/four-eyes";
    let form = [
        ("step", "save"),
        ("roles", "orders, checks, pays"),
        ("at_most", "2"),
    ];
    leads_to(
        &browser.submit(path, &form).await,
        "/admin/constraints?done=saved",
    );
    let stored = app
        .get("/api/constraints/four-eyes", app.admin().await)
        .await;
    assert_eq!(stored.texts("roles"), ["checks", "orders", "pays"]);
    assert_eq!(stored.json["at_most"], 2);
    let form = [
        ("step", "save"),
        ("roles", "orders checks"),
        ("at_most", "1"),
    ];
    browser.submit(path, &form).await.is(303);
    let stored = app
        .get("/api/constraints/four-eyes", app.admin().await)
        .await;
    assert_eq!(stored.texts("roles"), ["checks", "orders"]);
    let asked = page(&browser.submit(path, &[("step", "delete")]).await, 422);
    has(&asked, &["Tick the box first"]);
    app.get("/api/constraints/four-eyes", app.admin().await)
        .await
        .is(200);
    let form = [("step", "delete"), ("confirm", "yes")];
    leads_to(
        &browser.submit(path, &form).await,
        "/admin/constraints?done=constraint-deleted",
    );
    app.get("/api/constraints/four-eyes", app.admin().await)
        .await
        .is(404);
    browser.open(path).await.is(404);
}

async fn who_breaks_a_constraint_is_named_and_nothing_is_saved(app: TestApp) {
    roles(&app).await;
    app.create_user("alice", &["orders", "pays"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let refused = page(
        &create(&mut browser, "four-eyes", "orders pays", "1").await,
        409,
    );
    has(
        &refused,
        &[
            "alice",
            "would have",
            "value=\"four-eyes\"",
            "No roles are kept apart",
        ],
    );
    create(&mut browser, "four-eyes", "orders checks", "1")
        .await
        .is(303);
    let form = [("step", "save"), ("roles", "orders pays"), ("at_most", "1")];
    let refused = page(
        &browser.submit("/admin/constraints/four-eyes", &form).await,
        409,
    );
    has(&refused, &["alice", "orders pays"]);
    let stored = app
        .get("/api/constraints/four-eyes", app.admin().await)
        .await;
    assert_eq!(stored.texts("roles"), ["checks", "orders"]);
}

async fn what_is_wrong_with_a_constraint_is_said(app: TestApp) {
    roles(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    for (name, roles, at_most, status, text) in [
        (
            "Not A Name",
            "orders pays",
            "1",
            422,
            "Enter a name of lower-case letters",
        ),
        (
            "x",
            "orders \"><probe>",
            "1",
            422,
            "This is not the name of a role",
        ),
        ("x", "orders pays", "many", 422, "Enter a whole number"),
        ("x", "orders pays", "2", 422, "href=\"#at_most\""),
        ("x", "orders", "1", 422, "href=\"#"),
        ("x", "orders orders", "1", 422, "listed twice"),
        ("x", "orders unknown", "1", 404, "no role `unknown`"),
    ] {
        let shown = page(&create(&mut browser, name, roles, at_most).await, status);
        has(&shown, &[text]);
        lacks(&shown, &["<probe"]);
    }
    let none = app.get("/api/constraints", app.admin().await).await;
    assert!(none.items("name").is_empty());
}

async fn a_reader_sees_constraints_and_changes_none(app: TestApp) {
    roles(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    create(&mut browser, "four-eyes", "orders pays", "1")
        .await
        .is(303);
    app.create_role("reader", &["rolecall.roles:read"]).await;
    app.create_user("reader", &["reader"]).await;
    let mut reader = signed_in(&app, "reader").await;
    let shown = page(&reader.open(CONSTRAINTS).await, 200);
    has(&shown, &["four-eyes"]);
    lacks(&shown, &["<form class=\"form\""]);
    lacks(
        &page(&reader.open("/admin/constraints/four-eyes").await, 200),
        &["<form"],
    );
    has(
        &page(&create(&mut reader, "other", "orders pays", "1").await, 403),
        &["rolecall.roles:write"],
    );
    for form in [
        vec![("step", "delete"), ("confirm", "yes")],
        vec![
            ("step", "save"),
            ("roles", "orders checks"),
            ("at_most", "1"),
        ],
    ] {
        reader
            .submit("/admin/constraints/four-eyes", &form)
            .await
            .is(403);
    }
    let stored = app
        .get("/api/constraints/four-eyes", app.admin().await)
        .await;
    assert_eq!(stored.is(200).texts("roles"), ["orders", "pays"]);
}

async fn nobody_changes_constraints_on_roles_beyond_their_own(app: TestApp) {
    roles(&app).await;
    app.create_role("strong", &["items:write"]).await;
    app.create_role("keeper", &["rolecall.roles:read", "rolecall.roles:write"])
        .await;
    app.create_user("keeper", &["keeper"]).await;
    let mut keeper = signed_in(&app, "keeper").await;
    let refused = page(&create(&mut keeper, "x", "orders strong", "1").await, 403);
    has(&refused, &["items:write"]);
    let none = app.get("/api/constraints", app.admin().await).await;
    assert!(none.items("name").is_empty());
}
