//! `/api/users`: creating, finding, changing and deleting users.

use std::time::Duration;

use serde_json::json;

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    a_refused_user_leaves_nothing_behind,
    users_are_paged_without_gaps_or_repeats,
    x053_a_search_text_is_taken_literally,
    y242_a_search_text_of_any_length_is_answered,
    only_the_exact_name_is_found_by_name,
    an_update_without_changes_writes_nothing,
    x039_a_new_name_must_be_free_and_revokes_tokens_with_the_old_one,
    deleting_is_idempotent_and_deletes_relations_too,
    acting_on_an_unknown_user_is_not_found,
    x033_an_administrator_never_learns_a_lasting_password,
    x003_logging_out_everywhere_revokes_tokens_but_keeps_the_account,
    a_required_password_change_survives_disabling_and_enabling,
];

async fn a_refused_user_leaves_nothing_behind(app: TestApp) {
    let admin = app.admin().await;
    let (revision, audit) = (app.db.revision().await, app.db.count("audit").await);
    for (body, status) in [
        (json!({ "username": "Admin" }), 409),
        (
            json!({ "username": "bob", "roles": ["user", "nothing"] }),
            404,
        ),
        (json!({ "username": "bob", "roles": ["Not A Role"] }), 422),
    ] {
        let response = app.post("/api/users", admin, body).await;
        assert_eq!(response.status, status, "{response:?}");
    }
    assert_eq!(app.db.count("users").await, 1);
    assert_eq!(app.db.count("subjects").await, 1);
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("audit").await, audit);
}

async fn users_are_paged_without_gaps_or_repeats(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &[]).await;
    for n in 0..5 {
        app.pass_time(Duration::from_secs(1));
        let body = json!({ "username": format!("user{n}"), "roles": ["user", "editor"] });
        app.post("/api/users", admin, body).await.is(201);
    }
    let whole = app.get("/api/users", admin).await;
    assert_eq!(whole.items("username").len(), 6);
    assert_eq!(whole.json["next_cursor"], json!(null));
    for limit in 1..=6 {
        let pages = app
            .pages(format_args!("/api/users?limit={limit}"), admin)
            .await;
        let mut seen = Vec::new();
        for page in &pages {
            let items = page.json["items"].as_array().unwrap();
            assert!(items.len() <= limit && !items.is_empty());
            seen.extend(items.iter().cloned());
        }
        assert_eq!(json!(seen), whole.json["items"], "pages of {limit}");
    }
    assert_eq!(whole.json["items"][1]["roles"], json!(["editor", "user"]));
}

async fn x053_a_search_text_is_taken_literally(app: TestApp) {
    let admin = app.admin().await;
    for (name, email) in [
        ("a_b", "one@mail.example"),
        ("axb", "50%@mail.example"),
        ("c!d", "Two@Mail.Example"),
    ] {
        let body = json!({ "username": name, "email": email });
        app.post("/api/users", admin, body).await.is(201);
    }
    app.get("/api/users?q=a%00", admin)
        .await
        .invalid(&["query", "q"]);
    for (query, found) in [
        ("a_b", vec!["a_b"]),
        ("%25", vec!["axb"]),
        ("_", vec!["a_b"]),
        ("!", vec!["c!d"]),
        ("mail.example", vec!["a_b", "axb", "c!d"]),
        ("TWO@", vec!["c!d"]),
        ("%27%20OR%201=1%20--", vec![]),
        ("nothing", vec![]),
    ] {
        let response = app.get(format_args!("/api/users?q={query}"), admin).await;
        let mut names = response.items("username");
        names.sort();
        assert_eq!(names, found, "{query}");
    }
}

async fn y242_a_search_text_of_any_length_is_answered(app: TestApp) {
    let admin = app.admin().await;
    for text in ["_".repeat(30_000), "%25".repeat(9_000), "a".repeat(1_100)] {
        let response = app.get(format_args!("/api/users?q={text}"), admin).await;
        assert!(response.items("username").is_empty(), "{}", text.len());
    }
}

async fn only_the_exact_name_is_found_by_name(app: TestApp) {
    let admin = app.admin().await;
    for (query, found) in [
        ("admin", 1),
        ("ADMIN", 1),
        ("admi", 0),
        ("adm%25", 0),
        ("a%20b", 0),
        ("", 0),
    ] {
        let response = app
            .get(format_args!("/api/users?username={query}"), admin)
            .await;
        assert_eq!(response.items("id").len(), found, "{query}");
    }
}

async fn an_update_without_changes_writes_nothing(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let admin = app.admin().await;
    let path = format!("/api/users/{id}");
    let before = app.get(&path, admin).await;
    let revision = app.db.revision().await;
    app.pass_time(Duration::from_secs(1));
    for same in [
        json!({}),
        json!({ "username": "ALICE" }),
        json!({ "status": "active" }),
        json!({ "email": null }),
    ] {
        assert_eq!(app.patch(&path, admin, same).await, before);
    }
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &token).await.is(200);
    // a new email changes the account and revokes nothing
    let body = json!({ "email": "alice@mail.example" });
    let after = app.patch(&path, admin, body).await;
    assert_eq!(after.is(200).text("updated_at"), "2030-01-01T00:00:01Z");
    app.get("/api/me", &token).await.is(200);
}

async fn x039_a_new_name_must_be_free_and_revokes_tokens_with_the_old_one(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let admin = app.admin().await;
    let path = format!("/api/users/{id}");
    let in_use = app
        .patch(&path, admin, json!({ "username": "Admin" }))
        .await;
    assert_eq!(in_use.status, 409);
    app.get("/api/me", &token).await.is(200);
    let renamed = app.patch(&path, admin, json!({ "username": "Bob" })).await;
    assert_eq!(renamed.is(200).text("username"), "bob");
    assert_eq!(renamed.text("id"), id);
    app.get("/api/me", &token).await.ended_token();
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let token = app.log_in("bob").await;
    assert_eq!(claims(&token)["sub"], id);
}

async fn deleting_is_idempotent_and_deletes_relations_too(app: TestApp) {
    app.create_role("editor", &[]).await;
    let id = app.create_user("alice", &["editor"]).await;
    let token = app.log_in("alice").await;
    let admin = app.admin().await;
    let path = format!("/api/users/{id}");
    app.delete(&path, admin).await.no_content();
    let revision = app.db.revision().await;
    app.delete(&path, admin).await.no_content();
    app.delete("/api/users/nobody", admin).await.no_content();
    assert_eq!(app.db.revision().await, revision);
    app.get(&path, admin).await.is(404);
    app.get("/api/me", &token).await.ended_token();
    for table in ["role_assignments", "sessions"] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE subject_id = '{id}'");
        assert_eq!(app.db.number(&sql).await, 0, "{table}");
    }
    assert_eq!(app.db.count("subjects").await, 1);
    let floor = format!("SELECT COUNT(*) FROM floors WHERE kind = 'subject' AND subject = '{id}'");
    assert_eq!(app.db.number(&floor).await, 1);
}

async fn acting_on_an_unknown_user_is_not_found(app: TestApp) {
    let admin = app.admin().await;
    let gone = app.create_user("alice", &[]).await;
    app.delete(format_args!("/api/users/{gone}"), admin)
        .await
        .no_content();
    let revision = app.db.revision().await;
    for id in [gone.as_str(), "nobody", "1"] {
        let user = format!("/api/users/{id}");
        let detail = format!("no user `{id}`");
        app.get(&user, admin).await.problem(404, &detail);
        app.patch(&user, admin, json!({ "status": "disabled" }))
            .await
            .problem(404, &detail);
        app.post(format_args!("{user}/reset"), admin, json!({}))
            .await
            .problem(404, &detail);
        app.delete(format_args!("{user}/sessions"), admin)
            .await
            .problem(404, &detail);
        app.get(format_args!("{user}/roles"), admin)
            .await
            .problem(404, &detail);
        app.put(format_args!("{user}/roles/user"), admin)
            .await
            .problem(404, &detail);
        app.delete(format_args!("{user}/roles/user"), admin)
            .await
            .problem(404, &detail);
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn x033_an_administrator_never_learns_a_lasting_password(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let admin = app.admin().await;
    let reset = app
        .post(format_args!("/api/users/{id}/reset"), admin, json!({}))
        .await;
    let code = reset.is(200).text("reset_code");
    app.get("/api/me", &token).await.ended_token();
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let response = app.password_grant("alice", &code).await;
    response.oauth_error(400, "invalid_grant");
    // activating the account does not turn the code into a password
    let body = json!({ "status": "active" });
    app.patch(format_args!("/api/users/{id}"), admin, body)
        .await
        .is(200);
    app.password_grant("alice", &code)
        .await
        .oauth_error(400, "invalid_grant");
    let sql = format!("SELECT COUNT(*) FROM users WHERE id = '{id}' AND password_hash IS NOT NULL");
    assert_eq!(app.db.number(&sql).await, 0);
}

async fn x003_logging_out_everywhere_revokes_tokens_but_keeps_the_account(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let tokens = [app.log_in("alice").await, app.log_in("alice").await];
    app.delete(format_args!("/api/users/{id}/sessions"), app.admin().await)
        .await
        .no_content();
    for token in &tokens {
        app.get("/api/me", token).await.ended_token();
    }
    let sql = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{id}'");
    assert_eq!(app.db.number(&sql).await, 0);
    app.get("/api/me", &app.log_in("alice").await).await.is(200);
    app.get("/api/me", app.admin().await).await.is(200);
}

async fn a_required_password_change_survives_disabling_and_enabling(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}");
    for (status, shown) in [
        ("password_change_required", "password_change_required"),
        ("disabled", "disabled"),
        ("active", "password_change_required"),
    ] {
        let response = app.patch(&path, admin, json!({ "status": status })).await;
        assert_eq!(response.is(200).text("status"), shown, "after `{status}`");
    }
    let refused = app.password_grant("alice", PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
    // for a user who is not disabled, `active` lifts the requirement
    let response = app.patch(&path, admin, json!({ "status": "active" })).await;
    assert_eq!(response.is(200).text("status"), "active");
    app.log_in("alice").await;
}
