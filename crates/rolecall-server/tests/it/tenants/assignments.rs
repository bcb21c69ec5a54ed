//! Role assignments in a tenant.

use serde_json::{Value, json};

use crate::support::{TestApp, on_both};

on_both![
    an_assignment_in_a_tenant_is_one_of_its_own,
    the_list_of_a_tenant_is_paged_and_shows_no_other,
    a_client_has_roles_in_tenants_too,
];

async fn an_assignment_in_a_tenant_is_one_of_its_own(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    let path = format!("/api/users/{alice}/roles");
    for tenant in ["acme", "a.b_c-d", "0"] {
        app.assign_in(&alice, "editor", tenant).await;
    }
    let revision = app.db.revision().await;
    app.assign_in(&alice, "editor", "acme").await;
    assert_eq!(app.db.revision().await, revision, "twice changes nothing");
    let body = json!({ "expires_at": "2031-01-01T00:00:00Z", "reason": "a project" });
    app.put_json(format_args!("{path}/editor?tenant=acme"), admin, body)
        .await
        .done();
    let list = app.get(&path, admin).await;
    let tenants: Vec<&Value> = list.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["tenant"])
        .collect();
    assert_eq!(json!(tenants), json!([null, "0", "a.b_c-d", "acme"]));
    let id = app.id_of("admin").await;
    assert_eq!(
        list.json["items"][3],
        json!({
            "id": format!("{path}/editor?tenant=acme"), "role": "editor", "tenant": "acme",
            "valid_from": null, "expires_at": "2031-01-01T00:00:00Z", "reason": "a project",
            "assigned_by": format!("user:{id}"), "assigned_at": "2030-01-01T00:00:00Z",
        })
    );
    // what the list names is what is taken away
    for item in list.items("id") {
        app.delete(item, admin).await.done();
    }
    assert_eq!(
        app.get(&path, admin).await.items("id"),
        Vec::<String>::new()
    );
    let user = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(user.texts("roles"), Vec::<String>::new());
}

async fn the_list_of_a_tenant_is_paged_and_shows_no_other(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.user("alice", &["user"]).await;
    for role in ["a", "b", "c"] {
        app.role(role, &[]).await;
        for tenant in ["acme", "other"] {
            app.assign_in(&alice, role, tenant).await;
        }
    }
    let read = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/users/{alice}/roles?limit=2{query}{cursor}");
            let page = app.get(path, admin).await;
            seen.extend(page.items("id"));
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen,
            }
        }
    };
    let at = |role: &str, tenant: &str| format!("/api/users/{alice}/roles/{role}?tenant={tenant}");
    let of_acme = ["a", "b", "c"].map(|role| at(role, "acme"));
    assert_eq!(read("&tenant=acme").await, of_acme);
    assert_eq!(read("&tenant=nobody").await, Vec::<String>::new());
    assert_eq!(read("").await.len(), 7);
}

async fn a_client_has_roles_in_tenants_too(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let client = app.client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/editor?tenant=acme", client.id);
    app.put(&path, admin).await.done();
    let list = format!("/api/clients/{}/roles?tenant=acme", client.id);
    assert_eq!(
        app.get(&list, admin).await.items("id"),
        std::slice::from_ref(&path)
    );
    app.delete(&path, admin).await.done();
    assert_eq!(
        app.get(&list, admin).await.items("id"),
        Vec::<String>::new()
    );
}
