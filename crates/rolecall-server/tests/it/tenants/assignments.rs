//! Role assignments in a tenant.

use serde_json::{Value, json};

use crate::support::{TestApp, on_both};

on_both![
    an_assignment_in_a_tenant_is_separate_from_the_global_one,
    assignments_of_a_tenant_are_paged_and_show_no_other_tenant,
    a_client_has_roles_in_tenants_too,
];

async fn an_assignment_in_a_tenant_is_separate_from_the_global_one(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
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
        .no_content();
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
    // the ids in the list are the paths to delete
    for item in list.items("id") {
        app.delete(item, admin).await.no_content();
    }
    assert_eq!(
        app.get(&path, admin).await.items("id"),
        Vec::<String>::new()
    );
    let user = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(user.texts("roles"), Vec::<String>::new());
}

async fn assignments_of_a_tenant_are_paged_and_show_no_other_tenant(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &["user"]).await;
    for role in ["a", "b", "c"] {
        app.create_role(role, &[]).await;
        for tenant in ["acme", "other"] {
            app.assign_in(&alice, role, tenant).await;
        }
    }
    let read = async |query: &str| -> Vec<String> {
        let list = format!("/api/users/{alice}/roles?limit=2{query}");
        let pages = app.pages(list, admin).await;
        pages.iter().flat_map(|page| page.items("id")).collect()
    };
    let at = |role: &str, tenant: &str| format!("/api/users/{alice}/roles/{role}?tenant={tenant}");
    let of_acme = ["a", "b", "c"].map(|role| at(role, "acme"));
    assert_eq!(read("&tenant=acme").await, of_acme);
    assert_eq!(read("&tenant=nobody").await, Vec::<String>::new());
    assert_eq!(read("").await.len(), 7);
}

async fn a_client_has_roles_in_tenants_too(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let client = app.create_client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/editor?tenant=acme", client.id);
    app.put(&path, admin).await.no_content();
    let list = format!("/api/clients/{}/roles?tenant=acme", client.id);
    assert_eq!(
        app.get(&list, admin).await.items("id"),
        std::slice::from_ref(&path)
    );
    app.delete(&path, admin).await.no_content();
    assert_eq!(
        app.get(&list, admin).await.items("id"),
        Vec::<String>::new()
    );
}
