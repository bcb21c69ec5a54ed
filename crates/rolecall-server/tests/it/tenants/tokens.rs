//! Tokens for a tenant.

use serde_json::{Value, json};

use super::roles;
use crate::support::{PASSWORD, TestApp, WRONG, claims, on_both};

on_both![
    a_token_for_a_tenant_carries_global_roles_and_those_of_the_tenant,
    a_tenant_without_a_role_is_refused_whether_it_exists_or_not,
    a_login_refused_for_its_tenant_opens_no_session,
    a_client_acts_in_a_tenant_with_its_own_roles,
    a_role_requested_in_a_tenant_is_the_active_one,
    a_token_for_another_audience_has_the_tenant_and_the_applications_roles,
    builtin_permissions_come_from_no_tenant,
    a_tenant_route_accepts_only_tokens_for_that_tenant,
    introspection_forward_auth_and_the_own_account_show_the_tenant,
    a_tenant_token_too_long_for_its_scope_carries_no_builtin_permissions,
];

async fn a_token_for_a_tenant_carries_global_roles_and_those_of_the_tenant(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    app.create_role("reader", &["items:read"]).await;
    app.inherit("editor", "reader").await;
    app.create_role("auditor", &["books:read"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    app.assign_in(&alice, "auditor", "other").await;
    let response = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(response.is(200).json["tenant"], "acme");
    let token = response.text("access_token");
    assert_eq!(claims(&token)["tenant"], "acme");
    assert_eq!(roles(&token), json!(["editor", "reader", "user"]));
    assert_eq!(claims(&token)["scope"], "items:read items:write");
    let global = json!({ "roles": ["user"], "scope": "" });
    assert_eq!(claims(&token)["global"], global);
    app.get("/t/acme/items/", &token).await.is(200);
    app.get("/items/", &token).await.forbidden("items:read");
    // without a tenant only global roles count, and the response names no tenant
    let response = app.password_grant("alice", PASSWORD).await;
    assert!(response.is(200).json.get("tenant").is_none());
    let token = response.text("access_token");
    assert!(claims(&token).get("tenant").is_none());
    assert_eq!(roles(&token), json!(["user"]));
    assert_eq!(claims(&token)["scope"], "");
    let response = app.try_log_in_to("alice", "", None).await;
    assert!(
        response.is(200).json.get("tenant").is_none(),
        "RFC 6749: empty means absent"
    );
}

async fn a_tenant_without_a_role_is_refused_whether_it_exists_or_not(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let bob = app.create_user("bob", &[]).await;
    app.assign_in(&bob, "user", "acme").await;
    app.assign_in(&alice, "user", "gone").await;
    app.unassign_in(&alice, "user", "gone").await;
    for tenant in ["acme", "nowhere", "gone"] {
        let response = app.try_log_in_to("alice", tenant, None).await;
        response.oauth_error(400, "invalid_scope");
        assert_eq!(
            response.json["detail"],
            format!("you have no role in tenant {tenant}")
        );
    }
    for wrong in [
        "ACME",
        "acme/..",
        "..",
        "acme acme",
        "*",
        "acme\0",
        "acme\u{301}",
    ] {
        let response = app.try_log_in_to("bob", wrong, None).await;
        response.oauth_error(400, "invalid_scope");
        assert_eq!(response.json["detail"], "tenant is not a name of a tenant");
    }
    // with a wrong password the response reveals nothing about the tenant
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", WRONG),
        ("tenant", "acme"),
    ];
    app.token(&form).await.wrong_password();
}

async fn a_login_refused_for_its_tenant_opens_no_session(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let before = (app.db.count("sessions").await, app.db.revision().await);
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth_error(400, "invalid_scope");
    assert_eq!(
        (app.db.count("sessions").await, app.db.revision().await),
        before
    );
}

async fn a_client_acts_in_a_tenant_with_its_own_roles(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let client = app.create_client("worker", json!({})).await;
    let refused = app.try_act_as(&client, &[("tenant", "acme")]).await;
    refused.oauth_error(400, "invalid_scope");
    let path = format!("/api/clients/{}/roles/reader?tenant=acme", client.id);
    app.put(&path, app.admin().await).await.no_content();
    let response = app.try_act_as(&client, &[("tenant", "acme")]).await;
    assert_eq!(response.is(200).json["tenant"], "acme");
    let token = response.text("access_token");
    assert_eq!(
        (&claims(&token)["tenant"], roles(&token)),
        (&json!("acme"), json!(["reader"]))
    );
    app.get("/t/acme/items/", &token).await.is(200);
    assert_eq!(roles(&app.act_as(&client).await), json!([]));
    app.delete(&path, app.admin().await).await.no_content();
    app.get("/t/acme/items/", &token).await.ended_token();
    // a login through the client is for the user's tenants, not for the client's
    app.put(&path, app.admin().await).await.no_content();
    app.create_user("alice", &["user"]).await;
    let response = app.log_in_through(&client, &[("tenant", "acme")]).await;
    response.oauth_error(400, "invalid_scope");
}

async fn a_role_requested_in_a_tenant_is_the_active_one(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    let scoped = async |scope: &str| {
        let response = app.try_log_in_to("alice", "acme", Some(scope)).await;
        response.is(200).text("access_token")
    };
    let token = scoped("role:reader").await;
    assert_eq!(
        (roles(&token), &claims(&token)["tenant"]),
        (json!(["reader"]), &json!("acme"))
    );
    let token = scoped("role:editor").await;
    assert_eq!(roles(&token), json!(["editor", "reader"]));
    assert_eq!(claims(&token)["scope"], "items:read");
    app.try_log_in_with_scope("alice", "role:editor")
        .await
        .oauth_error(400, "invalid_scope");
    let refused = app.try_log_in_to("alice", "acme", Some("role:admin")).await;
    refused.oauth_error(400, "invalid_scope");
}

async fn a_token_for_another_audience_has_the_tenant_and_the_applications_roles(app: TestApp) {
    app.create_lead().await;
    let audience = "https://items.example";
    let client = app
        .create_client("spa", json!({ "audiences": [audience] }))
        .await;
    let form = [
        ("grant_type", "password"),
        ("username", "lead"),
        ("password", PASSWORD),
        ("tenant", "acme"),
        ("audience", audience),
    ];
    let response = app.form_as(&client, "/token", &form).send().await;
    let token = response.is(200).text("access_token");
    assert_eq!(claims(&token)["aud"], audience);
    assert_eq!(claims(&token)["tenant"], "acme");
    assert_eq!(roles(&token), json!(["lead", "user"]));
    assert_eq!(
        claims(&token)["scope"],
        "items:read",
        "no built-in permissions"
    );
    let bob = app.create_user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles/reader?tenant=acme");
    app.put(path, &token).await.invalid_token();
}

async fn builtin_permissions_come_from_no_tenant(app: TestApp) {
    app.create_role(
        "helper",
        &["items:read", "rolecall.users:read", "rolecall.users:write"],
    )
    .await;
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "helper", "acme").await;
    app.assign_in(&alice, "rolecall.admin", "acme").await;
    let token = app.log_in_to("alice", "acme").await.access;
    assert_eq!(roles(&token), json!(["helper", "user"]));
    assert_eq!(
        claims(&token)["scope"],
        "items:read rolecall.assignments:any rolecall.assignments:read rolecall.assignments:write"
    );
    app.get("/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    for requested in ["rolecall.users:read", "role:rolecall.admin"] {
        let refused = app.try_log_in_to("alice", "acme", Some(requested)).await;
        refused.oauth_error(400, "invalid_scope");
    }
    // global roles count in the tenant too
    app.assign(&alice, "helper").await;
    let token = app.log_in_to("alice", "acme").await.access;
    app.get("/api/users", &token).await.is(200);
}

async fn a_tenant_route_accepts_only_tokens_for_that_tenant(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["reader"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&alice, "user", tenant).await;
    }
    let acme = app.log_in_to("alice", "acme").await.access;
    let response = app.get("/t/acme/items/", &acme).await;
    assert_eq!(
        response.json,
        json!({ "reader": "alice", "tenant": "acme" })
    );
    app.get("/t/other/items/", &acme).await.forbidden("");
    app.get("/t/acme/items/", &app.log_in("alice").await)
        .await
        .forbidden("");
    app.get("/t/acme/items/", app.admin().await)
        .await
        .forbidden("items:read");
    app.get("/t/acme%2F..%2Fother/items/", &acme)
        .await
        .forbidden("");
    app.get("/t/%61cme/items/", &acme).await.is(200);
    // a route without a tenant accepts the token too
    app.get("/items/", &acme).await.is(200);
}

async fn introspection_forward_auth_and_the_own_account_show_the_tenant(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "user", "acme").await;
    let (with_tenant, without_tenant) = (
        app.log_in_to("alice", "acme").await.access,
        app.log_in("alice").await,
    );
    let client = app.create_resource_server("gate").await;
    let introspect = async |token: &str| app.introspect(&client, token).await.is(200).json.clone();
    assert_eq!(introspect(&with_tenant).await["tenant"], "acme");
    assert!(introspect(&without_tenant).await.get("tenant").is_none());
    assert_eq!(
        app.get("/api/me", &with_tenant).await.json["tenant"],
        "acme"
    );
    assert_eq!(
        app.get("/api/me", &without_tenant).await.json["tenant"],
        Value::Null
    );
    let header = async |token: &str| {
        let response = app.get("/forward-auth", token).await;
        response.is(200).header("x-auth-tenant").unwrap().to_owned()
    };
    assert_eq!(header(&with_tenant).await, "acme");
    assert_eq!(header(&without_tenant).await, "");
}

async fn a_tenant_token_too_long_for_its_scope_carries_no_builtin_permissions(app: TestApp) {
    let admin = app.admin().await;
    app.create_role(
        "wide",
        &["rolecall.users:read", "rolecall.assignments:read"],
    )
    .await;
    for number in 0..150 {
        let name = format!("an-object-with-a-long-name-{number}:read");
        app.post("/api/permissions", admin, json!({ "name": name }))
            .await
            .is(201);
        app.put(format_args!("/api/roles/wide/permissions/{name}"), admin)
            .await
            .no_content();
    }
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "wide", "acme").await;
    let token = app.log_in_to("alice", "acme").await.access;
    assert!(claims(&token).get("scope").is_none());
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.texts("permissions").len(), 150);
    app.get("/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    app.get(format_args!("/api/users/{alice}/roles"), &token)
        .await
        .forbidden("rolecall.assignments:read");
    let client = app.create_resource_server("gate").await;
    let scope = app.introspect(&client, &token).await.is(200).text("scope");
    assert_eq!(scope.split(' ').count(), 150);
    assert!(!scope.contains("rolecall."), "{scope}");
    // a global assignment counts for a token without a tenant, and for one with a tenant if requested by name
    app.assign(&alice, "wide").await;
    app.get("/api/users", &app.log_in("alice").await)
        .await
        .is(200);
    let token = app.log_in_to("alice", "acme").await.access;
    app.get("/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    let narrowed = app
        .try_log_in_to("alice", "acme", Some("rolecall.users:read"))
        .await;
    app.get("/api/users", &narrowed.is(200).text("access_token"))
        .await
        .is(200);
}
