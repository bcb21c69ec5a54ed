//! The delegation limit: who acts on a role, an assignment or a user must hold all that it holds. And the
//! last administrator stays.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    x044_nobody_gives_a_role_that_holds_more_than_they_do,
    nobody_takes_a_role_that_holds_more_than_they_do,
    nobody_makes_a_user_with_more_than_they_hold,
    nobody_acts_on_a_user_who_holds_more,
    x044_nobody_adds_to_a_role_what_they_do_not_hold,
    nobody_edits_or_deletes_a_role_above_their_own,
    x045_nobody_reaches_upwards_by_way_of_the_hierarchy,
    a_role_that_works_by_its_name_alone_must_be_held,
    a_wildcard_is_handed_on_only_by_who_holds_the_wildcard,
    a_future_assignment_counts_as_held_by_its_user,
    a_narrowed_token_hands_on_no_more_than_it_carries,
    a_token_alone_is_never_enough_to_write,
    nobody_lends_themselves_more_with_a_permission_of_their_own,
    x050_the_last_administrator_stays,
    an_administrator_for_a_time_does_not_count_as_the_last,
];

/// `limited` may administer users, roles and assignments, and holds `items:read` besides; `boss` holds
/// `secrets:read`, which `limited` does not, and is the role of `victim`. Gives the token of `limited`
/// and the id of `victim`.
async fn limited(app: &TestApp) -> (String, String) {
    app.role(
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
    app.role("boss", &["secrets:read"]).await;
    app.role("reader", &["items:read"]).await;
    app.user("limited", &["manager"]).await;
    let victim = app.user("victim", &["boss"]).await;
    (app.login("limited").await, victim)
}

async fn x044_nobody_gives_a_role_that_holds_more_than_they_do(app: TestApp) {
    let (token, victim) = limited(&app).await;
    let own = app.id_of("limited").await;
    let bob = app.user("bob", &[]).await;
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
    // what they hold they may give
    app.put(format_args!("/api/users/{bob}/roles/reader"), &token)
        .await
        .done();
    app.put(format_args!("/api/users/{bob}/roles/manager"), &token)
        .await
        .done();
    app.put(format_args!("/api/users/{bob}/roles/user"), &token)
        .await
        .done();
}

async fn nobody_takes_a_role_that_holds_more_than_they_do(app: TestApp) {
    let (token, victim) = limited(&app).await;
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

async fn nobody_makes_a_user_with_more_than_they_hold(app: TestApp) {
    let (token, _) = limited(&app).await;
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

async fn nobody_acts_on_a_user_who_holds_more(app: TestApp) {
    let (token, victim) = limited(&app).await;
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
        // to see is not to act
        app.get(&user, &token).await.is(200);
    }
    assert_eq!(app.db.revision().await, revision);
    app.login("victim").await;
    let bob = app.user("bob", &["reader"]).await;
    app.post(format_args!("/api/users/{bob}/reset"), &token, json!({}))
        .await
        .is(200);
    app.delete(format_args!("/api/users/{bob}"), &token)
        .await
        .done();
}

async fn x044_nobody_adds_to_a_role_what_they_do_not_hold(app: TestApp) {
    let (token, _) = limited(&app).await;
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
        .done();
}

async fn nobody_edits_or_deletes_a_role_above_their_own(app: TestApp) {
    let (token, _) = limited(&app).await;
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

async fn x045_nobody_reaches_upwards_by_way_of_the_hierarchy(app: TestApp) {
    let (token, _) = limited(&app).await;
    app.role("bridge", &[]).await;
    app.inherit("bridge", "boss").await;
    let revision = app.db.revision().await;
    // a role of their own above one that holds more, and one that only inherits it
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

async fn a_role_that_works_by_its_name_alone_must_be_held(app: TestApp) {
    let (token, _) = limited(&app).await;
    let bob = app.user("bob", &[]).await;
    // the application's `admin` holds no permission here, and is powerful all the same
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
    app.put(&path, &app.login("limited").await).await.done();
}

async fn a_wildcard_is_handed_on_only_by_who_holds_the_wildcard(app: TestApp) {
    let (token, _) = limited(&app).await;
    let bob = app.user("bob", &[]).await;
    app.role("all-items", &["items:*"]).await;
    // `items:read` is all there is of `items` today, and not what there is tomorrow
    app.put(format_args!("/api/users/{bob}/roles/all-items"), &token)
        .await
        .forbidden("items:*");
    app.put("/api/roles/reader/permissions/items:*", &token)
        .await
        .forbidden("items:*");
}

async fn a_future_assignment_counts_as_held_by_its_user(app: TestApp) {
    let (token, _) = limited(&app).await;
    let bob = app.user("bob", &[]).await;
    let body = json!({ "valid_from": "2031-01-01T00:00:00Z" });
    let path = format!("/api/users/{bob}/roles/boss");
    app.put_json(path, app.admin().await, body).await.done();
    // whoever could take over bob now would be boss later
    app.post(format_args!("/api/users/{bob}/reset"), &token, json!({}))
        .await
        .forbidden("secrets:read");
}

async fn a_narrowed_token_hands_on_no_more_than_it_carries(app: TestApp) {
    let bob = app.user("bob", &[]).await;
    app.role("reader", &["items:read"]).await;
    let scope = "rolecall.assignments:write rolecall.assignments:read";
    let narrowed = app.login_for("admin", scope).await;
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
    let token = app.login_for("admin", &enough).await;
    app.put(format_args!("/api/users/{bob}/roles/reader"), &token)
        .await
        .done();
}

async fn a_token_alone_is_never_enough_to_write(app: TestApp) {
    let (token, _) = limited(&app).await;
    let other = app.second_node().await;
    let limited = app.id_of("limited").await;
    let bob = app.user("bob", &[]).await;
    app.unassign(&limited, "manager").await;
    // the other node may not have heard of it yet: the database has
    let answer = other
        .put(format_args!("/api/users/{bob}/roles/reader"), &token)
        .await;
    assert!([401, 403].contains(&answer.status.as_u16()), "{answer:?}");
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    assert_eq!(app.db.number(&sql).await, 0);
    app.delete(format_args!("/api/users/{limited}"), app.admin().await)
        .await
        .done();
    let body = json!({ "name": "mine" });
    let answer = other.post("/api/roles", &token, body).await;
    assert!([401, 403].contains(&answer.status.as_u16()), "{answer:?}");
}

async fn nobody_lends_themselves_more_with_a_permission_of_their_own(app: TestApp) {
    let (token, _) = limited(&app).await;
    // a new permission of an object that others guard with a wildcard is a gain for those alone
    let body = json!({ "name": "secrets:write" });
    app.post("/api/permissions", &token, body).await.is(201);
    app.put("/api/roles/manager/permissions/secrets:write", &token)
        .await
        .forbidden("secrets:write");
    app.put("/api/roles/manager/permissions/secrets:*", &token)
        .await
        .is(403);
    // nor may they delete what they do not hold
    app.delete("/api/permissions/secrets:write", &token)
        .await
        .forbidden("secrets:write");
}

async fn x050_the_last_administrator_stays(app: TestApp) {
    let admin = app.admin().await;
    let id = app.id_of("admin").await;
    let user = format!("/api/users/{id}");
    let role = format!("{user}/roles/rolecall.admin");
    let revision = app.db.revision().await;
    let all_refused = async || {
        let last = "last_administrator";
        app.delete(&user, admin).await.breaks(last);
        app.delete(&role, admin).await.breaks(last);
        app.patch(&user, admin, json!({ "status": "disabled" }))
            .await
            .breaks(last);
        let body = json!({ "expires_at": "2031-01-01T00:00:00Z" });
        app.put_json(&role, admin, body).await.breaks(last);
        let body = json!({ "valid_from": "2031-01-01T00:00:00Z" });
        app.put_json(&role, admin, body).await.breaks(last);
    };
    all_refused().await;
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/users", admin).await.is(200);
    // another one makes this one free to go, but not if disabled
    let bob = app.user("bob", &["rolecall.admin"]).await;
    let path = format!("/api/users/{bob}");
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    all_refused().await;
    app.patch(&path, admin, json!({ "status": "active" }))
        .await
        .is(200);
    app.delete(&role, admin).await.done();
    app.get("/api/users", admin).await.ended();
}

async fn an_administrator_for_a_time_does_not_count_as_the_last(app: TestApp) {
    let admin = app.admin().await;
    let id = app.id_of("admin").await;
    let bob = app.user("bob", &[]).await;
    let role = format!("/api/users/{bob}/roles/rolecall.admin");
    for body in [
        json!({ "expires_at": "2040-01-01T00:00:00Z" }),
        json!({ "valid_from": "2030-01-02T00:00:00Z" }),
    ] {
        app.put_json(&role, admin, body).await.done();
        app.delete(format_args!("/api/users/{id}"), admin)
            .await
            .breaks("last_administrator");
    }
}
