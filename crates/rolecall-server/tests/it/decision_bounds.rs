//! An explanation costs no more and says no more than somebody can read, whatever the policy and however many
//! assignments there are; and a receipt tells of every kind of refusal.

use serde_json::{Value, json};

use crate::{
    queries::queries_of,
    support::{Answer, TestApp, on_both},
};

on_both![
    of_thousands_of_assignments_that_do_not_count_a_few_are_listed,
    whoever_may_give_anything_is_found_beside_many_roles_that_nobody_has,
    a_receipt_of_many_needs_costs_a_bounded_number_of_queries,
    a_refusal_to_hand_on_a_wildcard_can_be_explained,
    who_holds_each_permission_of_a_wildcard_does_not_hold_the_wildcard,
    a_role_that_must_be_given_globally_is_not_asked_for_in_a_tenant,
];

fn steps<'a>(answer: &'a Answer, kind: &str) -> Vec<&'a Value> {
    let all = answer.json["because"].as_array().unwrap();
    all.iter().filter(|step| step["kind"] == kind).collect()
}

async fn about(app: &TestApp, id: &str, permission: &str) -> Answer {
    let body = json!({ "subject": id, "permission": permission });
    let answer = app.post("/api/decisions", app.admin().await, body).await;
    answer.is(200);
    answer
}

async fn explained(app: &TestApp, refused: &Answer) -> Answer {
    let path = format!("/api/decisions/{}", refused.text("receipt"));
    let answer = app.get(path, app.admin().await).await;
    answer.is(200);
    answer
}

/// Numbers from 1 to `n`, as a table of one column that both databases make.
fn numbers(n: usize) -> String {
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {n})"
    )
}

async fn of_thousands_of_assignments_that_do_not_count_a_few_are_listed(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let id = app.user("alice", &[]).await;
    let path = format!("/api/users/{id}/roles/reader");
    let validity = json!({ "expires_at": "2030-01-01T00:00:01Z" });
    app.put_json(path, app.admin().await, validity).await.done();
    app.db
        .execute(&format!(
            "INSERT INTO role_assignments (subject_id, role, tenant, assigned_by, assigned_at) {} \
             SELECT '{id}', 'reader', 't' || n, 'system', 0 FROM numbers",
            numbers(10_000)
        ))
        .await;
    app.pass(std::time::Duration::from_secs(2));
    let answer = about(&app, &id, "items:read").await;
    let lost = steps(&answer, "lost");
    assert_eq!(lost.len(), 10);
    assert_eq!(lost[0]["cause"], "expired", "what is nearest comes first");
    assert_eq!(steps(&answer, "not_listed")[0]["lost"], 9_991);
}

async fn whoever_may_give_anything_is_found_beside_many_roles_that_nobody_has(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("giver", &["rolecall.assignments:write"]).await;
    for number in 0..25 {
        let role = format!("a{number}");
        app.role(&role, &[]).await;
        app.inherit(&role, "giver").await;
    }
    let id = app.user("alice", &[]).await;
    let answer = about(&app, &id, "items:read").await;
    let giver = steps(&answer, "may_give")[0];
    assert_eq!(giver["users"][0]["username"], "admin");
    assert_eq!(giver["more"], true, "not all roles were looked at");
}

async fn a_receipt_of_many_needs_costs_a_bounded_number_of_queries(app: TestApp) {
    app.role("giver", &["rolecall.assignments:write"]).await;
    let needs: Vec<String> = (0..60).map(|number| format!("a:n{number}")).collect();
    let held: Vec<&str> = needs.iter().map(String::as_str).collect();
    app.role("holder", &held).await;
    for number in 0..8 {
        let name = format!("giver-{number}");
        app.user(&name, &["giver"]).await;
    }
    // a role for each need, so that each is searched for anew
    for (number, need) in needs.iter().enumerate() {
        app.role(&format!("single{number}"), &[need]).await;
    }
    let alice = app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    let query: Vec<String> = needs
        .iter()
        .map(|need| format!("permission={need}"))
        .collect();
    let path = format!("/forward-auth?{}", query.join("&"));
    let refused = app.get(path, &token).await;
    refused.is(403);
    let (answer, queries) = queries_of(explained(&app, &refused)).await;
    assert_eq!(answer.json["subject"], alice);
    assert_eq!(steps(&answer, "need").len(), 60);
    assert!(queries < 150, "{queries} queries");
}

async fn a_refusal_to_hand_on_a_wildcard_can_be_explained(app: TestApp) {
    app.role("whole", &["items:read"]).await;
    app.role("keeper", &["rolecall.roles:write"]).await;
    let path = "/api/roles/whole/permissions/items:*";
    app.put(path, app.admin().await).await.done();
    app.user("bob", &["keeper"]).await;
    let token = app.login("bob").await;
    let path = "/api/roles/keeper/permissions/items:*";
    let refused = app.put(path, &token).await;
    refused.is(403);
    let answer = explained(&app, &refused).await;
    assert_eq!(answer.json["allowed"], false);
    assert_eq!(answer.json["rule"], json!({ "all": ["items:*"] }));
    assert_eq!(
        answer.json["because"][0],
        json!({ "kind": "missing", "need": "items:*", "exists": true })
    );
    assert_eq!(steps(&answer, "would_give")[0]["roles"], json!(["whole"]));
    let bob = app.id_of("bob").await;
    app.assign(&bob, "whole").await;
    let answer = explained(&app, &refused).await;
    assert_eq!(answer.json["allowed"], true);
    assert_eq!(
        steps(&answer, "grant"),
        [&json!({ "kind": "grant", "role": "whole", "permission": "items:*" })]
    );
}

async fn who_holds_each_permission_of_a_wildcard_does_not_hold_the_wildcard(app: TestApp) {
    app.role("keeper", &["rolecall.roles:write", "items:read"])
        .await;
    app.user("bob", &["keeper"]).await;
    let token = app.login("bob").await;
    let path = "/api/roles/keeper/permissions/items:*";
    let refused = app.put(path, &token).await;
    refused.is(403);
    let answer = explained(&app, &refused).await;
    assert_eq!(answer.json["allowed"], false);
}

async fn a_role_that_must_be_given_globally_is_not_asked_for_in_a_tenant(app: TestApp) {
    app.role("clerk", &["rolecall.users:read"]).await;
    let id = app.user("alice", &[]).await;
    for (permission, tenant) in [("rolecall.users:read", None), ("items:read", Some("acme"))] {
        if tenant.is_some() {
            app.role("reader", &[permission]).await;
        }
        let body = json!({ "subject": id, "permission": permission, "tenant": "acme" });
        let answer = app.post("/api/decisions", app.admin().await, body).await;
        answer.is(200);
        assert_eq!(steps(&answer, "may_give")[0]["tenant"], json!(tenant));
    }
}
