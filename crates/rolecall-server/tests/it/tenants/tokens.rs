//! Tokens for a tenant.

use serde_json::{Value, json};

use super::roles;
use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    a_token_for_a_tenant_carries_the_global_roles_and_those_of_it,
    a_tenant_in_which_one_has_no_role_is_refused_whether_it_exists_or_not,
    a_log_in_refused_for_its_tenant_opens_no_session,
    a_client_acts_in_a_tenant_by_its_own_roles,
    a_role_that_was_asked_for_in_a_tenant_is_the_active_one,
    for_another_audience_the_tenant_stands_beside_the_applications_roles,
    rolecalls_own_permissions_come_from_no_tenant,
    a_route_of_a_tenant_lets_in_only_tokens_for_it,
    introspection_forward_auth_and_the_own_account_tell_the_tenant,
    a_token_too_long_for_its_scope_gives_a_tenants_guard_nothing_of_rolecalls_own,
];

async fn a_token_for_a_tenant_carries_the_global_roles_and_those_of_it(app: TestApp) {
    app.role("editor", &["items:write"]).await;
    app.role("reader", &["items:read"]).await;
    app.inherit("editor", "reader").await;
    app.role("auditor", &["books:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    app.assign_in(&alice, "auditor", "other").await;
    let answer = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(answer.is(200).json["tenant"], "acme");
    let token = answer.text("access_token");
    assert_eq!(claims(&token)["tenant"], "acme");
    assert_eq!(roles(&token), json!(["editor", "reader", "user"]));
    assert_eq!(claims(&token)["scope"], "items:read items:write");
    app.get("/items/", &token).await.is(200);
    // without a tenant only what is global counts, and no tenant is told
    let answer = app.password_grant("alice", PASSWORD).await;
    assert!(answer.is(200).json.get("tenant").is_none());
    let token = answer.text("access_token");
    assert!(claims(&token).get("tenant").is_none());
    assert_eq!(roles(&token), json!(["user"]));
    assert_eq!(claims(&token)["scope"], "");
    let answer = app.try_log_in_to("alice", "", None).await;
    assert!(
        answer.is(200).json.get("tenant").is_none(),
        "RFC 6749: empty means absent"
    );
}

async fn a_tenant_in_which_one_has_no_role_is_refused_whether_it_exists_or_not(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    let bob = app.user("bob", &[]).await;
    app.assign_in(&bob, "user", "acme").await;
    app.assign_in(&alice, "user", "gone").await;
    app.unassign_in(&alice, "user", "gone").await;
    for tenant in ["acme", "nowhere", "gone"] {
        let answer = app.try_log_in_to("alice", tenant, None).await;
        answer.oauth(400, "invalid_scope");
        assert_eq!(
            answer.json["detail"],
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
        let answer = app.try_log_in_to("bob", wrong, None).await;
        answer.oauth(400, "invalid_scope");
        assert_eq!(answer.json["detail"], "tenant is not a name of a tenant");
    }
    // whoever has the wrong password learns of no tenant
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "wrong horse battery staple"),
        ("tenant", "acme"),
    ];
    app.token(&form).await.wrong_password();
}

async fn a_log_in_refused_for_its_tenant_opens_no_session(app: TestApp) {
    app.user("alice", &["user"]).await;
    let before = (app.db.count("sessions").await, app.db.revision().await);
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
    assert_eq!(
        (app.db.count("sessions").await, app.db.revision().await),
        before
    );
}

async fn a_client_acts_in_a_tenant_by_its_own_roles(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let client = app.client("worker", json!({})).await;
    let refused = app.try_act_as(&client, &[("tenant", "acme")]).await;
    refused.oauth(400, "invalid_scope");
    let path = format!("/api/clients/{}/roles/reader?tenant=acme", client.id);
    app.put(&path, app.admin().await).await.done();
    let answer = app.try_act_as(&client, &[("tenant", "acme")]).await;
    assert_eq!(answer.is(200).json["tenant"], "acme");
    let token = answer.text("access_token");
    assert_eq!(
        (&claims(&token)["tenant"], roles(&token)),
        (&json!("acme"), json!(["reader"]))
    );
    app.get("/t/acme/items/", &token).await.is(200);
    assert_eq!(roles(&app.act_as(&client).await), json!([]));
    app.delete(&path, app.admin().await).await.done();
    app.get("/t/acme/items/", &token).await.ended();
    // a user's log-in through it is for the user's tenants, not for the client's
    app.put(&path, app.admin().await).await.done();
    app.user("alice", &["user"]).await;
    let answer = app.log_in_through(&client, &[("tenant", "acme")]).await;
    answer.oauth(400, "invalid_scope");
}

async fn a_role_that_was_asked_for_in_a_tenant_is_the_active_one(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    let scoped = async |scope: &str| {
        let answer = app.try_log_in_to("alice", "acme", Some(scope)).await;
        answer.is(200).text("access_token")
    };
    let token = scoped("role:reader").await;
    assert_eq!(
        (roles(&token), &claims(&token)["tenant"]),
        (json!(["reader"]), &json!("acme"))
    );
    let token = scoped("role:editor").await;
    assert_eq!(roles(&token), json!(["editor", "reader"]));
    assert_eq!(claims(&token)["scope"], "items:read");
    app.try_login_for("alice", "role:editor")
        .await
        .oauth(400, "invalid_scope");
    let refused = app.try_log_in_to("alice", "acme", Some("role:admin")).await;
    refused.oauth(400, "invalid_scope");
}

async fn for_another_audience_the_tenant_stands_beside_the_applications_roles(app: TestApp) {
    app.lead().await;
    let audience = "https://items.example";
    let client = app.client("spa", json!({ "audiences": [audience] })).await;
    let form = [
        ("grant_type", "password"),
        ("username", "lead"),
        ("password", PASSWORD),
        ("tenant", "acme"),
        ("audience", audience),
    ];
    let answer = app.form_as(&client, "/token", &form).send().await;
    let token = answer.is(200).text("access_token");
    assert_eq!(claims(&token)["aud"], audience);
    assert_eq!(claims(&token)["tenant"], "acme");
    assert_eq!(roles(&token), json!(["lead", "user"]));
    assert_eq!(
        claims(&token)["scope"],
        "items:read",
        "nothing of rolecall's own"
    );
    let bob = app.user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles/reader?tenant=acme");
    app.put(path, &token).await.not_valid();
}

async fn rolecalls_own_permissions_come_from_no_tenant(app: TestApp) {
    app.role(
        "helper",
        &["items:read", "rolecall.users:read", "rolecall.users:write"],
    )
    .await;
    let alice = app.user("alice", &["user"]).await;
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
    for asked in ["rolecall.users:read", "role:rolecall.admin"] {
        let refused = app.try_log_in_to("alice", "acme", Some(asked)).await;
        refused.oauth(400, "invalid_scope");
    }
    // what is held globally counts in the tenant too
    app.assign(&alice, "helper").await;
    let token = app.log_in_to("alice", "acme").await.access;
    app.get("/api/users", &token).await.is(200);
}

async fn a_route_of_a_tenant_lets_in_only_tokens_for_it(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["reader"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&alice, "user", tenant).await;
    }
    let acme = app.log_in_to("alice", "acme").await.access;
    let answer = app.get("/t/acme/items/", &acme).await;
    assert_eq!(answer.json, json!({ "reader": "alice", "tenant": "acme" }));
    app.get("/t/other/items/", &acme).await.forbidden("");
    app.get("/t/acme/items/", &app.login("alice").await)
        .await
        .forbidden("");
    app.get("/t/acme/items/", app.admin().await)
        .await
        .forbidden("items:read");
    app.get("/t/acme%2F..%2Fother/items/", &acme)
        .await
        .forbidden("");
    app.get("/t/%61cme/items/", &acme).await.is(200);
    // where the tenant is not asked for, the token is as good as another
    app.get("/items/", &acme).await.is(200);
}

async fn introspection_forward_auth_and_the_own_account_tell_the_tenant(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "user", "acme").await;
    let (there, nowhere) = (
        app.log_in_to("alice", "acme").await.access,
        app.login("alice").await,
    );
    let roles = json!({ "roles": ["rolecall.resource-server"] });
    let client = app.client("gate", roles).await;
    let introspect = async |token: &str| {
        let ask = app.form_as(&client, "/introspect", &[("token", token)]);
        ask.send().await.is(200).json.clone()
    };
    assert_eq!(introspect(&there).await["tenant"], "acme");
    assert!(introspect(&nowhere).await.get("tenant").is_none());
    assert_eq!(app.get("/api/me", &there).await.json["tenant"], "acme");
    assert_eq!(
        app.get("/api/me", &nowhere).await.json["tenant"],
        Value::Null
    );
    let header = async |token: &str| {
        let answer = app.get("/forward-auth", token).await;
        answer.is(200).header("x-auth-tenant").unwrap().to_owned()
    };
    assert_eq!(header(&there).await, "acme");
    assert_eq!(header(&nowhere).await, "");
}

async fn a_token_too_long_for_its_scope_gives_a_tenants_guard_nothing_of_rolecalls_own(
    app: TestApp,
) {
    let admin = app.admin().await;
    app.role(
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
            .done();
    }
    let alice = app.user("alice", &["user"]).await;
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
    let role = json!({ "roles": ["rolecall.resource-server"] });
    let client = app.client("gate", role).await;
    let ask = app.form_as(&client, "/introspect", &[("token", &token)]);
    let told = ask.send().await.is(200).text("scope");
    assert_eq!(told.split(' ').count(), 150);
    assert!(!told.contains("rolecall."), "{told}");
    // the same held globally is derived for a token without a tenant, and asked for by name with one
    app.assign(&alice, "wide").await;
    app.get("/api/users", &app.login("alice").await)
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
