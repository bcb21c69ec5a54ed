//! Administrators of a tenant.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, claims, on_both};

on_both![
    a_tenants_administrator_gives_and_takes_there_and_nowhere_else,
    a_tenants_administrator_gives_no_more_than_they_hold,
    a_tenants_administrator_reads_only_there,
    a_token_that_was_narrowed_to_a_tenants_role_is_no_global_one,
    without_a_token_for_it_a_tenant_is_not_administered,
    a_refusal_names_the_way_and_changes_nothing,
];

async fn a_tenants_administrator_gives_and_takes_there_and_nowhere_else(app: TestApp) {
    app.lead().await;
    let bob = app.user("bob", &["reader"]).await;
    app.assign_in(&bob, "reader", "other").await;
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles/reader");
    let here = format!("{path}?tenant=acme");
    app.put(&here, &token).await.done();
    let bobs = app.log_in_to("bob", "acme").await.access;
    app.get("/t/acme/items/", &bobs).await.is(200);
    let body = json!({ "expires_at": "2030-01-01T00:01:00Z" });
    app.put_json(&here, &token, body).await.done();
    app.get("/t/acme/items/", &bobs).await.ended();
    app.delete(&here, &token).await.done();
    // the receipt tells an administrator that the assignment is for the tenant alone
    let why = async |refused: &Answer| {
        let receipt = format!("/api/decisions/{}", refused.text("receipt"));
        let told = app.get(receipt, app.admin().await).await.is(200).clone();
        assert_eq!(
            (&told.json["allowed"], &told.json["tenant"]),
            (&json!(false), &Value::Null)
        );
        let steps = told.json["because"].as_array().unwrap();
        let is_cause = |step: &&Value| step["kind"] == "lost" && step["cause"] == "other_tenant";
        assert!(steps.iter().any(|step| is_cause(&step)), "{told:?}");
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
            why(&refused).await;
        }
    }
    let client = app.client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/reader", client.id);
    app.put(format_args!("{path}?tenant=acme"), &token)
        .await
        .done();
    for elsewhere in [path.clone(), format!("{path}?tenant=other")] {
        let refused = app.unchanged(app.put(&elsewhere, &token)).await;
        refused.forbidden("rolecall.assignments:write");
    }
    app.delete(format_args!("{path}?tenant=acme"), &token)
        .await
        .done();
    let admin = app.admin().await;
    let list = app.get(format_args!("/api/users/{bob}/roles"), admin).await;
    assert_eq!(list.items("role"), ["reader", "reader"]);
}

async fn a_tenants_administrator_gives_no_more_than_they_hold(app: TestApp) {
    let lead = app.lead().await;
    app.role("boss", &["secrets:read"]).await;
    app.role("named", &[]).await;
    app.role("helper", &["items:read", "rolecall.users:write"])
        .await;
    let bob = app.user("bob", &[]).await;
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
    // of what `helper` holds, `items:read` is all that it gives there
    app.put(at(&bob, "helper"), &token).await.done();
    assert_eq!(
        claims(&app.log_in_to("bob", "acme").await.access)["scope"],
        "items:read secrets:read"
    );
    // and what is held globally may be given there
    app.assign(&lead, "named").await;
    let token = app.log_in_to("lead", "acme").await.access;
    app.put(at(&bob, "named"), &token).await.done();
    app.put(at(&bob, "lead"), &token).await.done();
}

async fn a_tenants_administrator_reads_only_there(app: TestApp) {
    let lead = app.lead().await;
    let bob = app.user("bob", &["reader"]).await;
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
    let client = app.client("worker", json!({})).await;
    let clients = format!("/api/clients/{}/roles", client.id);
    app.get(&clients, &token)
        .await
        .forbidden("rolecall.assignments:read");
    app.get(format_args!("{clients}?tenant=acme"), &token)
        .await
        .is(200);
    // a token for the tenant of somebody who may read everywhere reads everywhere
    app.assign(&lead, "lead").await;
    let token = app.log_in_to("lead", "acme").await.access;
    assert_eq!(app.get(&path, &token).await.items("role").len(), 3);
}

async fn a_token_that_was_narrowed_to_a_tenants_role_is_no_global_one(app: TestApp) {
    let lead = app.lead().await;
    app.role(
        "giver",
        &[
            "items:read",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.assign(&lead, "giver").await;
    let bob = app.user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles");
    let whole = app.log_in_to("lead", "acme").await.access;
    app.put(format_args!("{path}/reader"), &whole).await.done();
    app.delete(format_args!("{path}/reader"), &whole)
        .await
        .done();
    // the same permissions, but by the role that is held in the tenant
    let answer = app.try_log_in_to("lead", "acme", Some("role:lead")).await;
    let narrowed = answer.is(200).text("access_token");
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
        .done();
    // and what was narrowed away is not carried there either
    let answer = app
        .try_log_in_to("lead", "acme", Some("rolecall.assignments:read"))
        .await;
    let narrowed = answer.is(200).text("access_token");
    app.get(format_args!("{path}?tenant=acme"), &narrowed)
        .await
        .is(200);
    let refused = app
        .put(format_args!("{path}/reader?tenant=acme"), &narrowed)
        .await;
    refused.forbidden("rolecall.assignments:write");
}

async fn without_a_token_for_it_a_tenant_is_not_administered(app: TestApp) {
    let lead = app.lead().await;
    app.assign_in(&lead, "user", "other").await;
    let bob = app.user("bob", &[]).await;
    let here = format!("/api/users/{bob}/roles/reader?tenant=acme");
    for token in [
        app.login("lead").await,
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
    // nor with a token for another that they administer as well
    app.assign_in(&lead, "lead", "other").await;
    let other = app.log_in_to("lead", "other").await.access;
    let refused = app.unchanged(app.put(&here, &other)).await;
    refused.forbidden("rolecall.assignments:write");
    let there = format!("/api/users/{bob}/roles/reader?tenant=other");
    app.put(&there, &other).await.done();
    app.delete(&there, &other).await.done();
    // a token of before the loss is not enough, on a node that has not heard of it either
    let token = app.log_in_to("lead", "acme").await.access;
    let other = app.second_node().await;
    app.unassign_in(&lead, "lead", "acme").await;
    let refused = other.put(&here, &token).await;
    assert!([401, 403].contains(&refused.status.as_u16()), "{refused:?}");
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    assert_eq!(app.db.number(&sql).await, 0);
}

async fn a_refusal_names_the_way_and_changes_nothing(app: TestApp) {
    app.lead().await;
    app.role("boss", &["secrets:read"]).await;
    for role in ["bridge", "top"] {
        app.role(role, &["items:read"]).await;
    }
    app.inherit("top", "bridge").await;
    app.inherit("bridge", "boss").await;
    let bob = app.user("bob", &[]).await;
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles/top?tenant=acme");
    let refused = app.unchanged(app.put(path, &token)).await;
    refused.forbidden("secrets:read");
    assert_eq!(refused.json["rule"], "delegation_limit");
    assert_eq!(refused.json["path"], json!(["top", "bridge", "boss"]));
    assert_eq!(refused.json["permissions"], json!(["secrets:read"]));
}
