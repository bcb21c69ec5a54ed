//! `/api/roles` and `/api/permissions`: the permissions and juniors of a role.

use serde_json::json;

use crate::support::{TestApp, on_both};

on_both![
    a_role_is_created_once_and_empty,
    a_description_is_one_line_of_at_most_500_characters,
    builtin_roles_and_permissions_cannot_be_changed,
    granting_an_unknown_permission_or_role_is_refused,
    granting_and_revoking_are_idempotent,
    a_wildcard_covers_permissions_created_later,
    a_cycle_is_refused_and_its_path_named,
    removing_an_edge_keeps_what_another_path_gives,
    a_permission_in_use_cannot_be_deleted,
    a_wildcard_is_removed_with_the_last_permission_it_covers,
    deleting_a_role_deletes_its_relations,
    lists_are_paged_without_gaps,
];

const ROLES: &str = "/api/roles";

async fn a_role_is_created_once_and_empty(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "editor", "description": "edits items" });
    let created = app.post(ROLES, admin, body.clone()).await;
    assert_eq!(
        created.is(201).header("location"),
        Some("/api/roles/editor")
    );
    assert_eq!(
        created.json,
        json!({
            "name": "editor", "description": "edits items", "permissions": [], "juniors": [], "approval": false, "by_name": true, "acr": "aal1",
            "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
    assert_eq!(app.get("/api/roles/editor", admin).await.json, created.json);
    let revision = app.db.revision().await;
    let again = app.post(ROLES, admin, body).await;
    again.problem(409, "role `editor` already exists");
    let missing = "no role `nothing`";
    app.get("/api/roles/nothing", admin)
        .await
        .problem(404, missing);
    let body = json!({ "description": "x" });
    app.patch("/api/roles/nothing", admin, body)
        .await
        .problem(404, missing);
    let created = json!({ "name": "items:read" });
    app.post("/api/permissions", admin, created.clone())
        .await
        .is(201);
    assert_eq!(app.db.revision().await, revision + 1);
    let again = app.post("/api/permissions", admin, created).await;
    again.problem(409, "permission `items:read` already exists");
    let body = json!({ "description": "edits" });
    let changed = app.patch("/api/roles/editor", admin, body).await;
    assert_eq!(changed.is(200).text("description"), "edits");
}

async fn a_description_is_one_line_of_at_most_500_characters(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    for odd in ["line\nbreak", &"ä".repeat(501)] {
        let body = |name: &str| json!({ "name": name, "description": odd });
        for response in [
            app.post(ROLES, admin, body("other")).await,
            app.post("/api/permissions", admin, body("items:write"))
                .await,
            app.patch("/api/roles/editor", admin, json!({ "description": odd }))
                .await,
        ] {
            response.invalid(&["body", "description"]);
        }
    }
    assert_eq!(app.db.revision().await, revision);
    let body = json!({ "description": "ä".repeat(500) });
    app.patch("/api/roles/editor", admin, body).await.is(200);
}

async fn builtin_roles_and_permissions_cannot_be_changed(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    for role in ["rolecall.admin", "rolecall.resource-server"] {
        let path = format!("/api/roles/{role}");
        app.delete(&path, admin).await.violates("builtin_role");
        let body = json!({ "description": "mine" });
        app.patch(&path, admin, body).await.violates("builtin_role");
        for relation in ["permissions/items:read", "juniors/editor"] {
            let path = format!("{path}/{relation}");
            app.put(&path, admin).await.violates("builtin_role");
            app.delete(&path, admin).await.violates("builtin_role");
        }
    }
    app.delete(
        "/api/roles/rolecall.admin/permissions/rolecall.users:read",
        admin,
    )
    .await
    .violates("builtin_role");
    let response = app.delete("/api/roles/user", admin).await;
    assert_eq!(response.status, 409, "{response:?}");
    app.delete("/api/permissions/rolecall.users:read", admin)
        .await
        .violates("builtin_permission");
    assert_eq!(app.db.revision().await, revision);
    // `user` is otherwise an ordinary role
    app.put("/api/roles/user/permissions/items:read", admin)
        .await
        .no_content();
    app.put("/api/roles/user/juniors/editor", admin)
        .await
        .no_content();
}

async fn granting_an_unknown_permission_or_role_is_refused(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    for (path, status) in [
        ("editor/permissions/items:write", 404),
        ("editor/permissions/docs:*", 404),
        ("nothing/permissions/items:read", 404),
        ("editor/juniors/nothing", 404),
        ("nothing/juniors/editor", 404),
        ("editor/permissions/items", 422),
        ("editor/permissions/*", 422),
        ("editor/permissions/*:*", 422),
        ("editor/permissions/ITEMS:READ", 422),
        ("editor/permissions/items:read%20", 422),
        ("editor/permissions/items:read%00", 422),
        ("editor/permissions/items:read,items:write", 422),
        ("editor/permissions/role:admin", 422),
        ("Editor/permissions/items:read", 422),
        ("editor/juniors/Editor", 422),
    ] {
        let response = app.put(format_args!("/api/roles/{path}"), admin).await;
        assert_eq!(response.status, status, "{path}: {response:?}");
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn granting_and_revoking_are_idempotent(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    app.create_role("reader", &[]).await;
    for relation in [
        "permissions/items:read",
        "permissions/items:*",
        "juniors/reader",
    ] {
        let path = format!("/api/roles/editor/{relation}");
        app.put(&path, admin).await.no_content();
        let revision = app.db.revision().await;
        app.put(&path, admin).await.no_content();
        assert_eq!(app.db.revision().await, revision);
        app.delete(&path, admin).await.no_content();
        let revision = app.db.revision().await;
        app.delete(&path, admin).await.no_content();
        assert_eq!(app.db.revision().await, revision);
    }
    // the last element of the path need not exist, but its parents must
    app.delete("/api/roles/editor/permissions/nothing:read", admin)
        .await
        .no_content();
    app.delete("/api/roles/editor/juniors/nothing", admin)
        .await
        .no_content();
    app.delete("/api/roles/nothing/permissions/items:read", admin)
        .await
        .is(404);
    app.delete("/api/roles/nothing/juniors/reader", admin)
        .await
        .is(404);
    app.delete("/api/roles/nothing", admin).await.no_content();
    app.delete("/api/permissions/nothing:read", admin)
        .await
        .no_content();
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.json["permissions"], json!([]));
}

async fn a_wildcard_covers_permissions_created_later(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read", "items:*"]).await;
    app.create_user("alice", &["editor"]).await;
    let body = json!({ "name": "items:write" });
    app.post("/api/permissions", admin, body).await.is(201);
    let me = app.get("/api/me", &app.log_in("alice").await).await;
    assert_eq!(me.texts("permissions"), ["items:read", "items:write"]);
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.texts("permissions"), ["items:*", "items:read"]);
}

async fn a_cycle_is_refused_and_its_path_named(app: TestApp) {
    let admin = app.admin().await;
    for role in ["a", "b", "c"] {
        app.create_role(role, &[]).await;
    }
    app.inherit("a", "b").await;
    app.inherit("b", "c").await;
    let revision = app.db.revision().await;
    let response = app.put("/api/roles/c/juniors/a", admin).await;
    response.violates("role_hierarchy_cycle");
    let path = response.texts("path");
    assert_eq!(path.len(), 4, "{path:?}");
    for role in ["a", "b", "c"] {
        assert!(path.iter().any(|named| named == role), "{path:?}");
    }
    app.put("/api/roles/b/juniors/a", admin)
        .await
        .violates("role_hierarchy_cycle");
    app.put("/api/roles/a/juniors/a", admin)
        .await
        .violates("role_hierarchy_cycle");
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("role_juniors").await, 2);
}

async fn removing_an_edge_keeps_what_another_path_gives(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("bottom", &["items:read"]).await;
    app.create_role("left", &[]).await;
    app.create_role("right", &[]).await;
    app.create_role("top", &[]).await;
    for (senior, junior) in [
        ("top", "left"),
        ("top", "right"),
        ("left", "bottom"),
        ("right", "bottom"),
    ] {
        app.inherit(senior, junior).await;
    }
    app.create_user("alice", &["top"]).await;
    app.delete("/api/roles/top/juniors/left", admin)
        .await
        .no_content();
    let me = app.get("/api/me", &app.log_in("alice").await).await;
    assert_eq!(me.texts("roles"), ["bottom", "right", "top"]);
    assert_eq!(me.texts("permissions"), ["items:read"]);
    app.delete("/api/roles/right/juniors/bottom", admin)
        .await
        .no_content();
    let me = app.get("/api/me", &app.log_in("alice").await).await;
    assert_eq!(me.texts("roles"), ["right", "top"]);
    assert_eq!(me.texts("permissions"), [""; 0]);
}

async fn a_permission_in_use_cannot_be_deleted(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    let response = app.delete("/api/permissions/items:read", admin).await;
    assert!(
        response.is(409).text("detail").contains("`editor`"),
        "{response:?}"
    );
    assert_eq!(app.db.revision().await, revision);
    app.delete("/api/roles/editor/permissions/items:read", admin)
        .await
        .no_content();
    app.delete("/api/permissions/items:read", admin)
        .await
        .no_content();
    app.put("/api/roles/editor/permissions/items:read", admin)
        .await
        .is(404);
}

async fn a_wildcard_is_removed_with_the_last_permission_it_covers(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("other", &["items:read", "items:write", "things:read"])
        .await;
    app.delete("/api/roles/other", admin).await.no_content();
    app.create_role("owner", &["items:*"]).await;
    app.create_role("holder", &["things:*"]).await;
    let held = async |role: &str| {
        let role = app.get(format_args!("/api/roles/{role}"), admin).await;
        role.texts("permissions")
    };
    app.delete("/api/permissions/items:write", admin)
        .await
        .no_content();
    assert_eq!(held("owner").await, ["items:*"]);
    app.delete("/api/permissions/items:read", admin)
        .await
        .no_content();
    assert_eq!(held("owner").await, [""; 0]);
    assert_eq!(held("holder").await, ["things:*"]);
    // creating it again gives it to nobody
    let body = json!({ "name": "items:read" });
    app.post("/api/permissions", admin, body).await.is(201);
    assert_eq!(held("owner").await, [""; 0]);
}

async fn deleting_a_role_deletes_its_relations(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read", "items:*"]).await;
    app.create_role("above", &[]).await;
    app.create_role("below", &[]).await;
    app.inherit("above", "editor").await;
    app.inherit("editor", "below").await;
    let alice = app.create_user("alice", &["editor"]).await;
    app.delete("/api/roles/editor", admin).await.no_content();
    for (table, column) in [
        ("role_permissions", "role"),
        ("role_wildcards", "role"),
        ("role_juniors", "senior"),
        ("role_juniors", "junior"),
        ("role_assignments", "role"),
    ] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} = 'editor'");
        assert_eq!(app.db.number(&sql).await, 0, "{table}");
    }
    app.get("/api/roles/editor", admin).await.is(404);
    let shown = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(shown.texts("roles"), [""; 0]);
    let above = app.get("/api/roles/above", admin).await;
    assert_eq!(above.json["juniors"], json!([]));
    // a role of the same name is another role
    app.create_role("editor", &[]).await;
    let shown = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(shown.texts("roles"), [""; 0]);
}

async fn lists_are_paged_without_gaps(app: TestApp) {
    let admin = app.admin().await;
    for name in ["a", "a-b", "a.b", "a_b", "ab", "b", "0"] {
        app.create_role(name, &[&format!("{name}:read")]).await;
    }
    for list in [ROLES, "/api/permissions"] {
        let whole = app.get(format_args!("{list}?limit=200"), admin).await;
        let all = whole.items("name");
        assert!(all.len() >= 7, "{list}: {all:?}");
        let pages = app.pages(format_args!("{list}?limit=2"), admin).await;
        let seen: Vec<String> = pages.iter().flat_map(|page| page.items("name")).collect();
        assert_eq!(seen, all, "{list}");
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(all, sorted, "{list} has one order on both databases");
    }
}
