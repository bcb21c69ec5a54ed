//! `/api/roles` and `/api/permissions`: what a role holds and inherits.

use serde_json::json;

use crate::support::{TestApp, on_both};

on_both![
    a_role_is_made_once_and_empty,
    a_description_is_at_most_500_characters_of_one_line,
    built_in_roles_and_permissions_stay_as_they_are,
    granting_what_does_not_exist_is_refused,
    granting_and_revoking_are_idempotent,
    a_wildcard_holds_tomorrows_permissions_too,
    a_cycle_is_refused_with_the_path_named,
    removing_an_edge_keeps_what_another_path_gives,
    what_is_still_in_use_stays,
    a_wildcard_goes_with_the_last_permission_that_it_covers,
    deleting_a_role_takes_its_relations_along,
    lists_are_paged_without_gaps,
];

const ROLES: &str = "/api/roles";

async fn a_role_is_made_once_and_empty(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "editor", "description": "edits items" });
    let made = app.post(ROLES, admin, body.clone()).await;
    assert_eq!(made.is(201).header("location"), Some("/api/roles/editor"));
    assert_eq!(
        made.json,
        json!({
            "name": "editor", "description": "edits items", "permissions": [], "juniors": [], "approval": false,
            "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
    assert_eq!(app.get("/api/roles/editor", admin).await.json, made.json);
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
    let made = json!({ "name": "items:read" });
    app.post("/api/permissions", admin, made.clone())
        .await
        .is(201);
    assert_eq!(app.db.revision().await, revision + 1);
    let again = app.post("/api/permissions", admin, made).await;
    again.problem(409, "permission `items:read` already exists");
    let body = json!({ "description": "edits" });
    let changed = app.patch("/api/roles/editor", admin, body).await;
    assert_eq!(changed.is(200).text("description"), "edits");
}

async fn a_description_is_at_most_500_characters_of_one_line(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    for odd in ["line\nbreak", &"ä".repeat(501)] {
        let body = |name: &str| json!({ "name": name, "description": odd });
        for answer in [
            app.post(ROLES, admin, body("other")).await,
            app.post("/api/permissions", admin, body("items:write"))
                .await,
            app.patch("/api/roles/editor", admin, json!({ "description": odd }))
                .await,
        ] {
            answer.invalid(&["body", "description"]);
        }
    }
    assert_eq!(app.db.revision().await, revision);
    let body = json!({ "description": "ä".repeat(500) });
    app.patch("/api/roles/editor", admin, body).await.is(200);
}

async fn built_in_roles_and_permissions_stay_as_they_are(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    for role in ["rolecall.admin", "rolecall.resource-server"] {
        let path = format!("/api/roles/{role}");
        app.delete(&path, admin).await.breaks("builtin_role");
        let body = json!({ "description": "mine" });
        app.patch(&path, admin, body).await.breaks("builtin_role");
        for relation in ["permissions/items:read", "juniors/editor"] {
            let path = format!("{path}/{relation}");
            app.put(&path, admin).await.breaks("builtin_role");
            app.delete(&path, admin).await.breaks("builtin_role");
        }
    }
    app.delete(
        "/api/roles/rolecall.admin/permissions/rolecall.users:read",
        admin,
    )
    .await
    .breaks("builtin_role");
    let answer = app.delete("/api/roles/user", admin).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    app.delete("/api/permissions/rolecall.users:read", admin)
        .await
        .breaks("builtin_permission");
    assert_eq!(app.db.revision().await, revision);
    // `user` is otherwise an ordinary role
    app.put("/api/roles/user/permissions/items:read", admin)
        .await
        .done();
    app.put("/api/roles/user/juniors/editor", admin)
        .await
        .done();
}

async fn granting_what_does_not_exist_is_refused(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
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
        let answer = app.put(format_args!("/api/roles/{path}"), admin).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn granting_and_revoking_are_idempotent(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    app.role("reader", &[]).await;
    for relation in [
        "permissions/items:read",
        "permissions/items:*",
        "juniors/reader",
    ] {
        let path = format!("/api/roles/editor/{relation}");
        app.put(&path, admin).await.done();
        let revision = app.db.revision().await;
        app.put(&path, admin).await.done();
        assert_eq!(app.db.revision().await, revision);
        app.delete(&path, admin).await.done();
        let revision = app.db.revision().await;
        app.delete(&path, admin).await.done();
        assert_eq!(app.db.revision().await, revision);
    }
    // the last element of the path need not exist, its parents must
    app.delete("/api/roles/editor/permissions/nothing:read", admin)
        .await
        .done();
    app.delete("/api/roles/editor/juniors/nothing", admin)
        .await
        .done();
    app.delete("/api/roles/nothing/permissions/items:read", admin)
        .await
        .is(404);
    app.delete("/api/roles/nothing/juniors/reader", admin)
        .await
        .is(404);
    app.delete("/api/roles/nothing", admin).await.done();
    app.delete("/api/permissions/nothing:read", admin)
        .await
        .done();
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.json["permissions"], json!([]));
}

async fn a_wildcard_holds_tomorrows_permissions_too(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read", "items:*"]).await;
    app.user("alice", &["editor"]).await;
    let body = json!({ "name": "items:write" });
    app.post("/api/permissions", admin, body).await.is(201);
    let me = app.get("/api/me", &app.login("alice").await).await;
    assert_eq!(me.texts("permissions"), ["items:read", "items:write"]);
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.texts("permissions"), ["items:*", "items:read"]);
}

async fn a_cycle_is_refused_with_the_path_named(app: TestApp) {
    let admin = app.admin().await;
    for role in ["a", "b", "c"] {
        app.role(role, &[]).await;
    }
    app.inherit("a", "b").await;
    app.inherit("b", "c").await;
    let revision = app.db.revision().await;
    let answer = app.put("/api/roles/c/juniors/a", admin).await;
    answer.breaks("role_hierarchy_cycle");
    let path = answer.texts("path");
    assert_eq!(path.len(), 4, "{path:?}");
    for role in ["a", "b", "c"] {
        assert!(path.iter().any(|named| named == role), "{path:?}");
    }
    app.put("/api/roles/b/juniors/a", admin)
        .await
        .breaks("role_hierarchy_cycle");
    app.put("/api/roles/a/juniors/a", admin)
        .await
        .breaks("role_hierarchy_cycle");
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("role_juniors").await, 2);
}

async fn removing_an_edge_keeps_what_another_path_gives(app: TestApp) {
    let admin = app.admin().await;
    app.role("bottom", &["items:read"]).await;
    app.role("left", &[]).await;
    app.role("right", &[]).await;
    app.role("top", &[]).await;
    for (senior, junior) in [
        ("top", "left"),
        ("top", "right"),
        ("left", "bottom"),
        ("right", "bottom"),
    ] {
        app.inherit(senior, junior).await;
    }
    app.user("alice", &["top"]).await;
    app.delete("/api/roles/top/juniors/left", admin)
        .await
        .done();
    let me = app.get("/api/me", &app.login("alice").await).await;
    assert_eq!(me.texts("roles"), ["bottom", "right", "top"]);
    assert_eq!(me.texts("permissions"), ["items:read"]);
    app.delete("/api/roles/right/juniors/bottom", admin)
        .await
        .done();
    let me = app.get("/api/me", &app.login("alice").await).await;
    assert_eq!(me.texts("roles"), ["right", "top"]);
    assert_eq!(me.texts("permissions"), [""; 0]);
}

async fn what_is_still_in_use_stays(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    let answer = app.delete("/api/permissions/items:read", admin).await;
    assert!(
        answer.is(409).text("detail").contains("`editor`"),
        "{answer:?}"
    );
    assert_eq!(app.db.revision().await, revision);
    app.delete("/api/roles/editor/permissions/items:read", admin)
        .await
        .done();
    app.delete("/api/permissions/items:read", admin)
        .await
        .done();
    app.put("/api/roles/editor/permissions/items:read", admin)
        .await
        .is(404);
}

async fn a_wildcard_goes_with_the_last_permission_that_it_covers(app: TestApp) {
    let admin = app.admin().await;
    app.role("other", &["items:read", "items:write", "things:read"])
        .await;
    app.delete("/api/roles/other", admin).await.done();
    app.role("owner", &["items:*"]).await;
    app.role("holder", &["things:*"]).await;
    let held = async |role: &str| {
        let role = app.get(format_args!("/api/roles/{role}"), admin).await;
        role.texts("permissions")
    };
    app.delete("/api/permissions/items:write", admin)
        .await
        .done();
    assert_eq!(held("owner").await, ["items:*"]);
    app.delete("/api/permissions/items:read", admin)
        .await
        .done();
    assert_eq!(held("owner").await, [""; 0]);
    assert_eq!(held("holder").await, ["things:*"]);
    // whoever makes it again gives it to nobody
    let body = json!({ "name": "items:read" });
    app.post("/api/permissions", admin, body).await.is(201);
    assert_eq!(held("owner").await, [""; 0]);
}

async fn deleting_a_role_takes_its_relations_along(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read", "items:*"]).await;
    app.role("above", &[]).await;
    app.role("below", &[]).await;
    app.inherit("above", "editor").await;
    app.inherit("editor", "below").await;
    let alice = app.user("alice", &["editor"]).await;
    app.delete("/api/roles/editor", admin).await.done();
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
    app.role("editor", &[]).await;
    let shown = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(shown.texts("roles"), [""; 0]);
}

async fn lists_are_paged_without_gaps(app: TestApp) {
    let admin = app.admin().await;
    for name in ["a", "a-b", "a.b", "a_b", "ab", "b", "0"] {
        app.role(name, &[&format!("{name}:read")]).await;
    }
    for list in [ROLES, "/api/permissions"] {
        let whole = app.get(format_args!("{list}?limit=200"), admin).await;
        let all = whole.items("name");
        assert!(all.len() >= 7, "{list}: {all:?}");
        let mut seen = Vec::new();
        let mut cursor = String::new();
        while seen.len() <= all.len() {
            let page = app.get(format_args!("{list}?limit=2{cursor}"), admin).await;
            seen.extend(page.items("name"));
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, all, "{list}");
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(all, sorted, "{list} has one order on both databases");
    }
}
