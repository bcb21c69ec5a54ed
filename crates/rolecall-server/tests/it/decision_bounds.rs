//! Explanations stay short and cheap, whatever the policy and however many assignments there are; and every kind
//! of refusal has a receipt.

use serde_json::json;

use crate::{
    decisions::{decide_permission, explain, steps},
    queries::queries_of,
    support::{TestApp, on_both},
};

on_both![
    only_a_few_of_thousands_of_ineffective_assignments_are_listed,
    an_administrator_is_named_among_many_unassigned_roles,
    a_receipt_with_many_needs_takes_a_bounded_number_of_queries,
    a_refusal_to_grant_a_wildcard_can_be_explained,
    holding_every_permission_of_a_wildcard_is_not_holding_the_wildcard,
    a_role_that_must_be_assigned_globally_is_not_suggested_in_a_tenant,
];

/// A common table expression with the numbers from 1 to `n`, for both databases.
fn numbers(n: usize) -> String {
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {n})"
    )
}

async fn only_a_few_of_thousands_of_ineffective_assignments_are_listed(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{id}/roles/reader");
    let validity = json!({ "expires_at": "2030-01-01T00:00:01Z" });
    app.put_json(path, app.admin().await, validity)
        .await
        .no_content();
    app.db
        .execute(&format!(
            "INSERT INTO role_assignments (subject_id, role, tenant, assigned_by, assigned_at) {} \
             SELECT '{id}', 'reader', 't' || n, 'system', 0 FROM numbers",
            numbers(10_000)
        ))
        .await;
    app.pass_time(std::time::Duration::from_secs(2));
    let response = decide_permission(&app, &id, "items:read").await;
    let lost = steps(&response, "lost");
    assert_eq!(lost.len(), 10);
    assert_eq!(lost[0]["cause"], "expired", "the nearest comes first");
    assert_eq!(steps(&response, "not_listed")[0]["lost"], 9_991);
}

async fn an_administrator_is_named_among_many_unassigned_roles(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("giver", &["rolecall.assignments:write"])
        .await;
    for number in 0..25 {
        let role = format!("a{number}");
        app.create_role(&role, &[]).await;
        app.inherit(&role, "giver").await;
    }
    let id = app.create_user("alice", &[]).await;
    let response = decide_permission(&app, &id, "items:read").await;
    let giver = steps(&response, "may_give")[0];
    assert_eq!(giver["users"][0]["username"], "admin");
    assert_eq!(giver["more"], true, "not all roles were searched");
}

async fn a_receipt_with_many_needs_takes_a_bounded_number_of_queries(app: TestApp) {
    app.create_role("giver", &["rolecall.assignments:write"])
        .await;
    let needs: Vec<String> = (0..60).map(|number| format!("a:n{number}")).collect();
    let held: Vec<&str> = needs.iter().map(String::as_str).collect();
    app.create_role("holder", &held).await;
    for number in 0..8 {
        let name = format!("giver-{number}");
        app.create_user(&name, &["giver"]).await;
    }
    // one role per need, so that each need causes a search
    for (number, need) in needs.iter().enumerate() {
        app.create_role(&format!("single{number}"), &[need]).await;
    }
    let alice = app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let query: Vec<String> = needs
        .iter()
        .map(|need| format!("permission={need}"))
        .collect();
    let path = format!("/forward-auth?{}", query.join("&"));
    let refused = app.get(path, &token).await;
    refused.is(403);
    let (response, queries) = queries_of(explain(&app, &refused)).await;
    assert_eq!(response.json["subject"], alice);
    assert_eq!(steps(&response, "need").len(), 60);
    assert!(queries < 150, "{queries} queries");
}

async fn a_refusal_to_grant_a_wildcard_can_be_explained(app: TestApp) {
    app.create_role("whole", &["items:read"]).await;
    app.create_role("keeper", &["rolecall.roles:write"]).await;
    let path = "/api/roles/whole/permissions/items:*";
    app.put(path, app.admin().await).await.no_content();
    app.create_user("bob", &["keeper"]).await;
    let token = app.log_in("bob").await;
    let path = "/api/roles/keeper/permissions/items:*";
    let refused = app.put(path, &token).await;
    refused.is(403);
    let response = explain(&app, &refused).await;
    assert_eq!(response.json["allowed"], false);
    assert_eq!(response.json["rule"], json!({ "all": ["items:*"] }));
    assert_eq!(
        response.json["because"][0],
        json!({ "kind": "missing", "need": "items:*", "exists": true })
    );
    assert_eq!(steps(&response, "would_give")[0]["roles"], json!(["whole"]));
    let bob = app.id_of("bob").await;
    app.assign(&bob, "whole").await;
    let response = explain(&app, &refused).await;
    assert_eq!(response.json["allowed"], true);
    assert_eq!(
        steps(&response, "grant"),
        [&json!({ "kind": "grant", "role": "whole", "permission": "items:*" })]
    );
}

async fn holding_every_permission_of_a_wildcard_is_not_holding_the_wildcard(app: TestApp) {
    app.create_role("keeper", &["rolecall.roles:write", "items:read"])
        .await;
    app.create_user("bob", &["keeper"]).await;
    let token = app.log_in("bob").await;
    let path = "/api/roles/keeper/permissions/items:*";
    let refused = app.put(path, &token).await;
    refused.is(403);
    let response = explain(&app, &refused).await;
    assert_eq!(response.json["allowed"], false);
}

async fn a_role_that_must_be_assigned_globally_is_not_suggested_in_a_tenant(app: TestApp) {
    app.create_role("clerk", &["rolecall.users:read"]).await;
    let id = app.create_user("alice", &[]).await;
    for (permission, tenant) in [("rolecall.users:read", None), ("items:read", Some("acme"))] {
        if tenant.is_some() {
            app.create_role("reader", &[permission]).await;
        }
        let body = json!({ "subject": id, "permission": permission, "tenant": "acme" });
        let response = app.post("/api/decisions", app.admin().await, body).await;
        response.is(200);
        assert_eq!(steps(&response, "may_give")[0]["tenant"], json!(tenant));
    }
}
