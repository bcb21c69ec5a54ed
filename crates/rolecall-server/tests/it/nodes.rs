//! Several processes on one database: each learns within its poll what the others took away.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, eventually, on_both};

on_both![
    a_token_of_one_node_is_good_at_the_other,
    x092_a_loss_at_one_node_reaches_the_other,
    a_token_ended_at_one_node_writes_nothing_at_the_other_not_even_before_it_has_heard,
    a_policy_changed_at_one_node_is_the_policy_of_the_other,
    an_account_locked_or_slowed_at_one_node_is_so_at_the_other,
    a_node_that_started_after_the_loss_knows_it_at_once,
    two_nodes_that_start_at_once_make_one_of_everything,
    a_node_whose_database_has_gone_answers_503_and_never_lets_in,
];

async fn a_token_of_one_node_is_good_at_the_other(app: TestApp) {
    let other = app.second_node().await;
    app.user("alice", &["user"]).await;
    let (here, there) = (app.login("alice").await, other.login("alice").await);
    for token in [&here, &there] {
        app.get("/api/me", token).await.is(200);
        other.get("/api/me", token).await.is(200);
    }
    assert_eq!(
        app.get("/.well-known/jwks.json", "").await.json,
        other.get("/.well-known/jwks.json", "").await.json
    );
}

async fn x092_a_loss_at_one_node_reaches_the_other(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    app.user("bob", &["editor"]).await;
    let other = app.second_node().await;
    let (alices, bobs) = (app.login("alice").await, app.login("bob").await);
    other.get("/items/", &alices).await.is(200);
    app.unassign(&alice, "editor").await;
    eventually("the other node refuses", async || {
        other.get("/items/", &alices).await.status == 401
    })
    .await;
    other.get("/items/", &alices).await.ended();
    other.get("/items/", &bobs).await.is(200);
    // a log-in at the other node cannot be too old for the first
    let later = other.login("alice").await;
    app.get("/api/me", &later).await.is(200);
    app.get("/items/", &later).await.forbidden("items:read");
    other.get("/items/", &later).await.forbidden("items:read");
}

async fn a_token_ended_at_one_node_writes_nothing_at_the_other_not_even_before_it_has_heard(
    app: TestApp,
) {
    let admin = app.admin().await;
    app.role("manager", &["rolecall.roles:write", "rolecall.roles:read"])
        .await;
    let alice = app.user("alice", &["manager"]).await;
    let other = app.second_node().await;
    for round in 0..8 {
        let token = other.login("alice").await;
        let role = |name: String| json!({ "name": name });
        other
            .post("/api/roles", &token, role(format!("before-{round}")))
            .await
            .is(201);
        let sessions = format!("/api/users/{alice}/sessions");
        app.delete(&sessions, admin).await.done();
        // at once: most rounds come before the other node's poll
        other
            .post("/api/roles", &token, role(format!("after-{round}")))
            .await
            .ended();
    }
    let after = app
        .db
        .number("SELECT COUNT(*) FROM roles WHERE name LIKE 'after-%'");
    assert_eq!(after.await, 0);
}

async fn a_policy_changed_at_one_node_is_the_policy_of_the_other(app: TestApp) {
    let other = app.second_node().await;
    app.role("editor", &["items:read"]).await;
    app.user("alice", &["editor"]).await;
    let token = other.login("alice").await;
    other.get("/items/", &token).await.is(200);
    let admin = app.admin().await;
    let shown = other.get("/api/roles/editor", admin).await;
    assert_eq!(shown.texts("permissions"), ["items:read"]);
    let path = "/api/roles/editor/permissions/items:read";
    app.delete(path, admin).await.done();
    // a new token never rests on the old policy, not even before the poll
    let later = other.login("alice").await;
    other.get("/items/", &later).await.forbidden("items:read");
    let shown = other.get("/api/roles/editor", admin).await;
    assert_eq!(shown.texts("permissions"), [""; 0]);
}

async fn an_account_locked_or_slowed_at_one_node_is_so_at_the_other(app: TestApp) {
    let other = app.second_node().await;
    for _ in 0..3 {
        app.password_grant("admin", "wrong").await.wrong_password();
        other
            .password_grant("admin", "wrong")
            .await
            .wrong_password();
    }
    assert_eq!(app.password_grant("admin", PASSWORD).await.status, 429);
    assert_eq!(other.password_grant("admin", PASSWORD).await.status, 429);
}

async fn a_node_that_started_after_the_loss_knows_it_at_once(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    app.unassign(&alice, "user").await;
    let other = app.second_node().await;
    other.get("/api/me", &token).await.ended();
}

async fn two_nodes_that_start_at_once_make_one_of_everything(app: TestApp) {
    // as on an empty database: nothing is there any more
    for table in [
        "audit",
        "policy_changes",
        "ended_assignments",
        "assignment_requests",
        "floors",
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
    // the key that signs and the next one; that of the audit log and that of failed log-ins
    for table in ["signing_keys", "secrets"] {
        assert_eq!(app.db.count(table).await, 2, "{table}");
    }
    assert_eq!(app.db.count("role_assignments").await, 2);
    let token = one.login("admin").await;
    two.get("/api/users", &token).await.is(200);
    three.get("/api/users", &token).await.is(200);
}

async fn a_node_whose_database_has_gone_answers_503_and_never_lets_in(app: TestApp) {
    let token = app.login("admin").await;
    for table in ["head", "users"] {
        app.db
            .execute(&format!("ALTER TABLE {table} RENAME TO {table}_gone"))
            .await;
    }
    // what is known stays in force until it is too old
    app.clock.advance(std::time::Duration::from_secs(31));
    let answer = app.get("/items/", &token).await;
    assert_eq!(answer.is(503).header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None);
    let answer = app.password_grant("admin", PASSWORD).await;
    assert!(answer.status.is_server_error(), "{answer:?}");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
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
