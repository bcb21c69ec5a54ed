//! Writes to the database without the server: the audit log, and access beside it.

use serde_json::{Value, json};

use crate::support::{
    NEW_PASSWORD, PASSWORD, TestApp, on_both, rolecall, run, run_failing, verify_audit,
};

on_both![
    y090_removing_the_newest_entries_is_found_and_stays_found,
    y090_beginning_the_log_again_is_found,
    y091_access_written_past_the_log_is_found,
    y091_access_written_past_the_log_cannot_be_used_to_explain_itself,
    y091_every_change_of_the_server_explains_itself,
    y092_a_mark_stored_elsewhere_finds_a_log_that_was_set_back,
    y093_a_reset_code_is_refused_where_its_maker_is,
    y093_the_use_of_a_reset_code_names_its_maker,
    y094_failed_log_ins_name_the_account,
    y159_access_that_was_used_and_deleted_again_is_found,
    y159_a_second_person_who_was_left_out_is_found,
];

/// Deletes the newest entry and lets the head forget it.
async fn remove_newest(app: &TestApp) {
    let newest = app.db.revision().await;
    let delete = format!("DELETE FROM audit WHERE revision = {newest}");
    app.db.execute(&delete).await;
    app.db
        .execute("UPDATE head SET revision = revision - 1")
        .await;
}

async fn broken(app: &TestApp, about: &str) {
    let (whole, stdout) = verify_audit(app).await;
    assert!(!whole && stdout.contains(about), "{about}: {stdout}");
}

async fn whole(app: &TestApp) {
    let (whole, stdout) = verify_audit(app).await;
    assert!(whole, "{stdout}");
}

async fn y090_removing_the_newest_entries_is_found_and_stays_found(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    app.assign(&alice, "user").await;
    whole(&app).await;
    remove_newest(&app).await;
    // the node may have noticed already that the head went back, and have renewed the era
    broken(&app, "the audit log was").await;
    // the next change seals itself: it must not hide what happened before it. Nobody's token is needed for it, because
    // a renewed era ends all tokens
    app.register("bob", PASSWORD).await.is(201);
    broken(&app, "had been removed").await;
    app.register("carla", PASSWORD).await.is(201);
    broken(&app, "had been removed").await;
}

async fn y090_beginning_the_log_again_is_found(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    app.assign(&alice, "user").await;
    remove_newest(&app).await;
    app.db.execute("UPDATE head SET audit_seal = NULL").await;
    broken(&app, "").await;
    let app = app.restart().await;
    app.create_user("bob", &[]).await;
    broken(&app, "had been removed").await;
    // and without any entry at all
    app.db.execute("DELETE FROM audit").await;
    app.db.execute("DELETE FROM audit_details").await;
    let forget =
        "UPDATE head SET revision = 0, policy_revision = 0, keys_revision = 0, audit_seal = NULL";
    app.db.execute(forget).await;
    let app = app.restart().await;
    broken(&app, "had been removed").await;
}

async fn y091_access_written_past_the_log_is_found(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let body = json!({ "name": "robot", "grants": ["client_credentials"] });
    let client = app.post("/api/clients", app.admin().await, body).await;
    let client = client.is(201).text("client_id");
    whole(&app).await;
    let assign = |subject: &str| {
        format!(
            "INSERT INTO role_assignments (subject_id, role, tenant, assigned_by, assigned_at) \
             VALUES ('{subject}', 'rolecall.admin', '', 'system', 1)"
        )
    };
    let unassign = "DELETE FROM role_assignments WHERE assigned_at = 1".to_owned();
    for (harm, repair, about) in [
        (assign(&alice), unassign.clone(), "rolecall.admin"),
        (assign(&client), unassign, client.as_str()),
        (
            "INSERT INTO role_permissions (role, permission) VALUES ('user', 'rolecall.users:write')".to_owned(),
            "DELETE FROM role_permissions WHERE role = 'user'".to_owned(),
            "rolecall.users:write",
        ),
        (
            "INSERT INTO role_wildcards (role, object) VALUES ('user', 'items')".to_owned(),
            "DELETE FROM role_wildcards WHERE role = 'user'".to_owned(),
            "items:*",
        ),
        (
            "INSERT INTO role_juniors (senior, junior) VALUES ('user', 'rolecall.admin')".to_owned(),
            "DELETE FROM role_juniors WHERE senior = 'user'".to_owned(),
            "junior",
        ),
        (
            "UPDATE role_assignments SET expires_at = 1 WHERE role = 'editor'".to_owned(),
            "UPDATE role_assignments SET expires_at = NULL WHERE role = 'editor'".to_owned(),
            "validity",
        ),
        (
            "DELETE FROM role_permissions WHERE role = 'editor'".to_owned(),
            "INSERT INTO role_permissions (role, permission) VALUES ('editor', 'items:read')".to_owned(),
            "no entry removes it",
        ),
        (
            "UPDATE roles SET approval = TRUE WHERE name = 'editor'".to_owned(),
            "UPDATE roles SET approval = FALSE WHERE name = 'editor'".to_owned(),
            "approval",
        ),
    ] {
        app.db.execute(&harm).await;
        broken(&app, about).await;
        app.db.execute(&repair).await;
        whole(&app).await;
    }
    app.db.execute(&assign(&alice)).await;
    let findings = rolecall(&app, &["doctor"]).await;
    let findings = String::from_utf8_lossy(&findings.stdout).into_owned();
    assert!(findings.contains("no entry adds it"), "{findings}");
}

async fn y091_access_written_past_the_log_cannot_be_used_to_explain_itself(app: TestApp) {
    let mallory = app.create_user("mallory", &[]).await;
    let harm = format!(
        "INSERT INTO role_assignments (subject_id, role, tenant, assigned_by, assigned_at) \
         VALUES ('{mallory}', 'rolecall.admin', '', 'system', 1)"
    );
    app.db.execute(&harm).await;
    let token = app.log_in("mallory").await;
    let path = format!("/api/users/{mallory}/roles/rolecall.admin");
    let body = json!({ "reason": "on the books" });
    let request = app.request(http::Method::PUT, &path).token(&token);
    request.json(&body).send().await.no_content();
    broken(
        &app,
        &format!("`user:{mallory}` the right to `role.assigned`"),
    )
    .await;
}

/// Changes of every kind that concern access.
async fn y091_every_change_of_the_server_explains_itself(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read", "items:*"]).await;
    app.create_role("reader", &[]).await;
    app.create_role("lead", &["rolecall.assignments:write"])
        .await;
    app.inherit("editor", "reader").await;
    app.inherit("lead", "editor").await;
    let alice = app.create_user("alice", &["editor", "user"]).await;
    let bob = app.create_user("bob", &["lead"]).await;
    app.assign_in(&alice, "reader", "acme").await;
    let path = format!("/api/users/{alice}/roles/editor");
    let body = json!({ "expires_at": "2031-01-01T00:00:00.5Z", "reason": "for a year" });
    let request = app.request(http::Method::PUT, &path).token(admin);
    request.json(&body).send().await.no_content();
    let bobs = app.log_in("bob").await;
    app.put(format!("/api/users/{alice}/roles/reader"), &bobs)
        .await
        .no_content();
    app.delete("/api/roles/editor/juniors/reader", admin)
        .await
        .no_content();
    app.delete("/api/roles/editor/permissions/items:read", admin)
        .await
        .no_content();
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": ["reader"] });
    let client = app.post("/api/clients", admin, body).await;
    let client = client.is(201).text("client_id");
    app.post(
        "/register",
        "",
        json!({ "username": "dora", "password": NEW_PASSWORD }),
    )
    .await
    .is(201);
    let policy = run(&app, &["policy", "export"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let policy = format!(
        "{policy}\n[roles.added]\npermissions = [\"items:read\"]\njuniors = [\"reader\"]\napproval = true\n"
    );
    std::fs::write(&file, policy).unwrap();
    let file = file.to_str().unwrap();
    run(&app, &["policy", "apply", file]).await;
    let users = folder.path().join("users.csv");
    let hash = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
    let rows = (0..230).map(|number| format!("imported{number},{hash},reader"));
    let mut lines = vec!["username,hashed_password,roles".to_owned()];
    lines.extend(rows);
    std::fs::write(&users, lines.join("\n")).unwrap();
    run(&app, &["import", "users", users.to_str().unwrap()]).await;
    whole(&app).await;
    let imported = app.id_of("imported7").await;
    app.unassign(&imported, "reader").await;
    let imported = app.id_of("imported8").await;
    app.delete(format!("/api/users/{imported}"), admin)
        .await
        .no_content();
    app.delete(format!("/api/clients/{client}"), admin)
        .await
        .no_content();
    app.delete("/api/roles/lead", admin).await.no_content();
    app.unassign(&bob, "user").await;
    whole(&app).await;
    // the parts beside an entry are covered too
    app.db
        .execute("UPDATE audit_details SET changes = REPLACE(changes, 'reader', 'editor') WHERE revision > 1")
        .await;
    broken(&app, "was changed").await;
}

async fn y092_a_mark_stored_elsewhere_finds_a_log_that_was_set_back(app: TestApp) {
    app.create_user("alice", &[]).await;
    let revision = app.db.revision().await;
    let seal = app.db.texts("SELECT audit_seal FROM head").await.remove(0);
    app.create_user("bob", &[]).await;
    let printed = run(&app, &["audit", "verify", "--json"]).await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let mark = printed["details"]["mark"].as_str().unwrap().to_owned();
    let exported = app.newest_entry().await["mark"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(mark.ends_with(&exported), "{mark} {exported}");
    app.create_user("carla", &[]).await;
    for known in [&mark, &exported] {
        run(&app, &["audit", "verify", "--mark", known]).await;
    }
    // the whole database as it was before: nothing in it can show that
    app.db
        .execute(&format!("DELETE FROM audit WHERE revision > {revision}"))
        .await;
    let set_back = format!("UPDATE head SET revision = {revision}, audit_seal = '{seal}'");
    app.db.execute(&set_back).await;
    whole(&app).await;
    for known in [&mark, &exported] {
        let output = rolecall(&app, &["audit", "verify", "--mark", known]).await;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stdout}");
        assert!(stdout.contains("no entry has that mark"), "{stdout}");
    }
    let refused = run_failing(&app, &["audit", "verify", "--mark", "abc"]).await;
    assert!(refused.contains("64 hex digits"), "{refused}");
}

const DESK: &str = "198.51.100.7";
const HOME: &str = "203.0.113.9";

/// Resets the password of a user from an address; returns the code.
async fn reset(app: &TestApp, id: &str, from: &str) -> String {
    let path = format!("/api/users/{id}/reset");
    let request = app.request(http::Method::POST, &path).peer(from);
    let made = request.token(app.admin().await).json(&json!({})).send();
    made.await.is(200).text("reset_code")
}

fn replacement(code: &str) -> Value {
    json!({ "username": "alice", "current_password": code, "new_password": NEW_PASSWORD })
}

async fn y093_a_reset_code_is_refused_where_its_maker_is(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let code = reset(&app, &alice, DESK).await;
    // the administrator has a session elsewhere too
    app.password_grant_from("192.0.2.1", "admin", PASSWORD)
        .await
        .is(200);
    for address in [DESK, "192.0.2.1"] {
        let request = app.request(http::Method::POST, "/password").peer(address);
        let refused = request.json(&replacement(&code)).send().await;
        assert_eq!(refused.is(409).json["rule"], "reset_by_creator");
    }
    let sql = "SELECT COUNT(*) FROM audit_events WHERE kind = 'reset_refused'";
    assert_eq!(app.db.number(sql).await, 2);
    let admin = app.id_of("admin").await;
    let page = app.get("/api/audit?kind=event", app.admin().await).await;
    let events = page.json["items"].as_array().unwrap();
    let refused = events.iter().find(|event| event["kind"] == "reset_refused");
    assert_eq!(refused.unwrap()["subject"], alice);
    assert_eq!(refused.unwrap()["detail"], format!("made by user:{admin}"));
    // a new user without a password is the same
    let request = app.request(http::Method::POST, "/api/users").peer(DESK);
    let request = request.token(app.admin().await);
    let made = request.json(&json!({ "username": "bob" })).send().await;
    let code = made.is(201).text("reset_code");
    let body = json!({ "username": "bob", "current_password": code, "new_password": NEW_PASSWORD });
    let request = app.request(http::Method::POST, "/password").peer(DESK);
    request.json(&body).send().await.is(409);
    // and nothing was changed: the owner can use it
    let request = app.request(http::Method::POST, "/password").peer(HOME);
    request.json(&body).send().await.no_content();
}

async fn y093_the_use_of_a_reset_code_names_its_maker(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let admin = app.id_of("admin").await;
    let code = reset(&app, &alice, DESK).await;
    let request = app.request(http::Method::POST, "/password").peer(HOME);
    request.json(&replacement(&code)).send().await.no_content();
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], "system");
    let expected = json!({
        "action": "user.password_changed", "subject": alice, "means": "reset_code",
        "reset_by": format!("user:{admin}"),
    });
    assert_eq!(entry["changes"][0], expected);
    let body = json!({
        "username": "alice", "current_password": NEW_PASSWORD, "new_password": "yet another horse battery",
    });
    app.post("/password", "", body).await.no_content();
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], format!("user:{alice}"));
    assert_eq!(entry["changes"][0]["means"], "password");
}

async fn y094_failed_log_ins_name_the_account(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    app.password_grant("alice", "wrong horse battery staple")
        .await
        .wrong_password();
    app.password_grant("nobody", "wrong horse battery staple")
        .await
        .wrong_password();
    let sql =
        "SELECT COALESCE(subject_id, '') FROM audit_events WHERE kind = 'log_in_failed' ORDER BY 1";
    assert_eq!(app.db.texts(sql).await, [String::new(), alice]);
}

/// Writes a global assignment of a role past the server, or deletes it again.
async fn slip(app: &TestApp, subject: &str, role: &str, is_held: bool) {
    let statement = if is_held {
        format!(
            "INSERT INTO role_assignments (subject_id, role, tenant, assigned_by, assigned_at) \
             VALUES ('{subject}', '{role}', '', 'system', 1)"
        )
    } else {
        "DELETE FROM role_assignments WHERE assigned_at = 1".to_owned()
    };
    app.db.execute(&statement).await;
}

async fn y159_access_that_was_used_and_deleted_again_is_found(app: TestApp) {
    app.create_role("mta", &["rolecall.assignments:write", "items:read"])
        .await;
    app.create_role("limited", &["rolecall.assignments:write"])
        .await;
    let body = json!({ "name": "robot", "grants": ["client_credentials"] });
    let client = app.post("/api/clients", app.admin().await, body).await;
    let client = client.is(201).text("client_id");
    let alice = app.create_user("alice", &[]).await;
    // what she has elsewhere, or had, must not explain it
    let mallory = app.create_user("mallory", &["limited"]).await;
    app.assign_in(&mallory, "mta", "acme").await;
    let path = format!("/api/users/{mallory}/roles/rolecall.admin");
    let body = json!({ "expires_at": "2031-01-01T00:00:00Z" });
    app.put_json(&path, app.admin().await, body)
        .await
        .no_content();
    app.unassign(&mallory, "rolecall.admin").await;
    whole(&app).await;
    let constraint =
        json!({ "name": "c", "kind": "static", "roles": ["mta", "user"], "at_most": 1 });
    for (method, path, body, action) in [
        (
            "PUT",
            format!("/api/users/{alice}/roles/mta"),
            json!({}),
            "role.assigned",
        ),
        (
            "POST",
            format!("/api/users/{alice}/reset"),
            json!({}),
            "user.reset",
        ),
        (
            "POST",
            format!("/api/clients/{client}/secret"),
            json!({}),
            "client.secret_rotated",
        ),
        (
            "DELETE",
            format!("/api/clients/{client}/secret/previous"),
            json!({}),
            "client.previous_secret_ended",
        ),
        (
            "POST",
            "/api/constraints".to_owned(),
            constraint,
            "constraint.created",
        ),
    ] {
        slip(&app, &mallory, "rolecall.admin", true).await;
        let token = app.log_in("mallory").await;
        let method: http::Method = method.parse().unwrap();
        let request = app.request(method, &path).token(&token).json(&body);
        let done = request.send().await;
        assert!(done.status.is_success(), "{action}: {done:?}");
        slip(&app, &mallory, "", false).await;
        let about = format!("`user:{mallory}` the right to `{action}`");
        broken(&app, &about).await;
    }
}

async fn y159_a_second_person_who_was_left_out_is_found(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "vault", "approval": true });
    app.post("/api/roles", admin, body).await.is(201);
    let alice = app.create_user("alice", &[]).await;
    let mark =
        |is_marked: bool| format!("UPDATE roles SET approval = {is_marked} WHERE name = 'vault'");
    app.db.execute(&mark(false)).await;
    // a node that reads the policy now
    let app = app.restart().await;
    app.assign(&alice, "vault").await;
    app.db.execute(&mark(true)).await;
    broken(&app, "needs a second person").await;
}
