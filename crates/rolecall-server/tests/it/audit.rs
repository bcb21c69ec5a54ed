//! `/api/audit`: one entry per revision, and events, which are not chained.

use serde_json::{Value, json};

use crate::support::{TestApp, WRONG, on_both};

on_both![
    every_revision_has_exactly_one_entry,
    an_entry_contains_ids_and_never_names_or_secrets,
    a_refused_change_leaves_no_entry,
    logins_and_failures_are_events_and_not_revisions,
    a_flood_of_failures_is_sampled,
    the_log_is_paged_newest_first_without_gaps,
];

async fn every_revision_has_exactly_one_entry(app: TestApp) {
    app.create_role("editor", &["items:read", "items:*"]).await;
    app.create_role("reader", &[]).await;
    app.inherit("editor", "reader").await;
    let alice = app.create_user("alice", &["editor", "user"]).await;
    app.unassign(&alice, "editor").await;
    app.delete(format_args!("/api/users/{alice}"), app.admin().await)
        .await
        .no_content();
    let revisions = app
        .db
        .texts("SELECT CAST(audit.revision AS TEXT) FROM audit ORDER BY audit.revision")
        .await;
    let expected: Vec<String> = (1..=app.db.revision().await)
        .map(|revision| revision.to_string())
        .collect();
    assert_eq!(revisions, expected);
    let marks = app.db.texts("SELECT DISTINCT mark FROM audit").await;
    assert_eq!(marks.len(), expected.len());
    // the changes of one transaction are in one entry
    let page = app.get("/api/audit?limit=200", app.admin().await).await;
    let created =
        page.json["items"].as_array().unwrap().iter().find(|entry| {
            entry["changes"][0] == json!({ "action": "user.created", "subject": alice })
        });
    assert_eq!(created.unwrap()["changes"].as_array().unwrap().len(), 3);
}

async fn an_entry_contains_ids_and_never_names_or_secrets(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({
        "username": "canaryname", "password": "canary battery staple horse", "email": "canary@mail.example",
    });
    let created = app.post("/api/users", admin, body).await;
    let id = created.is(201).text("id");
    let token = app
        .password_grant("canaryname", "canary battery staple horse")
        .await
        .is(200)
        .text("access_token");
    app.password_grant("canaryname", WRONG)
        .await
        .wrong_password();
    let body = json!({ "email": "canary2@mail.example" });
    app.patch("/api/me", &token, body).await.is(200);
    let reset = app
        .post(format_args!("/api/users/{id}/reset"), admin, json!({}))
        .await;
    let code = reset.is(200).text("reset_code");
    for kind in ["change", "event"] {
        let page = app
            .get(format_args!("/api/audit?kind={kind}&limit=200"), admin)
            .await;
        let text = String::from_utf8(page.is(200).body.to_vec()).unwrap();
        assert!(!text.contains("canary") && !text.contains(&code), "{text}");
        assert!(text.contains(&id));
        assert!(!text.contains("eyJ") && !text.contains("$argon2"));
    }
    let page = app.get("/api/audit?limit=1", admin).await;
    let admin_id = app.id_of("admin").await;
    assert_eq!(page.json["items"][0]["actor"], format!("user:{admin_id}"));
}

async fn a_refused_change_leaves_no_entry(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let alice = app.log_in("alice").await;
    let (revision, entries) = (app.db.revision().await, app.db.count("audit").await);
    app.post("/api/roles", &alice, json!({ "name": "mine" }))
        .await
        .forbidden("rolecall.roles:write");
    app.post("/api/roles", app.admin().await, json!({ "name": "user" }))
        .await
        .is(409);
    app.delete("/api/roles/user", app.admin().await)
        .await
        .is(409);
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("audit").await, entries);
}

async fn logins_and_failures_are_events_and_not_revisions(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let revision = app.db.revision().await;
    app.log_in("alice").await;
    app.password_grant("alice", WRONG).await.wrong_password();
    app.password_grant("nobody", WRONG).await.wrong_password();
    assert_eq!(app.db.revision().await, revision);
    let page = app.get("/api/audit?kind=event", admin).await;
    let events = page.json["items"].as_array().unwrap();
    let subjects_of = |kind: &str| {
        let found = events.iter().filter(|event| event["kind"] == kind);
        found
            .map(|event| event["subject"].clone())
            .collect::<Vec<Value>>()
    };
    assert_eq!(subjects_of("log_in").len(), 2);
    assert!(subjects_of("log_in").contains(&json!(alice)));
    let failed = subjects_of("log_in_failed");
    assert_eq!(failed.len(), 2);
    assert!(failed.contains(&json!(alice)) && failed.contains(&Value::Null));
}

async fn a_flood_of_failures_is_sampled(app: TestApp) {
    for number in 0..5 {
        let guess = format!("{WRONG} {number}");
        app.password_grant("nobody", &guess).await.wrong_password();
    }
    let sql = "SELECT COUNT(*) FROM audit_events WHERE kind = 'log_in_failed'";
    assert_eq!(
        app.db.number(sql).await,
        3,
        "the first, second and fourth failure"
    );
}

async fn the_log_is_paged_newest_first_without_gaps(app: TestApp) {
    for name in ["a", "b", "c"] {
        app.create_role(name, &[]).await;
        app.log_in("admin").await;
    }
    let admin = app.admin().await;
    for (kind, key) in [("change", "revision"), ("event", "id")] {
        let whole = app.get(format_args!("/api/audit?kind={kind}"), admin).await;
        let all = whole.is(200).json["items"].as_array().unwrap().clone();
        assert!(all.len() >= 4);
        let list = format!("/api/audit?kind={kind}&limit=1");
        let pages = app.pages(list, admin).await;
        let pages = pages
            .iter()
            .map(|page| page.json["items"].as_array().unwrap());
        let seen: Vec<Value> = pages.flatten().cloned().collect();
        assert_eq!(seen, all, "{kind}");
        let keys: Vec<String> = all
            .iter()
            .map(|one| format!("{:>40}", one[key].to_string()))
            .collect();
        assert!(keys.is_sorted_by(|a, b| a > b), "{keys:?}");
    }
}
