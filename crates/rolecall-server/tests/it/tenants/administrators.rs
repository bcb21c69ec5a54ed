//! Administrators of a tenant.

use serde_json::{Value, json};

use crate::support::{Response, TestApp, claims, on_both};

on_both![
    a_tenant_administrator_assigns_only_in_that_tenant,
    a_tenant_administrator_assigns_no_more_than_they_hold,
    a_tenant_administrator_reads_only_that_tenant,
    a_token_narrowed_to_a_tenant_role_grants_nothing_globally,
    administering_a_tenant_requires_a_token_for_it,
    a_refusal_names_the_path_and_changes_nothing,
    y103_an_administrator_of_a_tenant_opens_no_route_of_all_tenants,
];

async fn a_tenant_administrator_assigns_only_in_that_tenant(app: TestApp) {
    app.create_lead().await;
    let bob = app.create_user("bob", &["reader"]).await;
    app.assign_in(&bob, "reader", "other").await;
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles/reader");
    let here = format!("{path}?tenant=acme");
    app.put(&here, &token).await.no_content();
    let bobs = app.log_in_to("bob", "acme").await.access;
    app.get("/t/acme/items/", &bobs).await.is(200);
    let body = json!({ "expires_at": "2030-01-01T00:01:00Z" });
    app.put_json(&here, &token, body).await.no_content();
    app.get("/t/acme/items/", &bobs).await.ended_token();
    app.delete(&here, &token).await.no_content();
    // the receipt shows an administrator that the assignment is for another tenant
    let expect_other_tenant = async |refused: &Response| {
        let receipt = format!("/api/decisions/{}", refused.text("receipt"));
        let decision = app.get(receipt, app.admin().await).await.is(200).clone();
        assert_eq!(
            (&decision.json["allowed"], &decision.json["tenant"]),
            (&json!(false), &Value::Null)
        );
        let steps = decision.json["because"].as_array().unwrap();
        let is_cause = |step: &&Value| step["kind"] == "lost" && step["cause"] == "other_tenant";
        assert!(steps.iter().any(|step| is_cause(&step)), "{decision:?}");
    };
    for elsewhere in [
        path.clone(),
        format!("{path}?tenant=other"),
        format!("{path}?tenant=acme2"),
    ] {
        for refused in [
            app.unchanged(app.put(&elsewhere, &token)).await,
            app.unchanged(app.delete(&elsewhere, &token)).await,
        ] {
            refused.forbidden("rolecall.assignments:write");
            assert_eq!(refused.json["rule"], "other_tenant");
            assert_eq!(refused.json["detail"], "Operation not permitted");
            expect_other_tenant(&refused).await;
        }
    }
    let client = app.create_client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/reader", client.id);
    app.put(format_args!("{path}?tenant=acme"), &token)
        .await
        .no_content();
    for elsewhere in [path.clone(), format!("{path}?tenant=other")] {
        let refused = app.unchanged(app.put(&elsewhere, &token)).await;
        refused.forbidden("rolecall.assignments:write");
    }
    app.delete(format_args!("{path}?tenant=acme"), &token)
        .await
        .no_content();
    let admin = app.admin().await;
    let list = app.get(format_args!("/api/users/{bob}/roles"), admin).await;
    assert_eq!(list.items("role"), ["reader", "reader"]);
}

async fn a_tenant_administrator_assigns_no_more_than_they_hold(app: TestApp) {
    let lead = app.create_lead().await;
    app.create_role("boss", &["secrets:read"]).await;
    app.create_role("named", &[]).await;
    app.create_plain_role("helper", &["items:read", "rolecall.users:write"])
        .await;
    let bob = app.create_user("bob", &[]).await;
    let token = app.log_in_to("lead", "acme").await.access;
    let at = |id: &str, role: &str| format!("/api/users/{id}/roles/{role}?tenant=acme");
    for (role, lacking) in [
        ("boss", "secrets:read"),
        ("named", "role:named"),
        ("rolecall.admin", "rolecall.assignments:any"),
    ] {
        for id in [&bob, &lead] {
            let refused = app.unchanged(app.put(at(id, role), &token)).await;
            refused.forbidden(lacking);
            assert_eq!(refused.json["rule"], "delegation_limit");
        }
    }
    app.assign_in(&bob, "boss", "acme").await;
    let refused = app.unchanged(app.delete(at(&bob, "boss"), &token)).await;
    refused.forbidden("secrets:read");
    // of the permissions of `helper`, only `items:read` applies in a tenant
    app.put(at(&bob, "helper"), &token).await.no_content();
    assert_eq!(
        claims(&app.log_in_to("bob", "acme").await.access)["scope"],
        "items:read secrets:read"
    );
    // roles that they hold globally may be assigned there
    app.assign(&lead, "named").await;
    let token = app.log_in_to("lead", "acme").await.access;
    app.put(at(&bob, "named"), &token).await.no_content();
    app.put(at(&bob, "lead"), &token).await.no_content();
}

async fn a_tenant_administrator_reads_only_that_tenant(app: TestApp) {
    let lead = app.create_lead().await;
    let bob = app.create_user("bob", &["reader"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&bob, "reader", tenant).await;
    }
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles");
    let here = app.get(format_args!("{path}?tenant=acme"), &token).await;
    assert_eq!(here.items("id"), [format!("{path}/reader?tenant=acme")]);
    for elsewhere in [
        path.clone(),
        format!("{path}?tenant=other"),
        format!("{path}?limit=1"),
    ] {
        let refused = app.get(&elsewhere, &token).await;
        refused.forbidden("rolecall.assignments:read");
        assert_eq!(refused.json["rule"], "other_tenant");
    }
    let client = app.create_client("worker", json!({})).await;
    let clients = format!("/api/clients/{}/roles", client.id);
    app.get(&clients, &token)
        .await
        .forbidden("rolecall.assignments:read");
    app.get(format_args!("{clients}?tenant=acme"), &token)
        .await
        .is(200);
    // a user who may read everywhere can do so with a token for a tenant too
    app.assign(&lead, "lead").await;
    let token = app.log_in_to("lead", "acme").await.access;
    assert_eq!(app.get(&path, &token).await.items("role").len(), 3);
}

async fn a_token_narrowed_to_a_tenant_role_grants_nothing_globally(app: TestApp) {
    let lead = app.create_lead().await;
    app.create_role(
        "giver",
        &[
            "items:read",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.assign(&lead, "giver").await;
    let bob = app.create_user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles");
    let whole = app.log_in_to("lead", "acme").await.access;
    app.put(format_args!("{path}/reader"), &whole)
        .await
        .no_content();
    app.delete(format_args!("{path}/reader"), &whole)
        .await
        .no_content();
    // the same permissions, but through the role in the tenant
    let response = app.try_log_in_to("lead", "acme", Some("role:lead")).await;
    let narrowed = response.is(200).text("access_token");
    assert_eq!(claims(&narrowed)["scope"], claims(&whole)["scope"]);
    for query in ["", "?tenant=other"] {
        let elsewhere = format!("{path}/reader{query}");
        app.unchanged(app.put(elsewhere, &narrowed))
            .await
            .forbidden("rolecall.assignments:write");
        app.get(format_args!("{path}{query}"), &narrowed)
            .await
            .forbidden("rolecall.assignments:read");
    }
    app.put(format_args!("{path}/reader?tenant=acme"), &narrowed)
        .await
        .no_content();
    // a permission that was narrowed away does not apply in the tenant either
    let response = app
        .try_log_in_to("lead", "acme", Some("rolecall.assignments:read"))
        .await;
    let narrowed = response.is(200).text("access_token");
    app.get(format_args!("{path}?tenant=acme"), &narrowed)
        .await
        .is(200);
    let refused = app
        .put(format_args!("{path}/reader?tenant=acme"), &narrowed)
        .await;
    refused.forbidden("rolecall.assignments:write");
}

async fn administering_a_tenant_requires_a_token_for_it(app: TestApp) {
    let lead = app.create_lead().await;
    app.assign_in(&lead, "user", "other").await;
    let bob = app.create_user("bob", &[]).await;
    let here = format!("/api/users/{bob}/roles/reader?tenant=acme");
    for token in [
        app.log_in("lead").await,
        app.log_in_to("lead", "other").await.access,
    ] {
        app.unchanged(app.put(&here, &token))
            .await
            .forbidden("rolecall.assignments:write");
        let list = format!("/api/users/{bob}/roles?tenant=acme");
        app.get(list, &token)
            .await
            .forbidden("rolecall.assignments:read");
    }
    // a token for another tenant that they administer is not enough
    app.assign_in(&lead, "lead", "other").await;
    let other = app.log_in_to("lead", "other").await.access;
    let refused = app.unchanged(app.put(&here, &other)).await;
    refused.forbidden("rolecall.assignments:write");
    let there = format!("/api/users/{bob}/roles/reader?tenant=other");
    app.put(&there, &other).await.no_content();
    app.delete(&there, &other).await.no_content();
    // a token from before the loss is not enough, even on a node that does not know of it yet
    let token = app.log_in_to("lead", "acme").await.access;
    let other = app.second_node().await;
    app.unassign_in(&lead, "lead", "acme").await;
    let refused = other.put(&here, &token).await;
    assert!([401, 403].contains(&refused.status.as_u16()), "{refused:?}");
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    assert_eq!(app.db.number(&sql).await, 0);
}

async fn a_refusal_names_the_path_and_changes_nothing(app: TestApp) {
    app.create_lead().await;
    app.create_role("boss", &["secrets:read"]).await;
    for role in ["bridge", "top"] {
        app.create_role(role, &["items:read"]).await;
    }
    app.inherit("top", "bridge").await;
    app.inherit("bridge", "boss").await;
    let bob = app.create_user("bob", &[]).await;
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles/top?tenant=acme");
    let refused = app.unchanged(app.put(path, &token)).await;
    refused.forbidden("secrets:read");
    assert_eq!(refused.json["rule"], "delegation_limit");
    assert_eq!(refused.json["path"], json!(["top", "bridge", "boss"]));
    assert_eq!(refused.json["permissions"], json!(["secrets:read"]));
}

async fn y103_an_administrator_of_a_tenant_opens_no_route_of_all_tenants(app: TestApp) {
    app.create_role(
        "lord",
        &["rolecall.assignments:write", "rolecall.assignments:any"],
    )
    .await;
    app.create_role("editor", &["items:read"]).await;
    let lord = app.create_user("lord", &[]).await;
    let bob = app.create_user("bob", &[]).await;
    app.assign_in(&lord, "lord", "acme").await;
    let token = app.log_in_to("lord", "acme").await.access;
    for (id, role) in [(&bob, "editor"), (&bob, "admin"), (&lord, "admin")] {
        let path = format!("/api/users/{id}/roles/{role}?tenant=acme");
        app.put(path, &token).await.no_content();
    }
    for name in ["bob", "lord"] {
        let token = app.log_in_to(name, "acme").await.access;
        assert!(roles_of(&token).contains(&json!("admin")), "{name}");
        assert_eq!(
            claims(&token)["global"],
            json!({ "roles": [], "scope": "" }),
            "{name}"
        );
        app.get("/admin-only", &token).await.forbidden("role:admin");
        app.get("/forward-auth?role=admin", &token)
            .await
            .forbidden("role:admin");
    }
    let bobs = app.log_in_to("bob", "acme").await.access;
    app.get("/t/acme/items/", &bobs).await.is(200);
    app.get("/items/", &bobs).await.forbidden("items:read");
    app.get("/edit", &bobs).await.forbidden("role:editor");
    app.assign(&bob, "editor").await;
    let bobs = app.log_in_to("bob", "acme").await.access;
    assert_eq!(
        claims(&bobs)["global"],
        json!({ "roles": ["editor"], "scope": "items:read" })
    );
    app.get("/items/", &bobs).await.is(200);
    app.get("/edit", &bobs).await.is(200);
}

fn roles_of(token: &str) -> Vec<Value> {
    claims(token)["roles"].as_array().unwrap().clone()
}
