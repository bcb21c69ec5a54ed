//! Limits of an administrator of a tenant.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    x044_lifting_the_delegation_limit_in_a_tenant_lifts_it_nowhere_else,
    a_tenant_administrator_cannot_touch_users_clients_roles_or_keys,
    tenant_permissions_do_not_permit_roles_for_new_users,
    x050_a_tenant_administrator_does_not_replace_the_last_administrator,
    changing_a_user_requires_what_they_hold_in_every_tenant,
];

async fn x044_lifting_the_delegation_limit_in_a_tenant_lifts_it_nowhere_else(app: TestApp) {
    app.create_role("boss", &["secrets:read"]).await;
    let chief = app.create_user("chief", &["user"]).await;
    app.assign_in(&chief, "rolecall.admin", "acme").await;
    let bob = app.create_user("bob", &["boss"]).await;
    let token = app.log_in_to("chief", "acme").await.access;
    let at = |role: &str, query: &str| format!("/api/users/{bob}/roles/{role}{query}");
    app.put(at("boss", "?tenant=acme"), &token)
        .await
        .no_content();
    app.put(at("rolecall.admin", "?tenant=acme"), &token)
        .await
        .no_content();
    for (role, query) in [
        ("boss", ""),
        ("boss", "?tenant=other"),
        ("rolecall.admin", ""),
        ("user", ""),
    ] {
        let refused = app.unchanged(app.put(at(role, query), &token)).await;
        refused.forbidden("rolecall.assignments:write");
        app.unchanged(app.delete(at(role, query), &token))
            .await
            .is(403);
    }
    // assigning globally within the delegation limit does not lift the limit through the tenant
    app.create_role("giver", &["rolecall.assignments:write"])
        .await;
    app.assign(&chief, "giver").await;
    let token = app.log_in_to("chief", "acme").await.access;
    let refused = app.unchanged(app.put(at("boss", ""), &token)).await;
    refused.forbidden("secrets:read");
    let refused = app
        .unchanged(app.put(at("boss", "?tenant=other"), &token))
        .await;
    refused.forbidden("secrets:read");
    app.put(at("user", ""), &token).await.no_content();
    app.put(at("user", "?tenant=other"), &token)
        .await
        .no_content();
}

async fn a_tenant_administrator_cannot_touch_users_clients_roles_or_keys(app: TestApp) {
    let all = [
        "rolecall.assignments:any",
        "rolecall.assignments:read",
        "rolecall.assignments:write",
        "rolecall.clients:write",
        "rolecall.keys:rotate",
        "rolecall.roles:write",
        "rolecall.sessions:revoke",
        "rolecall.users:read",
        "rolecall.users:write",
    ];
    app.create_role("everything", &all).await;
    let chief = app.create_user("chief", &["user"]).await;
    app.assign_in(&chief, "everything", "acme").await;
    app.assign_in(&chief, "rolecall.admin", "acme").await;
    let bob = app.create_user("bob", &["user"]).await;
    let token = app.log_in_to("chief", "acme").await.access;
    app.unchanged(async {
        app.get("/api/users", &token).await.is(403);
        for query in ["", "?tenant=acme"] {
            let user = format!("/api/users/{bob}{query}");
            for response in [
                app.get(&user, &token).await,
                app.patch(&user, &token, json!({ "status": "disabled" }))
                    .await,
                app.delete(&user, &token).await,
                app.post(
                    format_args!("/api/users/{bob}/reset{query}"),
                    &token,
                    json!({}),
                )
                .await,
                app.delete(format_args!("/api/users/{bob}/sessions{query}"), &token)
                    .await,
                app.post(format_args!("/api/keys/rotate{query}"), &token, json!({}))
                    .await,
                app.post(
                    format_args!("/api/roles{query}"),
                    &token,
                    json!({ "name": "mine" }),
                )
                .await,
                app.put(
                    format_args!("/api/roles/user/juniors/everything{query}"),
                    &token,
                )
                .await,
            ] {
                response.is(403);
            }
            for roles in [json!([]), json!(["user"]), json!(["everything"])] {
                let body = json!({ "username": "mole", "password": PASSWORD, "roles": roles });
                app.post(format_args!("/api/users{query}"), &token, body)
                    .await
                    .is(403);
                let body =
                    json!({ "name": "mole", "grants": ["client_credentials"], "roles": roles });
                app.post(format_args!("/api/clients{query}"), &token, body)
                    .await
                    .is(403);
            }
        }
    })
    .await;
}

async fn tenant_permissions_do_not_permit_roles_for_new_users(app: TestApp) {
    app.create_role("clerk", &["rolecall.users:write", "rolecall.clients:write"])
        .await;
    let chief = app.create_user("chief", &["clerk"]).await;
    app.assign_in(&chief, "rolecall.admin", "acme").await;
    let token = app.log_in_to("chief", "acme").await.access;
    let body = json!({ "username": "mole", "password": PASSWORD, "roles": ["user"] });
    let refused = app.unchanged(app.post("/api/users", &token, body)).await;
    refused.forbidden("rolecall.assignments:write");
    assert_eq!(refused.json["rule"], "other_tenant");
    let body = json!({ "name": "mole", "grants": ["client_credentials"], "roles": ["user"] });
    let refused = app.unchanged(app.post("/api/clients", &token, body)).await;
    refused.forbidden("rolecall.assignments:write");
    let body = json!({ "username": "bill", "password": PASSWORD });
    app.post("/api/users", &token, body).await.is(201);
}

async fn x050_a_tenant_administrator_does_not_replace_the_last_administrator(app: TestApp) {
    let (admin, id) = (app.admin().await, app.id_of("admin").await);
    let bob = app.create_user("bob", &["user"]).await;
    app.assign_in(&bob, "rolecall.admin", "acme").await;
    app.assign_in(&id, "rolecall.admin", "acme").await;
    let role = format!("/api/users/{id}/roles/rolecall.admin");
    app.delete(&role, admin)
        .await
        .violates("last_administrator");
    app.delete(format_args!("/api/users/{id}"), admin)
        .await
        .violates("last_administrator");
    app.delete(format_args!("{role}?tenant=acme"), admin)
        .await
        .no_content();
    app.get("/api/users", &app.log_in("admin").await)
        .await
        .is(200);
}

async fn changing_a_user_requires_what_they_hold_in_every_tenant(app: TestApp) {
    app.create_role("clerk", &["rolecall.users:write", "rolecall.users:read"])
        .await;
    app.create_role("boss", &["secrets:read"]).await;
    app.create_user("clerk", &["clerk"]).await;
    let bob = app.create_user("bob", &[]).await;
    let token = app.log_in("clerk").await;
    let reset = format!("/api/users/{bob}/reset");
    app.assign_in(&bob, "boss", "acme").await;
    let refused = app.unchanged(app.post(&reset, &token, json!({}))).await;
    refused.forbidden("secrets:read");
    app.unassign_in(&bob, "boss", "acme").await;
    app.assign_in(&bob, "rolecall.admin", "acme").await;
    let refused = app.unchanged(app.post(&reset, &token, json!({}))).await;
    assert!(
        refused.is(403).json["permissions"]
            .to_string()
            .contains("rolecall.assignments:any")
    );
    app.unassign_in(&bob, "rolecall.admin", "acme").await;
    app.post(&reset, &token, json!({})).await.is(200);
}
