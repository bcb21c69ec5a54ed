//! Permissions and roles that try to be more than they are.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    x049_a_deep_hierarchy_and_very_many_roles_are_answered_in_bounded_time,
    x054_a_permission_is_compared_letter_by_letter,
];

const DEPTH: usize = 10_000;

/// Written past the API: one request a role would take longer than all that is measured here.
async fn many_roles(app: &TestApp) {
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

async fn x049_a_deep_hierarchy_and_very_many_roles_are_answered_in_bounded_time(app: TestApp) {
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    many_roles(&app).await;
    let began = Instant::now();
    // all of it by one assignment
    app.put(format_args!("/api/users/{alice}/roles/deep0"), admin)
        .await
        .done();
    // a token of all these roles would be too long: it is refused, and narrowed it is made
    app.password_grant("alice", PASSWORD)
        .await
        .oauth(400, "invalid_scope");
    let token = app
        .login_for("alice", &format!("role:deep{}", DEPTH - 1))
        .await;
    assert!(token.len() < 4096, "{}", token.len());
    app.get("/api/me", &token).await.is(200);
    // one end of the chain to the other, which would close it
    let path = format!("/api/roles/deep{}/juniors/deep0", DEPTH - 1);
    let refused = app.put(path, admin).await;
    refused.is(409);
    assert!(
        refused.body.len() < 1 << 20,
        "an answer of {} bytes",
        refused.body.len()
    );
    // what is asked for cannot be endless either
    let all: Vec<String> = (0..DEPTH / 5)
        .map(|number| format!("role:deep{number}"))
        .collect();
    app.try_login_for("alice", &all.join(" "))
        .await
        .oauth(400, "invalid_scope");
    app.login("admin").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// What is nobody's permission, however it is compared.
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

async fn x054_a_permission_is_compared_letter_by_letter(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    app.user("alice", &["editor"]).await;
    let admin = app.admin().await;
    let token = app.login("alice").await;
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
        let made = app
            .post("/api/permissions", admin, json!({ "name": trick }))
            .await;
        assert_eq!(made.status, 422, "{trick}");
        let asked = app.try_login_for("alice", trick).await;
        // an active role is asked for in this way, and is no permission
        if *trick == "role:editor" {
            assert_eq!(asked.is(200).text("scope"), "role:editor");
        } else {
            assert_eq!(asked.status, 400, "{trick}: {asked:?}");
        }
    }
    assert_eq!(app.db.revision().await, revision, "nothing was granted");
    app.get("/items/", &token).await.is(200);
    // what begins or ends alike is another permission
    for near in ["items:rea", "items:read2", "items2:read", "item:read"] {
        app.post("/api/permissions", admin, json!({ "name": near }))
            .await
            .is(201);
    }
    app.role(
        "near",
        &["items:rea", "items:read2", "items2:read", "item:read"],
    )
    .await;
    app.user("bob", &["near"]).await;
    app.get("/items/", &app.login("bob").await)
        .await
        .forbidden("items:read");
}
