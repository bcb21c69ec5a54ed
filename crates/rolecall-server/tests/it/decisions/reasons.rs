//! The steps that a decision names.

use std::time::Duration;

use serde_json::{Value, json};

use super::{about, decide, kinds, steps};
use crate::support::{TestApp, on_both};

on_both![
    an_answer_of_yes_names_assignment_way_and_grant,
    an_answer_of_no_names_the_smallest_roles_and_who_may_give_them,
    what_is_over_or_not_yet_begun_is_named_with_its_time,
    time_decides_when_it_is_asked_about_and_no_sweeper_does,
    what_was_taken_away_is_named_until_it_is_given_again,
    what_was_taken_away_in_a_tenant_is_named_only_there_and_only_if_it_counted,
    a_subject_that_cannot_act_may_do_nothing,
    a_role_can_be_asked_for_by_its_name,
    a_client_is_decided_for_too,
    what_does_not_exist_is_denied_and_said,
    only_who_may_read_decisions_gets_one,
    a_decision_changes_nothing,
];

async fn an_answer_of_yes_names_assignment_way_and_grant(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("editor", &[]).await;
    app.role("chief", &[]).await;
    app.inherit("editor", "reader").await;
    app.inherit("chief", "editor").await;
    let id = app.user("alice", &["chief"]).await;
    let answer = about(&app, &id, "items:read").await;
    assert_eq!(answer.json["allowed"], true);
    assert_eq!(kinds(&answer), ["assignment", "inheritance", "grant"]);
    let because = &answer.json["because"];
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
    assert_eq!(answer.json["policy_revision"], revision);
}

async fn an_answer_of_no_names_the_smallest_roles_and_who_may_give_them(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("owner", &["items:read", "items:write"]).await;
    app.role("boss", &[]).await;
    app.inherit("boss", "reader").await;
    app.role("giver", &["rolecall.assignments:write", "items:read"])
        .await;
    app.role("other", &["rolecall.assignments:write"]).await;
    let id = app.user("alice", &[]).await;
    let bob = app.user("bob", &["giver"]).await;
    let carl = app.user("carl", &["other"]).await;
    let path = format!("/api/users/{carl}/roles/reader?tenant=acme");
    app.put(&path, app.admin().await).await.done();
    let answer = about(&app, &id, "items:read").await;
    assert_eq!(answer.json["allowed"], false);
    let missing = json!({ "kind": "missing", "need": "items:read", "exists": true });
    assert_eq!(answer.json["because"][0], missing);
    // what gives least comes first, and a role that only inherits one of them is not named
    let roles = &steps(&answer, "would_give")[0]["roles"];
    assert_eq!(*roles, json!(["reader", "giver", "owner"]));
    let givers = steps(&answer, "may_give");
    assert_eq!(givers[0]["role"], "reader");
    let names = |giver: &Value| -> Vec<String> {
        let users = giver["users"].as_array().unwrap().iter();
        users
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect()
    };
    // carl may give roles, but does not hold what this one holds, or not everywhere
    assert_eq!(names(givers[0]), ["admin", "bob"]);
    let own = about(&app, &id, "rolecall.users:read").await;
    assert_eq!(names(steps(&own, "may_give")[0]), ["admin"]);
    assert_eq!(givers[0]["users"][1]["id"], bob);
    assert_eq!(givers[0]["more"], false);
}

async fn what_is_over_or_not_yet_begun_is_named_with_its_time(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("later", &["items:read"]).await;
    let id = app.user("alice", &[]).await;
    let give = async |role: &str, validity: Value| {
        let path = format!("/api/users/{id}/roles/{role}");
        app.put_json(path, app.admin().await, validity).await.done();
    };
    give(
        "reader",
        json!({ "expires_at": "2030-01-01T00:10:00Z", "reason": "a visit" }),
    )
    .await;
    give("later", json!({ "valid_from": "2035-01-01T00:00:00Z" })).await;
    app.role("elsewhere", &["items:read"]).await;
    let lasting = json!({ "expires_at": "2040-01-01T00:00:00Z" });
    give("elsewhere?tenant=acme", lasting).await;
    assert_eq!(about(&app, &id, "items:read").await.json["allowed"], true);
    app.pass(Duration::from_mins(10));
    let answer = about(&app, &id, "items:read").await;
    assert_eq!(answer.json["allowed"], false);
    let lost = steps(&answer, "lost");
    let by_cause = |cause: &str| *lost.iter().find(|step| step["cause"] == cause).unwrap();
    assert_eq!(by_cause("expired")["at"], "2030-01-01T00:10:00Z");
    assert_eq!(by_cause("expired")["assignment"]["reason"], "a visit");
    assert_eq!(
        by_cause("not_yet_valid")["assignment"]["valid_from"],
        "2035-01-01T00:00:00Z"
    );
    assert_eq!(by_cause("not_yet_valid")["path"], json!(["later"]));
    // what could be mended first comes first
    let causes: Vec<&Value> = lost.iter().map(|step| &step["cause"]).collect();
    assert_eq!(causes, ["expired", "not_yet_valid", "other_tenant"]);
}

async fn time_decides_when_it_is_asked_about_and_no_sweeper_does(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let id = app.user("alice", &[]).await;
    let path = format!("/api/users/{id}/roles/reader");
    let validity =
        json!({ "valid_from": "2031-01-01T00:00:00Z", "expires_at": "2032-01-01T00:00:00Z" });
    app.put_json(path, app.admin().await, validity).await.done();
    for (at, allowed) in [
        ("2030-12-31T23:59:59.999999Z", false),
        ("2031-01-01T00:00:00Z", true),
        ("2031-12-31T23:59:59.999999Z", true),
        ("2032-01-01T00:00:00Z", false),
    ] {
        let body = json!({ "subject": id, "permission": "items:read", "at": at });
        let answer = decide(&app, body).await;
        assert_eq!(answer.json["allowed"], allowed, "{at}");
        assert_eq!(answer.json["at"], at);
    }
    let body = json!({ "subject": id, "permission": "items:read", "at": "tomorrow" });
    let answer = app.post("/api/decisions", app.admin().await, body).await;
    answer.invalid(&["body", "at"]);
}

async fn what_was_taken_away_is_named_until_it_is_given_again(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("editor", &[]).await;
    app.inherit("editor", "reader").await;
    let id = app.user("alice", &["editor"]).await;
    app.unassign(&id, "editor").await;
    let answer = about(&app, &id, "items:read").await;
    let lost = steps(&answer, "lost");
    assert_eq!(lost[0]["cause"], "unassigned");
    assert_eq!(lost[0]["path"], json!(["editor", "reader"]));
    let admin = app.id_of("admin").await;
    assert_eq!(lost[0]["by"], format!("user:{admin}"));
    assert!(lost[0]["at"].as_str().unwrap().starts_with("2030-"));
    // it has nothing to do with another permission
    app.role("writer", &["items:write"]).await;
    assert!(steps(&about(&app, &id, "items:write").await, "lost").is_empty());
    let soon = json!({ "expires_at": "2030-01-01T00:00:30Z" });
    let path = format!("/api/users/{id}/roles/editor");
    app.put_json(path, app.admin().await, soon).await.done();
    app.pass(std::time::Duration::from_secs(30));
    let answer = about(&app, &id, "items:read").await;
    let causes: Vec<&Value> = steps(&answer, "lost")
        .into_iter()
        .map(|lost| &lost["cause"])
        .collect();
    assert_eq!(causes, ["expired"]);
    app.assign(&id, "editor").await;
    let path = "/api/roles/editor/juniors/reader";
    app.delete(path, app.admin().await).await.done();
    assert!(steps(&about(&app, &id, "items:read").await, "lost").is_empty());
}

async fn what_was_taken_away_in_a_tenant_is_named_only_there_and_only_if_it_counted(app: TestApp) {
    app.role("reader", &["items:read", "rolecall.users:read"])
        .await;
    let id = app.user("alice", &[]).await;
    for role in ["reader", "rolecall.admin"] {
        let path = format!("/api/users/{id}/roles/{role}?tenant=acme");
        app.put(&path, app.admin().await).await.done();
        app.delete(&path, app.admin().await).await.done();
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
    // what was held globally counted everywhere, also by such a name
    let path = format!("/api/users/{id}/roles/rolecall.admin");
    app.put(&path, app.admin().await).await.done();
    app.delete(&path, app.admin().await).await.done();
    for tenant in [None, Some("acme")] {
        assert!(named("role:rolecall.admin", tenant).await, "{tenant:?}");
    }
}

async fn a_subject_that_cannot_act_may_do_nothing(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let id = app.user("alice", &["reader"]).await;
    for status in ["disabled", "password_change_required"] {
        let path = format!("/api/users/{id}");
        app.patch(path, app.admin().await, json!({ "status": status }))
            .await
            .is(200);
        let answer = about(&app, &id, "items:read").await;
        assert_eq!(answer.json["allowed"], false);
        assert_eq!(
            answer.json["because"][0],
            json!({ "kind": "status", "status": status })
        );
        assert_eq!(
            kinds(&answer)[1..],
            ["assignment", "grant"],
            "the roles would do"
        );
    }
}

async fn a_role_can_be_asked_for_by_its_name(app: TestApp) {
    app.role("reader", &[]).await;
    app.role("editor", &[]).await;
    app.inherit("editor", "reader").await;
    let id = app.user("alice", &["editor"]).await;
    let answer = about(&app, &id, "role:reader").await;
    assert_eq!(answer.json["allowed"], true);
    assert_eq!(kinds(&answer), ["assignment", "inheritance"]);
    assert_eq!(
        about(&app, &id, "role:rolecall.admin").await.json["allowed"],
        false
    );
}

async fn a_client_is_decided_for_too(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let body = json!({ "name": "job", "grants": ["client_credentials"], "roles": ["reader"] });
    let client = app.post("/api/clients", app.admin().await, body).await;
    let id = client.is(201).text("client_id");
    let answer = about(&app, &id, "items:read").await;
    assert_eq!(answer.json["allowed"], true);
    assert_eq!(
        answer.json["because"][0]["id"],
        format!("/api/clients/{id}/roles/reader")
    );
}

async fn what_does_not_exist_is_denied_and_said(app: TestApp) {
    let id = app.user("alice", &[]).await;
    for need in ["ghosts:see", "role:ghost"] {
        let answer = about(&app, &id, need).await;
        assert_eq!(answer.json["allowed"], false);
        let missing = json!([{ "kind": "missing", "need": need, "exists": false }]);
        assert_eq!(answer.json["because"], missing);
    }
    let body = json!({ "subject": "ghost", "permission": "items:read" });
    let answer = app.post("/api/decisions", app.admin().await, body).await;
    answer.problem(404, "no subject `ghost`");
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
        let answer = app.post("/api/decisions", app.admin().await, body).await;
        answer.invalid(&["body", member]);
    }
}

async fn only_who_may_read_decisions_gets_one(app: TestApp) {
    let id = app.user("alice", &["user"]).await;
    app.role("auditor", &["rolecall.decisions:read"]).await;
    app.user("bob", &["auditor"]).await;
    let body = json!({ "subject": id, "permission": "items:read" });
    let (alice, bob) = (app.login("alice").await, app.login("bob").await);
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
    let id = app.user("alice", &[]).await;
    let before = app.db.revision().await;
    about(&app, &id, "items:read").await;
    assert_eq!(app.db.revision().await, before);
}
