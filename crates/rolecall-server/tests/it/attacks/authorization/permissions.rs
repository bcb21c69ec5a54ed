//! Permissions and roles that try to be more than they are.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    x049_a_deep_hierarchy_of_very_many_roles_takes_bounded_time,
    x054_permissions_are_compared_exactly,
];

const DEPTH: usize = 10_000;

/// Writes a chain of roles into the database: creating them over the API would take longer than the test itself.
async fn insert_role_chain(app: &TestApp) {
    let mut statements = Vec::new();
    let (mut roles, mut juniors) = (Vec::new(), Vec::new());
    for number in 0..DEPTH {
        roles.push(format!("('deep{number}', '', 0, 0)"));
        if number > 0 {
            juniors.push(format!("('deep{}', 'deep{number}')", number - 1));
        }
    }
    for rows in roles.chunks(500) {
        statements.push(format!(
            "INSERT INTO roles (name, description, created_at, updated_at) VALUES {}",
            rows.join(",")
        ));
    }
    for rows in juniors.chunks(500) {
        statements.push(format!(
            "INSERT INTO role_juniors (senior, junior) VALUES {}",
            rows.join(",")
        ));
    }
    statements
        .push("UPDATE head SET revision = revision + 1, policy_revision = revision + 1".to_owned());
    for statement in statements {
        app.db.execute(&statement).await;
    }
}

async fn x049_a_deep_hierarchy_of_very_many_roles_takes_bounded_time(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    insert_role_chain(&app).await;
    let started = Instant::now();
    // one assignment gives all of them
    app.put(format_args!("/api/users/{alice}/roles/deep0"), admin)
        .await
        .no_content();
    // a token with all these roles would be too long, so they are left out unless they are asked for
    let whole = app.password_grant("alice", PASSWORD).await;
    let whole = claims(&whole.is(200).text("access_token"));
    assert_eq!(whole["roles"], json!([]));
    app.try_log_in_with_scope("alice", "role:deep0")
        .await
        .oauth_error(400, "invalid_scope");
    let token = app
        .log_in_with_scope("alice", &format!("role:deep{}", DEPTH - 1))
        .await;
    assert!(token.len() < 4096, "{}", token.len());
    app.get("/api/me", &token).await.is(200);
    // an edge that would close the chain
    let path = format!("/api/roles/deep{}/juniors/deep0", DEPTH - 1);
    let refused = app.put(path, admin).await;
    refused.is(409);
    assert!(
        refused.body.len() < 1 << 20,
        "a response of {} bytes",
        refused.body.len()
    );
    // a very long scope is refused as well
    let all: Vec<String> = (0..DEPTH / 5)
        .map(|number| format!("role:deep{number}"))
        .collect();
    app.try_log_in_with_scope("alice", &all.join(" "))
        .await
        .oauth_error(400, "invalid_scope");
    app.log_in("admin").await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Strings that must match no permission, however they are compared.
const TRICKS: &[&str] = &[
    "*",
    "*:*",
    "*:read",
    "items:**",
    "items:re*",
    "items",
    "items:",
    ":read",
    "items:read:write",
    "items:read,items:write",
    "items:read items:write",
    "ITEMS:READ",
    "Items:read",
    " items:read",
    "items:read ",
    "items:read\0",
    "items:read\n",
    "items:r\u{435}ad",
    "items:read%",
    "items/read",
    "items::read",
    "role:editor",
    "role:*",
    "items:\u{ff52}ead",
    "items:read;",
    "rolecall.users:own",
    "-items:read",
    "items:.read",
    "items:read/../write",
];

async fn x054_permissions_are_compared_exactly(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_user("alice", &["editor"]).await;
    let admin = app.admin().await;
    let token = app.log_in("alice").await;
    let revision = app.db.revision().await;
    for trick in TRICKS {
        let encoded: String = form_urlencoded::byte_serialize(trick.as_bytes())
            .collect::<String>()
            .replace('+', "%20");
        let path = format!("/api/roles/editor/permissions/{encoded}");
        let granted = app.put(path, admin).await;
        assert!(
            [404, 409, 422].contains(&granted.status.as_u16()),
            "{trick}: {granted:?}"
        );
        let created = app
            .post("/api/permissions", admin, json!({ "name": trick }))
            .await;
        assert_eq!(created.status, 422, "{trick}");
        let requested = app.try_log_in_with_scope("alice", trick).await;
        // this requests an active role, not a permission
        if *trick == "role:editor" {
            assert_eq!(requested.is(200).text("scope"), "role:editor");
        } else {
            assert_eq!(requested.status, 400, "{trick}: {requested:?}");
        }
    }
    assert_eq!(app.db.revision().await, revision, "nothing was granted");
    app.get("/items/", &token).await.is(200);
    // similar names are other permissions
    for near in ["items:rea", "items:read2", "items2:read", "item:read"] {
        app.post("/api/permissions", admin, json!({ "name": near }))
            .await
            .is(201);
    }
    app.create_role(
        "near",
        &["items:rea", "items:read2", "items2:read", "item:read"],
    )
    .await;
    app.create_user("bob", &["near"]).await;
    app.get("/items/", &app.log_in("bob").await)
        .await
        .forbidden("items:read");
}
