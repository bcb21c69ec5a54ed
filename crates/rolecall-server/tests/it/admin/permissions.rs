//! Permissions on the pages for administrators.

use super::{is_done, page, signed_in};
use crate::support::{TestApp, on_both};

on_both![
    a_permission_is_created_shown_and_deleted,
    what_is_wrong_with_a_permission_is_said,
    permissions_are_listed_page_by_page,
    a_wildcard_loses_a_deleted_permission,
    y461_a_reader_of_roles_changes_no_permission,
];

const PERMISSIONS: &str = "/admin/permissions";
const ITEM: &str = "/admin/permissions/items%3Aread";

async fn a_permission_is_created_shown_and_deleted(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open("/admin/roles").await, 200);
    assert!(text.contains("href=\"/admin/permissions\""), "{text}");
    let form = [("name", "items:read"), ("description", "Reads <items>")];
    let created = browser.submit(PERMISSIONS, &form).await;
    is_done(&created, PERMISSIONS, "permission-created");
    let text = page(&browser.open(PERMISSIONS).await, 200);
    assert!(
        text.contains(ITEM) && text.contains("Reads &lt;items&gt;"),
        "{text}"
    );
    let text = page(&browser.open(ITEM).await, 200);
    assert!(text.contains("No role gives it yet"), "{text}");
    app.create_role("reader", &["items:read"]).await;
    let text = page(&browser.open(ITEM).await, 200);
    assert!(text.contains("href=\"/admin/roles/reader\""), "{text}");
    assert!(!text.contains("name=\"confirm\""), "{text}");
    // a role holds it by its name
    let refused = browser.submit(ITEM, &[("confirm", "yes")]).await;
    let text = page(&refused, 409);
    let why = "permission `items:read` is still in use: role `reader` holds it";
    assert!(text.contains(why), "{text}");
    let mut german = signed_in(&app, "admin").await.preferring("de");
    let text = page(&german.submit(ITEM, &[("confirm", "yes")]).await, 409);
    let why = "Das Recht `items:read` wird noch gebraucht: Die Rolle `reader` enthält es.";
    assert!(text.contains(why), "{text}");
    app.delete("/api/roles/reader", app.admin().await)
        .await
        .no_content();
    let text = page(&browser.submit(ITEM, &[]).await, 422);
    assert!(text.contains("href=\"#confirm\""), "{text}");
    let deleted = browser.submit(ITEM, &[("confirm", "yes")]).await;
    is_done(&deleted, PERMISSIONS, "permission-deleted");
    browser.open(ITEM).await.is(404);
}

async fn what_is_wrong_with_a_permission_is_said(app: TestApp) {
    app.create_permission("items:read").await;
    let mut browser = signed_in(&app, "admin").await;
    for (name, status) in [
        ("", 422),
        ("items", 422),
        ("Items:Read!", 422),
        ("items:*", 422),
        ("items:read", 409),
        ("rolecall.own:read", 422),
    ] {
        let form = [("name", name), ("description", "kept")];
        let sent = browser.submit(PERMISSIONS, &form).await;
        let text = page(&sent, status);
        assert!(
            text.contains("role=\"alert\"") && text.contains("value=\"kept\""),
            "{name}: {text}"
        );
    }
    for path in ["x", "items%3Awrite", "items%3A*", "%22%3E%3Cb%3E"] {
        let path = format!("{PERMISSIONS}/{path}");
        page(&browser.open(&path).await, 404);
    }
    // what rolecall needs itself stays
    let own = "/admin/permissions/rolecall.users%3Aread";
    let text = page(&browser.open(own).await, 200);
    assert!(!text.contains("name=\"confirm\""), "{text}");
    let refused = browser.submit(own, &[("confirm", "yes")]).await;
    page(&refused, 409);
}

async fn permissions_are_listed_page_by_page(app: TestApp) {
    for number in 0..101 {
        app.create_permission(&format!("item{number:03}:read"))
            .await;
    }
    let mut browser = signed_in(&app, "admin").await;
    let mut path = PERMISSIONS.to_owned();
    let mut seen = 0;
    for _ in 0..3 {
        let text = page(&browser.open(&path).await, 200);
        seen += text.matches("<code>item").count();
        let Some((_, next)) = text.split_once("href=\"/admin/permissions?after=") else {
            break;
        };
        path = format!("{PERMISSIONS}?after={}", next.split('"').next().unwrap());
    }
    assert_eq!(seen, 101);
}

async fn a_wildcard_loses_a_deleted_permission(app: TestApp) {
    for name in ["items:read", "items:write"] {
        app.create_permission(name).await;
    }
    app.create_role("keeper", &["items:*"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(ITEM).await, 200);
    assert!(
        text.contains("by a wildcard and lose it") && text.contains(">keeper</a>"),
        "{text}"
    );
    let deleted = browser.submit(ITEM, &[("confirm", "yes")]).await;
    is_done(&deleted, PERMISSIONS, "permission-deleted");
    let role = app.get("/api/roles/keeper", app.admin().await).await;
    assert_eq!(role.texts("permissions"), ["items:*"]);
    browser.open(ITEM).await.is(404);
}

async fn y461_a_reader_of_roles_changes_no_permission(app: TestApp) {
    app.create_permission("items:read").await;
    app.create_role("reader", &["rolecall.roles:read"]).await;
    app.create_user("reader", &["reader"]).await;
    let mut browser = signed_in(&app, "reader").await;
    for path in [PERMISSIONS, ITEM] {
        let text = page(&browser.open(path).await, 200);
        assert!(
            !text.contains("<form method=\"post\" action=\"/admin/permissions"),
            "{text}"
        );
    }
    let form = [("name", "items:write"), ("description", "")];
    browser.submit(PERMISSIONS, &form).await.is(403);
    browser.submit(ITEM, &[("confirm", "yes")]).await.is(403);
    let found = app.get("/api/permissions", app.admin().await).await;
    let names = found.json["items"].to_string();
    assert!(names.contains("items:read"), "{names}");
    assert!(!names.contains("items:write"), "{names}");
}
