//! The delegation limit: changing a role, an assignment or a user requires everything that it holds. And the last
//! administrator cannot be removed.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    x044_nobody_assigns_a_role_with_more_than_they_hold,
    nobody_unassigns_a_role_with_more_than_they_hold,
    nobody_creates_a_user_with_more_than_they_hold,
    nobody_changes_a_user_who_holds_more_than_they_do,
    x044_nobody_adds_to_a_role_what_they_do_not_hold,
    nobody_edits_or_deletes_a_role_above_their_own,
    x045_nobody_escalates_through_the_hierarchy,
    a_role_checked_by_name_must_be_held_to_be_assigned,
    only_a_holder_of_a_wildcard_delegates_it,
    a_future_assignment_counts_as_held_by_its_user,
    a_narrowed_token_delegates_no_more_than_it_carries,
    a_write_needs_current_authority_not_just_a_token,
    nobody_escalates_with_a_permission_they_created,
    x050_the_last_administrator_cannot_be_removed,
    a_temporary_administrator_does_not_replace_the_last_one,
];

/// Creates `limited`, who may administer users, roles and assignments and holds `items:read`, and `victim`, whose
/// role `boss` holds `secrets:read`, which `limited` does not hold. Returns the token of `limited` and the id of
/// `victim`.
async fn create_limited(app: &TestApp) -> (String, String) {
    app.create_role(
        "manager",
        &[
            "items:read",
            "rolecall.users:read",
            "rolecall.users:write",
            "rolecall.roles:read",
            "rolecall.roles:write",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
            "rolecall.sessions:revoke",
        ],
    )
    .await;
    app.create_role("boss", &["secrets:read"]).await;
    app.create_plain_role("reader", &["items:read"]).await;
    app.create_user("limited", &["manager", "user"]).await;
    let victim = app.create_user("victim", &["boss"]).await;
    (app.log_in("limited").await, victim)
}

async fn x044_nobody_assigns_a_role_with_more_than_they_hold(app: TestApp) {
    let (token, victim) = create_limited(&app).await;
    let own = app.id_of("limited").await;
    let bob = app.create_user("bob", &[]).await;
    let revision = app.db.revision().await;
    for id in [&own, &bob, &victim] {
        let refused = app
            .put(format_args!("/api/users/{id}/roles/boss"), &token)
            .await;
        refused.forbidden("secrets:read");
        assert_eq!(refused.json["rule"], "delegation_limit");
        assert_eq!(refused.json["permissions"], json!(["secrets:read"]));
        app.put(format_args!("/api/users/{id}/roles/rolecall.admin"), &token)
            .await
            .is(403);
    }
    assert_eq!(app.db.revision().await, revision);
    // they may assign what they hold
    app.put(format_args!("/api/users/{bob}/roles/reader"), &token)
        .await
        .no_content();
    app.put(format_args!("/api/users/{bob}/roles/manager"), &token)
        .await
        .no_content();
    app.put(format_args!("/api/users/{bob}/roles/user"), &token)
        .await
        .no_content();
}

async fn nobody_unassigns_a_role_with_more_than_they_hold(app: TestApp) {
    let (token, victim) = create_limited(&app).await;
    let admin = app.id_of("admin").await;
    let revision = app.db.revision().await;
    app.delete(format_args!("/api/users/{victim}/roles/boss"), &token)
        .await
        .forbidden("secrets:read");
    app.delete(
        format_args!("/api/users/{admin}/roles/rolecall.admin"),
        &token,
    )
    .await
    .is(403);
    let body = json!({ "expires_at": "2030-01-01T00:01:00Z" });
    app.put_json(format_args!("/api/users/{victim}/roles/boss"), &token, body)
        .await
        .forbidden("secrets:read");
    assert_eq!(app.db.revision().await, revision);
}

async fn nobody_creates_a_user_with_more_than_they_hold(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let (users, revision) = (app.db.count("users").await, app.db.revision().await);
    for role in ["boss", "rolecall.admin"] {
        let body = json!({ "username": "mole", "password": PASSWORD, "roles": ["reader", role] });
        app.post("/api/users", &token, body).await.is(403);
    }
    assert_eq!(app.db.count("users").await, users);
    assert_eq!(app.db.revision().await, revision);
    let body = json!({ "username": "mole", "roles": ["reader", "user"] });
    app.post("/api/users", &token, body).await.is(201);
}

async fn nobody_changes_a_user_who_holds_more_than_they_do(app: TestApp) {
    let (token, victim) = create_limited(&app).await;
    let admin = app.id_of("admin").await;
    let revision = app.db.revision().await;
    for id in [&victim, &admin] {
        let user = format!("/api/users/{id}");
        for body in [
            json!({ "username": "mine" }),
            json!({ "email": "mine@mail.example" }),
            json!({ "status": "disabled" }),
            json!({ "status": "password_change_required" }),
        ] {
            app.patch(&user, &token, body).await.is(403);
        }
        app.post(format_args!("{user}/reset"), &token, json!({}))
            .await
            .is(403);
        app.delete(format_args!("{user}/sessions"), &token)
            .await
            .is(403);
        app.delete(&user, &token).await.is(403);
        // reading is allowed
        app.get(&user, &token).await.is(200);
    }
    assert_eq!(app.db.revision().await, revision);
    app.log_in("victim").await;
    let bob = app.create_user("bob", &["reader"]).await;
    app.post(format_args!("/api/users/{bob}/reset"), &token, json!({}))
        .await
        .is(200);
    app.delete(format_args!("/api/users/{bob}"), &token)
        .await
        .no_content();
}

async fn x044_nobody_adds_to_a_role_what_they_do_not_hold(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let revision = app.db.revision().await;
    for role in ["manager", "reader", "user"] {
        for permission in [
            "secrets:read",
            "rolecall.assignments:any",
            "rolecall.audit:read",
        ] {
            app.put(
                format_args!("/api/roles/{role}/permissions/{permission}"),
                &token,
            )
            .await
            .forbidden(permission);
        }
    }
    assert_eq!(app.db.revision().await, revision);
    app.put("/api/roles/reader/permissions/rolecall.users:read", &token)
        .await
        .no_content();
}

async fn nobody_edits_or_deletes_a_role_above_their_own(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let revision = app.db.revision().await;
    let boss = "/api/roles/boss";
    app.patch(boss, &token, json!({ "description": "mine" }))
        .await
        .forbidden("secrets:read");
    app.delete(boss, &token).await.forbidden("secrets:read");
    app.delete(format_args!("{boss}/permissions/secrets:read"), &token)
        .await
        .forbidden("secrets:read");
    app.put(format_args!("{boss}/permissions/items:read"), &token)
        .await
        .forbidden("secrets:read");
    assert_eq!(app.db.revision().await, revision);
}

async fn x045_nobody_escalates_through_the_hierarchy(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    app.create_role("bridge", &[]).await;
    app.inherit("bridge", "boss").await;
    let revision = app.db.revision().await;
    // their own role above one that holds more, directly and through a role in between
    app.put("/api/roles/manager/juniors/boss", &token)
        .await
        .forbidden("secrets:read");
    app.put("/api/roles/manager/juniors/bridge", &token)
        .await
        .forbidden("secrets:read");
    app.put("/api/roles/boss/juniors/reader", &token)
        .await
        .forbidden("secrets:read");
    app.delete("/api/roles/bridge/juniors/boss", &token)
        .await
        .is(403);
    app.put("/api/roles/user/juniors/rolecall.admin", &token)
        .await
        .is(403);
    assert_eq!(app.db.revision().await, revision);
}

async fn a_role_checked_by_name_must_be_held_to_be_assigned(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let bob = app.create_user("bob", &[]).await;
    // the application's `admin` holds no permission, but routes may check for it by name
    let path = format!("/api/users/{bob}/roles/admin");
    app.put(&path, &token).await.forbidden("role:admin");
    app.put("/api/roles/manager/juniors/admin", &token)
        .await
        .forbidden("role:admin");
    app.delete("/api/roles/admin", &token)
        .await
        .forbidden("role:admin");
    let limited = app.id_of("limited").await;
    app.assign(&limited, "admin").await;
    app.put(&path, &app.log_in("limited").await)
        .await
        .no_content();
}

async fn only_a_holder_of_a_wildcard_delegates_it(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let bob = app.create_user("bob", &[]).await;
    app.create_role("all-items", &["items:*"]).await;
    // `items:read` is the only permission on `items` now, but the wildcard covers later ones too
    app.put(format_args!("/api/users/{bob}/roles/all-items"), &token)
        .await
        .forbidden("items:*");
    app.put("/api/roles/reader/permissions/items:*", &token)
        .await
        .forbidden("items:*");
}

async fn a_future_assignment_counts_as_held_by_its_user(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let bob = app.create_user("bob", &[]).await;
    let body = json!({ "valid_from": "2031-01-01T00:00:00Z" });
    let path = format!("/api/users/{bob}/roles/boss");
    app.put_json(path, app.admin().await, body)
        .await
        .no_content();
    // taking over bob now would make them boss later
    app.post(format_args!("/api/users/{bob}/reset"), &token, json!({}))
        .await
        .forbidden("secrets:read");
}

async fn a_narrowed_token_delegates_no_more_than_it_carries(app: TestApp) {
    let bob = app.create_user("bob", &[]).await;
    app.create_role("reader", &["items:read"]).await;
    let scope = "rolecall.assignments:write rolecall.assignments:read";
    let narrowed = app.log_in_with_scope("admin", scope).await;
    let revision = app.db.revision().await;
    app.put(
        format_args!("/api/users/{bob}/roles/rolecall.admin"),
        &narrowed,
    )
    .await
    .is(403);
    app.put(format_args!("/api/users/{bob}/roles/reader"), &narrowed)
        .await
        .forbidden("items:read");
    app.delete(format_args!("/api/users/{bob}"), &narrowed)
        .await
        .forbidden("rolecall.users:write");
    assert_eq!(app.db.revision().await, revision);
    let enough = format!("{scope} rolecall.assignments:any");
    let token = app.log_in_with_scope("admin", &enough).await;
    app.put(format_args!("/api/users/{bob}/roles/reader"), &token)
        .await
        .no_content();
}

async fn a_write_needs_current_authority_not_just_a_token(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    let other = app.second_node().await;
    let limited = app.id_of("limited").await;
    let bob = app.create_user("bob", &[]).await;
    app.unassign(&limited, "manager").await;
    // the other node may not know of it yet, but the database does
    let response = other
        .put(format_args!("/api/users/{bob}/roles/reader"), &token)
        .await;
    assert!(
        [401, 403].contains(&response.status.as_u16()),
        "{response:?}"
    );
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    assert_eq!(app.db.number(&sql).await, 0);
    app.delete(format_args!("/api/users/{limited}"), app.admin().await)
        .await
        .no_content();
    let body = json!({ "name": "mine" });
    let response = other.post("/api/roles", &token, body).await;
    assert!(
        [401, 403].contains(&response.status.as_u16()),
        "{response:?}"
    );
}

async fn nobody_escalates_with_a_permission_they_created(app: TestApp) {
    let (token, _) = create_limited(&app).await;
    // a new permission on an object benefits only those who hold its wildcard
    let body = json!({ "name": "secrets:write" });
    app.post("/api/permissions", &token, body).await.is(201);
    app.put("/api/roles/manager/permissions/secrets:write", &token)
        .await
        .forbidden("secrets:write");
    app.put("/api/roles/manager/permissions/secrets:*", &token)
        .await
        .is(403);
    // they cannot delete what they do not hold
    app.delete("/api/permissions/secrets:write", &token)
        .await
        .forbidden("secrets:write");
}

async fn x050_the_last_administrator_cannot_be_removed(app: TestApp) {
    let admin = app.admin().await;
    let id = app.id_of("admin").await;
    let user = format!("/api/users/{id}");
    let role = format!("{user}/roles/rolecall.admin");
    let revision = app.db.revision().await;
    let all_refused = async || {
        let last = "last_administrator";
        app.delete(&user, admin).await.violates(last);
        app.delete(&role, admin).await.violates(last);
        app.patch(&user, admin, json!({ "status": "disabled" }))
            .await
            .violates(last);
        let body = json!({ "expires_at": "2031-01-01T00:00:00Z" });
        app.put_json(&role, admin, body).await.violates(last);
        let body = json!({ "valid_from": "2031-01-01T00:00:00Z" });
        app.put_json(&role, admin, body).await.violates(last);
    };
    all_refused().await;
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/users", admin).await.is(200);
    // with a second administrator the first one can go, but not while the second is disabled
    let bob = app.create_user("bob", &["rolecall.admin"]).await;
    let path = format!("/api/users/{bob}");
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    all_refused().await;
    app.patch(&path, admin, json!({ "status": "active" }))
        .await
        .is(200);
    app.delete(&role, admin).await.no_content();
    app.get("/api/users", admin).await.ended_token();
}

async fn a_temporary_administrator_does_not_replace_the_last_one(app: TestApp) {
    let admin = app.admin().await;
    let id = app.id_of("admin").await;
    let bob = app.create_user("bob", &[]).await;
    let role = format!("/api/users/{bob}/roles/rolecall.admin");
    for body in [
        json!({ "expires_at": "2040-01-01T00:00:00Z" }),
        json!({ "valid_from": "2030-01-02T00:00:00Z" }),
    ] {
        app.put_json(&role, admin, body).await.no_content();
        app.delete(format_args!("/api/users/{id}"), admin)
            .await
            .violates("last_administrator");
    }
}
