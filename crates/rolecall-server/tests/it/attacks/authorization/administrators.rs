//! Administrators who try to get, through their own rights, what they were not given.

use serde_json::{Value, json};

use crate::support::{NEW_PASSWORD, PASSWORD, Response, TestApp, on_both, rolecall, run};

on_both![
    y157_a_password_that_a_help_desk_chose_must_be_changed,
    y157_a_reset_code_ends_when_the_account_outgrows_its_maker,
    y158_a_constraint_on_an_open_role_needs_that_role,
    y158_a_constraint_ends_no_token_that_cannot_violate_it,
    y160_an_assignment_in_a_tenant_protects_from_a_global_help_desk,
    y161_an_id_is_never_the_name_of_another_client,
    y162_text_that_hides_or_turns_around_other_text_is_refused,
    y162_text_from_before_is_printed_escaped,
];

const DESK: &str = "198.51.100.7";
const HOME: &str = "203.0.113.9";

/// Creates a help desk, who may create users and reset passwords; returns a token.
async fn help_desk(app: &TestApp) -> String {
    app.create_role("helpdesk", &["rolecall.users:write"]).await;
    app.create_user("hilda", &["helpdesk"]).await;
    app.log_in("hilda").await
}

async fn redeem(app: &TestApp, username: &str, current: &str, from: &str) -> Response {
    let body = json!({
        "username": username, "current_password": current, "new_password": NEW_PASSWORD,
    });
    let request = app.request(http::Method::POST, "/password").peer(from);
    request.json(&body).send().await
}

async fn create_mule(app: &TestApp, token: &str) -> String {
    let request = app.request(http::Method::POST, "/api/users").peer(DESK);
    let body = json!({ "username": "mule", "password": PASSWORD });
    let made = request.token(token).json(&body).send().await;
    assert_eq!(made.is(201).json["status"], "password_change_required");
    made.text("id")
}

async fn y157_a_password_that_a_help_desk_chose_must_be_changed(app: TestApp) {
    let hilda = help_desk(&app).await;
    let mule = create_mule(&app, &hilda).await;
    app.password_grant("mule", PASSWORD)
        .await
        .oauth_error(400, "invalid_grant");
    // neither at once nor on a detour
    let path = format!("/api/users/{mule}");
    let status = async |status: &str| app.patch(&path, &hilda, json!({ "status": status })).await;
    status("active").await.violates("change_by_owner");
    status("disabled").await.is(200);
    let enabled = status("active").await;
    assert_eq!(enabled.is(200).json["status"], "password_change_required");
    status("active").await.violates("change_by_owner");
    // the help desk cannot change it from its own place, and the log names it if the owner does
    redeem(&app, "mule", PASSWORD, DESK)
        .await
        .violates("reset_by_creator");
    redeem(&app, "mule", PASSWORD, HOME).await.no_content();
    let entry = app.newest_entry().await;
    let by = format!("user:{}", app.id_of("hilda").await);
    assert_eq!(entry["actor"], "system");
    assert_eq!(entry["changes"][0]["means"], "first_password");
    assert_eq!(entry["changes"][0]["reset_by"], Value::from(by));
    app.password_grant("mule", NEW_PASSWORD).await.is(200);
    // whoever is above the delegation limit needs no such detour
    app.create_user("direct", &[]).await;
    app.log_in("direct").await;
}

async fn y157_a_reset_code_ends_when_the_account_outgrows_its_maker(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    let hilda = help_desk(&app).await;
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{alice}/reset");
    let request = app.request(http::Method::POST, &path).peer(DESK);
    let made = request.token(&hilda).json(&json!({})).send().await;
    let code = made.is(200).text("reset_code");
    let confirm = format!("{path}/confirm");
    let reset = json!({ "reset_id": made.text("reset_id") });
    app.post(&confirm, app.admin().await, reset)
        .await
        .no_content();
    let mule = create_mule(&app, &hilda).await;
    for id in [&alice, &mule] {
        app.assign_in(id, "editor", "acme").await;
    }
    for (name, credential) in [("alice", code.as_str()), ("mule", PASSWORD)] {
        redeem(&app, name, credential, HOME)
            .await
            .violates("reset_outgrown");
    }
    // as harmless as before, it is as good as before
    app.unassign_in(&alice, "editor", "acme").await;
    redeem(&app, "alice", &code, HOME).await.no_content();
    // and who holds as much may reset the other one
    let path = format!("/api/users/{mule}/reset");
    let made = app.post(&path, app.admin().await, json!({})).await;
    let code = made.is(200).text("reset_code");
    redeem(&app, "mule", &code, HOME).await.no_content();
    // a help desk that is no more makes nobody's codes work
    let made = app.post(format!("/api/users/{alice}/reset"), &hilda, json!({}));
    let made = made.await;
    let code = made.is(200).text("reset_code");
    let reset = json!({ "reset_id": made.text("reset_id") });
    app.post(&confirm, app.admin().await, reset)
        .await
        .no_content();
    let hilda = app.id_of("hilda").await;
    app.unassign(&hilda, "helpdesk").await;
    redeem(&app, "alice", &code, HOME)
        .await
        .violates("reset_outgrown");
}

/// Creates mallory, who may write roles; returns a token that carries the role `ops` alone.
async fn narrowed(app: &TestApp) -> String {
    let permissions = ["rolecall.roles:write", "rolecall.policy:write"];
    app.create_role("ops", &permissions).await;
    app.create_user("mallory", &["ops", "user"]).await;
    app.log_in_with_scope("mallory", "role:ops").await
}

fn shift() -> Value {
    json!({ "name": "shift", "kind": "dynamic", "roles": ["ops", "user"], "at_most": 1 })
}

async fn y158_a_constraint_on_an_open_role_needs_that_role(app: TestApp) {
    let mallory = narrowed(&app).await;
    let refused = app.post("/api/constraints", &mallory, shift()).await;
    refused.is(403);
    let admin = app.admin().await;
    let policy = run(&app, &["policy", "export"]).await;
    let document = format!(
        "{policy}\n[constraints.shift]\nkind = \"dynamic\"\nroles = [\"ops\", \"user\"]\nat_most = 1\n"
    );
    app.put_policy(&mallory, &document, "*").await.is(403);
    app.post("/api/constraints", admin, shift()).await.is(201);
    // her first token could have violated it, and ended
    let mallory = app.log_in_with_scope("mallory", "role:ops").await;
    let one = "/api/constraints/shift";
    app.delete(one, &mallory).await.is(403);
    app.patch(one, &mallory, json!({ "per": "subject" }))
        .await
        .is(403);
    app.put_policy(&mallory, &policy, "*").await.is(403);
}

async fn y158_a_constraint_ends_no_token_that_cannot_violate_it(app: TestApp) {
    let mallory = narrowed(&app).await;
    app.create_user("alice", &["user"]).await;
    app.create_user("olga", &["ops"]).await;
    app.create_role("chief", &[]).await;
    app.inherit("chief", "ops").await;
    app.create_user("carl", &["chief"]).await;
    let dora = app.create_user("dora", &["chief"]).await;
    app.assign_in(&dora, "user", "acme").await;
    let mut going_on = Vec::new();
    for name in ["alice", "olga", "carl"] {
        going_on.push(app.log_in(name).await);
    }
    let doras = app.log_in_with_scope("dora", "role:chief").await;
    let admin = app.admin().await;
    app.post("/api/constraints", admin, shift()).await.is(201);
    for token in &going_on {
        app.get("/api/me", token).await.is(200);
    }
    for token in [&mallory, &doras] {
        app.get("/api/me", token).await.ended_token();
    }
}

async fn y160_an_assignment_in_a_tenant_protects_from_a_global_help_desk(app: TestApp) {
    let hilda = help_desk(&app).await;
    app.create_role("member", &["items:read"]).await;
    app.create_role("chief", &["rolecall.assignments:write"])
        .await;
    let tom = app.create_user("tom", &[]).await;
    for role in ["chief", "member"] {
        app.assign_in(&tom, role, "acme").await;
    }
    let alice = app.create_user("alice", &[]).await;
    let reset = format!("/api/users/{alice}/reset");
    app.post(&reset, &hilda, json!({})).await.is(200);
    let toms = app.log_in_to("tom", "acme").await;
    let member = format!("/api/users/{alice}/roles/member?tenant=acme");
    app.put(&member, &toms.access).await.no_content();
    // a reset would give the help desk that role too
    app.post(&reset, &hilda, json!({})).await.is(403);
    // the ways out: a caller above the delegation limit, and one who takes the role away first
    app.post(&reset, app.admin().await, json!({})).await.is(200);
    app.delete(&member, app.admin().await).await.no_content();
    app.post(&reset, &hilda, json!({})).await.is(200);
}

async fn y161_an_id_is_never_the_name_of_another_client(app: TestApp) {
    let admin = app.admin().await;
    let create = async |name: &str| {
        let body = json!({ "name": name, "grants": ["client_credentials"] });
        app.post("/api/clients", admin, body).await
    };
    let one = create("one").await.is(201).text("client_id");
    let two = create("two").await.is(201).text("client_id");
    create(&one).await.invalid(&["body", "name"]);
    app.patch(format!("/api/clients/{two}"), admin, json!({ "name": one }))
        .await
        .invalid(&["body", "name"]);
    // a name from before that rule
    app.db
        .execute(&format!(
            "UPDATE clients SET name = '{one}' WHERE id = '{two}'"
        ))
        .await;
    app.patch(
        format!("/api/clients/{two}"),
        admin,
        json!({ "scope": "items:read" }),
    )
    .await
    .is(200);
    run(&app, &["client", "delete", &one]).await;
    app.get(format!("/api/clients/{one}"), admin).await.is(404);
    app.get(format!("/api/clients/{two}"), admin).await.is(200);
    // a user from before has the id of a client as a name; the command still explains the client
    let user = app.create_user("three", &[]).await;
    let rename = format!("UPDATE users SET username = '{two}' WHERE id = '{user}'");
    app.db.execute(&rename).await;
    let explained = rolecall(&app, &["explain", &two, "rolecall.users:read", "--json"]).await;
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(!explained.contains(&user), "{explained}");
    assert!(explained.contains(&two), "{explained}");
}

async fn y162_text_that_hides_or_turns_around_other_text_is_refused(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let assignment = format!("/api/users/{alice}/roles/user");
    let user = format!("/api/users/{alice}");
    for bad in ["a\u{202e}b", "a\u{2028}b", "a\u{200b}b", "a\u{e0041}b"] {
        let reason = app.put_json(&assignment, admin, json!({ "reason": bad }));
        reason.await.invalid(&["body", "reason"]);
        for (path, member, body) in [
            (
                "/api/roles",
                "description",
                json!({ "name": "r", "description": bad }),
            ),
            (
                "/api/permissions",
                "description",
                json!({ "name": "a:b", "description": bad }),
            ),
            (
                "/api/clients",
                "name",
                json!({ "name": bad, "grants": ["client_credentials"] }),
            ),
        ] {
            let refused = app.post(path, admin, body).await;
            refused.invalid(&["body", member]);
        }
        let email = json!({ "email": format!("{bad}@example.org") });
        app.patch(&user, admin, email)
            .await
            .invalid(&["body", "email"]);
        let document = format!("[roles.r]\ndescription = \"{bad}\"\n");
        app.put_policy(admin, &document, "*").await.is(422);
    }
    app.put_json(&assignment, admin, json!({ "reason": "für 山 – ok 🙂" }))
        .await
        .no_content();
}

async fn y162_text_from_before_is_printed_escaped(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let update = format!(
        "UPDATE role_assignments SET reason = 'a\u{202e}b\u{2028}c' WHERE subject_id = '{alice}'"
    );
    app.db.execute(&update).await;
    let shown = run(&app, &["user", "show", "alice"]).await;
    assert!(shown.contains("a\\u{202e}b\\u{2028}c"), "{shown}");
    let shown = run(&app, &["user", "show", "alice", "--json"]).await;
    assert!(shown.contains("a\\u202eb\\u2028c"), "{shown}");
}
