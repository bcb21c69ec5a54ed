//! The steps that a decision names.

use std::time::Duration;

use serde_json::{Value, json};

use super::{decide, decide_permission, kinds, steps};
use crate::support::{TestApp, on_both};

on_both![
    an_allowed_decision_names_assignment_path_and_grant,
    a_denied_decision_names_the_smallest_roles_and_who_may_assign_them,
    expired_and_future_assignments_are_named_with_their_times,
    a_decision_depends_on_the_requested_time_alone,
    a_removed_assignment_is_named_until_it_is_assigned_again,
    an_assignment_removed_in_a_tenant_is_named_only_there_and_only_if_it_counted,
    an_inactive_subject_is_denied_everything,
    a_role_can_be_checked_by_name,
    decisions_work_for_clients_too,
    an_unknown_permission_or_role_is_denied_and_marked_as_unknown,
    decisions_require_the_permission_to_read_them,
    a_decision_changes_nothing,
];

async fn an_allowed_decision_names_assignment_path_and_grant(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &[]).await;
    app.create_role("chief", &[]).await;
    app.inherit("editor", "reader").await;
    app.inherit("chief", "editor").await;
    let id = app.create_user("alice", &["chief"]).await;
    let response = decide_permission(&app, &id, "items:read").await;
    assert_eq!(response.json["allowed"], true);
    assert_eq!(kinds(&response), ["assignment", "inheritance", "grant"]);
    let because = &response.json["because"];
    assert_eq!(because[0]["id"], format!("/api/users/{id}/roles/chief"));
    let admin = app.id_of("admin").await;
    assert_eq!(because[0]["assigned_by"], format!("user:{admin}"));
    assert_eq!(because[0]["tenant"], Value::Null);
    assert_eq!(because[1]["path"], json!(["chief", "editor", "reader"]));
    assert_eq!(
        because[2],
        json!({ "kind": "grant", "role": "reader", "permission": "items:read" })
    );
    let revision = app.db.number("SELECT policy_revision FROM head").await;
    assert_eq!(response.json["policy_revision"], revision);
}

async fn a_denied_decision_names_the_smallest_roles_and_who_may_assign_them(app: TestApp) {
    app.create_plain_role("reader", &["items:read"]).await;
    app.create_role("owner", &["items:read", "items:write"])
        .await;
    app.create_role("boss", &[]).await;
    app.inherit("boss", "reader").await;
    app.create_role("giver", &["rolecall.assignments:write", "items:read"])
        .await;
    app.create_role("other", &["rolecall.assignments:write"])
        .await;
    let id = app.create_user("alice", &[]).await;
    let bob = app.create_user("bob", &["giver"]).await;
    let carl = app.create_user("carl", &["other"]).await;
    let path = format!("/api/users/{carl}/roles/reader?tenant=acme");
    app.put(&path, app.admin().await).await.no_content();
    let response = decide_permission(&app, &id, "items:read").await;
    assert_eq!(response.json["allowed"], false);
    let missing = json!({ "kind": "missing", "need": "items:read", "exists": true });
    assert_eq!(response.json["because"][0], missing);
    // the smallest role comes first, and a role that only inherits one of them is not named
    let roles = &steps(&response, "would_give")[0]["roles"];
    assert_eq!(*roles, json!(["reader", "giver", "owner"]));
    let givers = steps(&response, "may_give");
    assert_eq!(givers[0]["role"], "reader");
    let names = |giver: &Value| -> Vec<String> {
        let users = giver["users"].as_array().unwrap().iter();
        users
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect()
    };
    // carl may assign roles, but holds `items:read` only in one tenant
    assert_eq!(names(givers[0]), ["admin", "bob"]);
    let own = decide_permission(&app, &id, "rolecall.users:read").await;
    assert_eq!(names(steps(&own, "may_give")[0]), ["admin"]);
    assert_eq!(givers[0]["users"][1]["id"], bob);
    assert_eq!(givers[0]["more"], false);
}

async fn expired_and_future_assignments_are_named_with_their_times(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("later", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let assign = async |role: &str, validity: Value| {
        let path = format!("/api/users/{id}/roles/{role}");
        app.put_json(path, app.admin().await, validity)
            .await
            .no_content();
    };
    assign(
        "reader",
        json!({ "expires_at": "2030-01-01T00:10:00Z", "reason": "a visit" }),
    )
    .await;
    assign("later", json!({ "valid_from": "2035-01-01T00:00:00Z" })).await;
    app.create_role("elsewhere", &["items:read"]).await;
    let lasting = json!({ "expires_at": "2040-01-01T00:00:00Z" });
    assign("elsewhere?tenant=acme", lasting).await;
    assert_eq!(
        decide_permission(&app, &id, "items:read").await.json["allowed"],
        true
    );
    app.pass_time(Duration::from_mins(10));
    let response = decide_permission(&app, &id, "items:read").await;
    assert_eq!(response.json["allowed"], false);
    let lost = steps(&response, "lost");
    let by_cause = |cause: &str| *lost.iter().find(|step| step["cause"] == cause).unwrap();
    assert_eq!(by_cause("expired")["at"], "2030-01-01T00:10:00Z");
    assert_eq!(by_cause("expired")["assignment"]["reason"], "a visit");
    assert_eq!(
        by_cause("not_yet_valid")["assignment"]["valid_from"],
        "2035-01-01T00:00:00Z"
    );
    assert_eq!(by_cause("not_yet_valid")["path"], json!(["later"]));
    // the causes that are easiest to fix come first
    let causes: Vec<&Value> = lost.iter().map(|step| &step["cause"]).collect();
    assert_eq!(causes, ["expired", "not_yet_valid", "other_tenant"]);
}

async fn a_decision_depends_on_the_requested_time_alone(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{id}/roles/reader");
    let validity =
        json!({ "valid_from": "2031-01-01T00:00:00Z", "expires_at": "2032-01-01T00:00:00Z" });
    app.put_json(path, app.admin().await, validity)
        .await
        .no_content();
    for (at, allowed) in [
        ("2030-12-31T23:59:59.999999Z", false),
        ("2031-01-01T00:00:00Z", true),
        ("2031-12-31T23:59:59.999999Z", true),
        ("2032-01-01T00:00:00Z", false),
    ] {
        let body = json!({ "subject": id, "permission": "items:read", "at": at });
        let response = decide(&app, body).await;
        assert_eq!(response.json["allowed"], allowed, "{at}");
        assert_eq!(response.json["at"], at);
    }
    let body = json!({ "subject": id, "permission": "items:read", "at": "tomorrow" });
    let response = app.post("/api/decisions", app.admin().await, body).await;
    response.invalid(&["body", "at"]);
}

async fn a_removed_assignment_is_named_until_it_is_assigned_again(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &[]).await;
    app.inherit("editor", "reader").await;
    let id = app.create_user("alice", &["editor"]).await;
    app.unassign(&id, "editor").await;
    let response = decide_permission(&app, &id, "items:read").await;
    let lost = steps(&response, "lost");
    assert_eq!(lost[0]["cause"], "unassigned");
    assert_eq!(lost[0]["path"], json!(["editor", "reader"]));
    let admin = app.id_of("admin").await;
    assert_eq!(lost[0]["by"], format!("user:{admin}"));
    assert!(lost[0]["at"].as_str().unwrap().starts_with("2030-"));
    // another permission is not affected
    app.create_role("writer", &["items:write"]).await;
    assert!(steps(&decide_permission(&app, &id, "items:write").await, "lost").is_empty());
    let soon = json!({ "expires_at": "2030-01-01T00:00:30Z" });
    let path = format!("/api/users/{id}/roles/editor");
    app.put_json(path, app.admin().await, soon)
        .await
        .no_content();
    app.pass_time(Duration::from_secs(30));
    let response = decide_permission(&app, &id, "items:read").await;
    let causes: Vec<&Value> = steps(&response, "lost")
        .into_iter()
        .map(|lost| &lost["cause"])
        .collect();
    assert_eq!(causes, ["expired"]);
    app.assign(&id, "editor").await;
    let path = "/api/roles/editor/juniors/reader";
    app.delete(path, app.admin().await).await.no_content();
    assert!(steps(&decide_permission(&app, &id, "items:read").await, "lost").is_empty());
}

async fn an_assignment_removed_in_a_tenant_is_named_only_there_and_only_if_it_counted(
    app: TestApp,
) {
    app.create_role("reader", &["items:read", "rolecall.users:read"])
        .await;
    let id = app.create_user("alice", &[]).await;
    for role in ["reader", "rolecall.admin"] {
        let path = format!("/api/users/{id}/roles/{role}?tenant=acme");
        app.put(&path, app.admin().await).await.no_content();
        app.delete(&path, app.admin().await).await.no_content();
    }
    let named = async |needed: &str, tenant: Option<&str>| {
        let mut body = json!({ "subject": id, "permission": needed });
        if let Some(tenant) = tenant {
            body["tenant"] = json!(tenant);
        }
        !steps(&decide(&app, body).await, "lost").is_empty()
    };
    for needed in ["items:read", "role:reader"] {
        assert!(named(needed, Some("acme")).await, "{needed}");
        assert!(!named(needed, Some("other")).await, "{needed}");
        assert!(!named(needed, None).await, "{needed}");
    }
    for reserved in ["rolecall.users:read", "role:rolecall.admin"] {
        assert!(!named(reserved, Some("acme")).await, "{reserved}");
    }
    // a global assignment counted in every tenant, even of a reserved role
    let path = format!("/api/users/{id}/roles/rolecall.admin");
    app.put(&path, app.admin().await).await.no_content();
    app.delete(&path, app.admin().await).await.no_content();
    for tenant in [None, Some("acme")] {
        assert!(named("role:rolecall.admin", tenant).await, "{tenant:?}");
    }
}

async fn an_inactive_subject_is_denied_everything(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let id = app.create_user("alice", &["reader"]).await;
    for status in ["disabled", "password_change_required"] {
        let path = format!("/api/users/{id}");
        app.patch(path, app.admin().await, json!({ "status": status }))
            .await
            .is(200);
        let response = decide_permission(&app, &id, "items:read").await;
        assert_eq!(response.json["allowed"], false);
        assert_eq!(
            response.json["because"][0],
            json!({ "kind": "status", "status": status })
        );
        assert_eq!(
            kinds(&response)[1..],
            ["assignment", "grant"],
            "the roles would suffice"
        );
    }
}

async fn a_role_can_be_checked_by_name(app: TestApp) {
    app.create_role("reader", &[]).await;
    app.create_role("editor", &[]).await;
    app.inherit("editor", "reader").await;
    let id = app.create_user("alice", &["editor"]).await;
    let response = decide_permission(&app, &id, "role:reader").await;
    assert_eq!(response.json["allowed"], true);
    assert_eq!(kinds(&response), ["assignment", "inheritance"]);
    assert_eq!(
        decide_permission(&app, &id, "role:rolecall.admin")
            .await
            .json["allowed"],
        false
    );
}

async fn decisions_work_for_clients_too(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let body = json!({ "name": "job", "grants": ["client_credentials"], "roles": ["reader"] });
    let client = app.post("/api/clients", app.admin().await, body).await;
    let id = client.is(201).text("client_id");
    let response = decide_permission(&app, &id, "items:read").await;
    assert_eq!(response.json["allowed"], true);
    assert_eq!(
        response.json["because"][0]["id"],
        format!("/api/clients/{id}/roles/reader")
    );
}

async fn an_unknown_permission_or_role_is_denied_and_marked_as_unknown(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    for need in ["ghosts:see", "role:ghost"] {
        let response = decide_permission(&app, &id, need).await;
        assert_eq!(response.json["allowed"], false);
        let missing = json!([{ "kind": "missing", "need": need, "exists": false }]);
        assert_eq!(response.json["because"], missing);
    }
    let body = json!({ "subject": "ghost", "permission": "items:read" });
    let response = app.post("/api/decisions", app.admin().await, body).await;
    response.problem(404, "no subject `ghost`");
    for (member, body) in [
        (
            "permission",
            json!({ "subject": id, "permission": "items:*" }),
        ),
        (
            "permission",
            json!({ "subject": id, "permission": "Items" }),
        ),
        (
            "permission",
            json!({ "subject": id, "permission": "role:" }),
        ),
        ("permission", json!({ "subject": id })),
        ("subject", json!({ "permission": "items:read" })),
        (
            "tenant",
            json!({ "subject": id, "permission": "items:read", "tenant": "" }),
        ),
        (
            "because",
            json!({ "subject": id, "permission": "items:read", "because": 1 }),
        ),
    ] {
        let response = app.post("/api/decisions", app.admin().await, body).await;
        response.invalid(&["body", member]);
    }
}

async fn decisions_require_the_permission_to_read_them(app: TestApp) {
    let id = app.create_user("alice", &["user"]).await;
    app.create_role("auditor", &["rolecall.decisions:read"])
        .await;
    app.create_user("bob", &["auditor"]).await;
    let body = json!({ "subject": id, "permission": "items:read" });
    let (alice, bob) = (app.log_in("alice").await, app.log_in("bob").await);
    let refused = app.post("/api/decisions", &alice, body.clone()).await;
    refused.forbidden("rolecall.decisions:read");
    let receipt = refused.text("receipt");
    app.post("/api/decisions", &bob, body).await.is(200);
    let path = format!("/api/decisions/{receipt}");
    app.get(&path, &alice)
        .await
        .forbidden("rolecall.decisions:read");
    app.get(&path, "").await.not_authenticated();
    app.get(&path, &bob).await.is(200);
}

async fn a_decision_changes_nothing(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let before = app.db.revision().await;
    decide_permission(&app, &id, "items:read").await;
    assert_eq!(app.db.revision().await, before);
}
