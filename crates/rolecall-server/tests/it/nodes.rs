//! Several nodes on one database: each learns of losses on the others with its next poll.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, eventually, on_both};

on_both![
    a_token_of_one_node_is_valid_on_the_other,
    x092_a_loss_on_one_node_reaches_the_other,
    a_token_revoked_on_one_node_writes_nothing_on_the_other_even_before_its_poll,
    a_policy_change_on_one_node_applies_on_the_other,
    failures_on_one_node_slow_the_account_on_the_other,
    a_node_started_after_a_loss_knows_it_at_once,
    nodes_that_start_at_once_create_everything_once,
    a_node_without_its_database_answers_503_and_admits_nobody,
];

async fn a_token_of_one_node_is_valid_on_the_other(app: TestApp) {
    let other = app.second_node().await;
    app.create_user("alice", &["user"]).await;
    let (here, there) = (app.log_in("alice").await, other.log_in("alice").await);
    for token in [&here, &there] {
        app.get("/api/me", token).await.is(200);
        other.get("/api/me", token).await.is(200);
    }
    assert_eq!(
        app.get("/.well-known/jwks.json", "").await.json,
        other.get("/.well-known/jwks.json", "").await.json
    );
}

async fn x092_a_loss_on_one_node_reaches_the_other(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    app.create_user("bob", &["editor"]).await;
    let other = app.second_node().await;
    let (alices, bobs) = (app.log_in("alice").await, app.log_in("bob").await);
    other.get("/items/", &alices).await.is(200);
    app.unassign(&alice, "editor").await;
    eventually("the other node refuses", async || {
        other.get("/items/", &alices).await.status == 401
    })
    .await;
    other.get("/items/", &alices).await.ended_token();
    other.get("/items/", &bobs).await.is(200);
    // a token from the other node cannot be too old for the first
    let later = other.log_in("alice").await;
    app.get("/api/me", &later).await.is(200);
    app.get("/items/", &later).await.forbidden("items:read");
    other.get("/items/", &later).await.forbidden("items:read");
}

async fn a_token_revoked_on_one_node_writes_nothing_on_the_other_even_before_its_poll(
    app: TestApp,
) {
    let admin = app.admin().await;
    app.create_role("manager", &["rolecall.roles:write", "rolecall.roles:read"])
        .await;
    let alice = app.create_user("alice", &["manager"]).await;
    let other = app.second_node().await;
    for round in 0..8 {
        let token = other.log_in("alice").await;
        let role = |name: String| json!({ "name": name });
        other
            .post("/api/roles", &token, role(format!("before-{round}")))
            .await
            .is(201);
        let sessions = format!("/api/users/{alice}/sessions");
        app.delete(&sessions, admin).await.no_content();
        // at once: in most rounds before the other node's poll
        other
            .post("/api/roles", &token, role(format!("after-{round}")))
            .await
            .ended_token();
    }
    let after = app
        .db
        .number("SELECT COUNT(*) FROM roles WHERE name LIKE 'after-%'");
    assert_eq!(after.await, 0);
}

async fn a_policy_change_on_one_node_applies_on_the_other(app: TestApp) {
    let other = app.second_node().await;
    app.create_role("editor", &["items:read"]).await;
    app.create_user("alice", &["editor"]).await;
    let token = other.log_in("alice").await;
    other.get("/items/", &token).await.is(200);
    let admin = app.admin().await;
    let shown = other.get("/api/roles/editor", admin).await;
    assert_eq!(shown.texts("permissions"), ["items:read"]);
    let path = "/api/roles/editor/permissions/items:read";
    app.delete(path, admin).await.no_content();
    // a new token never uses the old policy, even before the poll
    let later = other.log_in("alice").await;
    other.get("/items/", &later).await.forbidden("items:read");
    let shown = other.get("/api/roles/editor", admin).await;
    assert_eq!(shown.texts("permissions"), [""; 0]);
}

async fn failures_on_one_node_slow_the_account_on_the_other(app: TestApp) {
    let other = app.second_node().await;
    for number in 0..3 {
        let guess = format!("a guess {number}");
        app.password_grant("admin", &guess).await.wrong_password();
        other.password_grant("admin", &guess).await.wrong_password();
    }
    assert_eq!(app.password_grant("admin", PASSWORD).await.status, 429);
    assert_eq!(other.password_grant("admin", PASSWORD).await.status, 429);
}

async fn a_node_started_after_a_loss_knows_it_at_once(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    app.unassign(&alice, "user").await;
    let other = app.second_node().await;
    other.get("/api/me", &token).await.ended_token();
}

async fn nodes_that_start_at_once_create_everything_once(app: TestApp) {
    // as on an empty database
    for table in [
        "audit",
        "audit_details",
        "policy_changes",
        "ended_assignments",
        "assignment_requests",
        "floors",
        "active_roles",
        "sessions",
        "role_assignments",
        "users",
        "subjects",
        "role_permissions",
        "role_constraint_members",
        "role_constraints",
        "roles",
        "permissions",
        "signing_keys",
        "secrets",
        "head",
    ] {
        app.db.execute(&format!("DELETE FROM {table}")).await;
    }
    let (one, two, three) = tokio::join!(app.second_node(), app.second_node(), app.second_node());
    for table in ["head", "users"] {
        assert_eq!(app.db.count(table).await, 1, "{table}");
    }
    // the key that signs and the next one; the secrets of the audit log and of failed logins
    for table in ["signing_keys", "secrets"] {
        assert_eq!(app.db.count(table).await, 2, "{table}");
    }
    assert_eq!(app.db.count("role_assignments").await, 2);
    let token = one.log_in("admin").await;
    two.get("/api/users", &token).await.is(200);
    three.get("/api/users", &token).await.is(200);
}

async fn a_node_without_its_database_answers_503_and_admits_nobody(app: TestApp) {
    let token = app.log_in("admin").await;
    for table in ["head", "users"] {
        app.db
            .execute(&format!("ALTER TABLE {table} RENAME TO {table}_gone"))
            .await;
    }
    // known state is used until it is stale
    app.clock.advance(std::time::Duration::from_secs(31));
    let response = app.get("/items/", &token).await;
    assert_eq!(response.is(503).header("retry-after"), Some("1"));
    assert_eq!(response.header("www-authenticate"), None);
    let response = app.password_grant("admin", PASSWORD).await;
    assert!(response.status.is_server_error(), "{response:?}");
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert!(
        !text.to_lowercase().contains("select") && !text.contains("users"),
        "{text}"
    );
    for table in ["head", "users"] {
        app.db
            .execute(&format!("ALTER TABLE {table}_gone RENAME TO {table}"))
            .await;
    }
    eventually("the node recovers", async || {
        app.get("/api/me", &token).await.status == 200
    })
    .await;
}
