//! The hierarchy of roles.

use super::{has, lacks, page, signed_in};
use crate::support::{TestApp, on_both};

on_both![
    the_hierarchy_is_a_picture_and_a_list,
    a_reader_of_roles_sees_it_and_others_do_not,
];

async fn the_hierarchy_is_a_picture_and_a_list(app: TestApp) {
    for role in ["boss", "lead", "clerk", "guest"] {
        app.create_role(role, &[]).await;
    }
    app.inherit("boss", "lead").await;
    app.inherit("lead", "clerk").await;
    app.inherit("boss", "clerk").await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open("/admin/hierarchy").await, 200);
    has(
        &shown,
        &[
            "<svg class=\"graph\"",
            "aria-hidden=\"true\"",
            "<title>boss</title>",
            "<title>guest</title>",
        ],
    );
    assert_eq!(shown.matches("class=\"edge\"").count(), 3);
    let opened = shown.matches("<ul").count();
    assert_eq!(opened, shown.matches("</ul>").count());
    assert_eq!(
        shown.matches("<li>").count(),
        shown.matches("</li>").count()
    );
    let tree = shown.split("<ul class=\"tree\">").nth(1).unwrap();
    let lead = tree.find(">lead<").unwrap();
    assert!(tree.find(">boss<").unwrap() < lead && lead < tree.find(">guest<").unwrap());
    let shown = page(&browser.open("/admin/hierarchy?role=lead").await, 200);
    has(&shown, &["node chosen", "<title>boss</title>"]);
    lacks(&shown, &["<title>guest</title>"]);
    let shown = page(&browser.open("/admin/hierarchy?role=nothing").await, 200);
    has(&shown, &["There is no role"]);
    lacks(&shown, &["<svg"]);
}

async fn a_reader_of_roles_sees_it_and_others_do_not(app: TestApp) {
    app.create_role("reader", &["rolecall.roles:read"]).await;
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_user("auditor", &["auditor"]).await;
    let mut reader = signed_in(&app, "reader").await;
    has(
        &page(&reader.open("/admin/hierarchy").await, 200),
        &["<svg"],
    );
    let mut auditor = signed_in(&app, "auditor").await;
    let refused = page(&auditor.open("/admin/hierarchy").await, 403);
    has(&refused, &["rolecall.roles:read"]);
    lacks(&refused, &[">Hierarchy</a>", ">Policy</a>"]);
}
