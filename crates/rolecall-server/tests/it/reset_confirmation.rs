//! Reset codes that are good only with a confirmation: whoever makes one for somebody else knows it.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{
    Credentials, MASTER_KEY, NEW_PASSWORD, PASSWORD, Phone, Response, TestApp, audit_is_whole,
    command, on_both, password_form, run, run_failing, with_input,
};

on_both![
    y415_a_help_desk_cannot_use_the_codes_that_it_makes,
    y415_a_second_person_confirms_a_code,
    y500_who_controls_a_client_through_another_is_no_second_person,
    y415_a_known_device_or_a_second_factor_of_the_owner_confirms_a_code,
    y416_a_newer_code_needs_a_newer_confirmation,
    administrators_and_the_command_line_need_no_confirmation,
    the_command_line_confirms_a_reset,
    y526_a_help_desk_sets_no_password_by_the_command_line,
    y471_a_confirmation_is_about_the_reset_that_it_names,
    y471_a_user_shows_an_administrator_the_reset_that_can_be_used,
    y470_a_device_of_another_account_of_the_name_confirms_nothing,
    y470_a_device_from_before_the_account_was_handed_over_confirms_nothing,
    y470_a_device_confirms_again_once_it_has_signed_in_with_the_new_password,
];

/// A place where the help desk never is.
const ELSEWHERE: &str = "203.0.113.9";

/// Creates a help desk; returns a token.
async fn help_desk(app: &TestApp, name: &str) -> String {
    app.create_user(name, &["helpdesk"]).await;
    app.log_in(name).await
}

async fn prepare(app: &TestApp) -> (String, String) {
    app.create_role("helpdesk", &["rolecall.users:write"]).await;
    let alice = app.create_user("alice", &[]).await;
    (help_desk(app, "hilda").await, alice)
}

async fn make(app: &TestApp, token: &str, id: &str) -> String {
    let made = app
        .post(format!("/api/users/{id}/reset"), token, json!({}))
        .await;
    assert_eq!(made.is(200).json["needs_confirmation"], true, "{made:?}");
    made.text("reset_code")
}

/// Returns the id of the reset that the user shows; empty if there is none.
async fn shown(app: &TestApp, id: &str) -> String {
    let user = app.get(format!("/api/users/{id}"), app.admin().await).await;
    let reset = &user.is(200).json["reset"]["id"];
    reset.as_str().unwrap_or_default().to_owned()
}

async fn confirm_one(app: &TestApp, token: &str, id: &str, reset: &str) -> Response {
    let path = format!("/api/users/{id}/reset/confirm");
    app.post(path, token, json!({ "reset_id": reset })).await
}

/// Confirms the reset that the user shows.
async fn confirm(app: &TestApp, token: &str, id: &str) -> Response {
    let reset = shown(app, id).await;
    confirm_one(app, token, id, &reset).await
}

async fn redeem(app: &TestApp, code: &str, second: &str, device: &str) -> Response {
    redeem_as(app, "alice", code, second, device).await
}

async fn redeem_as(app: &TestApp, name: &str, code: &str, second: &str, device: &str) -> Response {
    let body = json!({
        "username": name, "current_password": code, "new_password": NEW_PASSWORD, "code": second,
    });
    let request = app.request(Method::POST, "/password").peer(ELSEWHERE);
    let request = if device.is_empty() {
        request
    } else {
        request.header("rolecall-device", device)
    };
    request.json(&body).send().await
}

async fn y415_a_help_desk_cannot_use_the_codes_that_it_makes(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let code = make(&app, &hilda, &alice).await;
    redeem(&app, &code, "", "")
        .await
        .violates("reset_unconfirmed");
    confirm(&app, &hilda, &alice)
        .await
        .violates("second_person");
    // nor does a client of hers confirm it
    let worker = app
        .create_client("worker", json!({ "grants": ["client_credentials"] }))
        .await;
    let path = format!("/api/clients/{}/roles/helpdesk", worker.id);
    app.put(&path, app.admin().await).await.no_content();
    let token = app.act_as(&worker).await;
    confirm(&app, &token, &alice)
        .await
        .violates("not_for_clients");
    confirm(&app, "", &alice).await.is(401);
    app.create_user("mallory", &[]).await;
    let mallory = app.log_in("mallory").await;
    confirm(&app, &mallory, &alice).await.is(403);
    redeem(&app, &code, "", "")
        .await
        .violates("reset_unconfirmed");
    app.password_grant("alice", NEW_PASSWORD).await.is(401);
    let events = "SELECT detail FROM audit_events WHERE kind = 'reset_refused'";
    let by = format!("not confirmed, made by user:{}", app.id_of("hilda").await);
    assert_eq!(app.db.texts(events).await, [by.clone(), by]);
}

async fn y500_who_controls_a_client_through_another_is_no_second_person(app: TestApp) {
    let permissions = ["users:write", "clients:write", "assignments:write"];
    let permissions = permissions.map(|one| format!("rolecall.{one}"));
    let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
    app.create_role("helpdesk", &permissions).await;
    let alice = app.create_user("alice", &[]).await;
    let mut token = help_desk(&app, "harry").await;
    let mut clients = Vec::new();
    for name in ["first", "second"] {
        let body = json!({ "name": name, "grants": ["client_credentials"], "roles": ["helpdesk"] });
        let made = app.post("/api/clients", &token, body).await;
        let (id, secret) = (made.is(201).text("client_id"), made.text("client_secret"));
        token = app.act_as(&Credentials::new(&id, &secret)).await;
        clients.push(id);
    }
    make(&app, &token, &alice).await;
    let harry = app.log_in("harry").await;
    confirm(&app, &harry, &alice)
        .await
        .violates("second_person");
    // nor if nobody can say any more who controls a client between them
    let path = format!("/api/clients/{}", clients[0]);
    app.delete(path, &harry).await.no_content();
    make(&app, &token, &alice).await;
    confirm(&app, &harry, &alice)
        .await
        .violates("second_person");
    make(&app, &harry, &alice).await;
    let henry = help_desk(&app, "henry").await;
    confirm(&app, &henry, &alice).await.no_content();
}

async fn y415_a_second_person_confirms_a_code(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let henry = help_desk(&app, "henry").await;
    confirm(&app, &henry, &alice)
        .await
        .violates("nothing_to_confirm");
    let code = make(&app, &hilda, &alice).await;
    confirm(&app, &henry, &alice).await.no_content();
    let by = |name: &str| format!("user:{name}");
    let (hilda_id, henry_id) = (app.id_of("hilda").await, app.id_of("henry").await);
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], by(&henry_id));
    assert_eq!(entry["changes"][0]["action"], "user.reset_confirmed");
    assert_eq!(entry["changes"][0]["reset_by"], by(&hilda_id));
    confirm(&app, &henry, &alice)
        .await
        .violates("nothing_to_confirm");
    redeem(&app, &code, "", "").await.no_content();
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["means"], "reset_code");
    assert_eq!(entry["changes"][0]["reset_by"], by(&hilda_id));
    assert_eq!(entry["changes"][0]["confirmed_by"], by(&henry_id));
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
    assert!(audit_is_whole(&app).await);
}

async fn y415_a_known_device_or_a_second_factor_of_the_owner_confirms_a_code(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let logged_in = app.token(&password_form("alice", PASSWORD)).await;
    let device = logged_in
        .is(200)
        .header("rolecall-device")
        .unwrap()
        .to_owned();
    let token = logged_in.text("access_token");
    let own = app.token(&password_form("hilda", PASSWORD)).await;
    let foreign = own.is(200).header("rolecall-device").unwrap().to_owned();
    let code = make(&app, &hilda, &alice).await;
    redeem(&app, &code, "", &foreign)
        .await
        .violates("reset_unconfirmed");
    app.get("/api/me", &token).await.is(401);
    redeem(&app, &code, "", &device).await.no_content();
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["confirmed_by"], "device");
    // with a factor, which is asked for anyway
    let token = app
        .password_grant("alice", NEW_PASSWORD)
        .await
        .is(200)
        .text("access_token");
    let begun = app
        .post("/api/me/factors/totp", &token, json!({ "name": "Phone" }))
        .await;
    let (id, phone) = (begun.is(201).text("id"), Phone::with(&begun.text("secret")));
    let now = || {
        use rolecall::Clock as _;
        app.clock.now()
    };
    let first = json!({ "code": phone.code(now()) });
    app.post(format!("/api/me/factors/{id}/confirm"), &token, first)
        .await
        .is(200);
    app.pass_time(Duration::from_secs(30));
    let code = make(&app, &hilda, &alice).await;
    let body = json!({
        "username": "alice", "current_password": code, "new_password": PASSWORD,
        "code": phone.code(now()),
    });
    let request = app.request(Method::POST, "/password").peer(ELSEWHERE);
    request.json(&body).send().await.no_content();
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["confirmed_by"], "second factor");
}

async fn y416_a_newer_code_needs_a_newer_confirmation(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let henry = help_desk(&app, "henry").await;
    let first = make(&app, &hilda, &alice).await;
    confirm(&app, &henry, &alice).await.no_content();
    let second = make(&app, &hilda, &alice).await;
    redeem(&app, &first, "", "").await.wrong_password();
    redeem(&app, &second, "", "")
        .await
        .violates("reset_unconfirmed");
    confirm(&app, &henry, &alice).await.no_content();
    redeem(&app, &second, "", "").await.no_content();
    // what was confirmed once confirms nothing later
    let third = make(&app, &henry, &alice).await;
    redeem(&app, &third, "", "")
        .await
        .violates("reset_unconfirmed");
}

async fn administrators_and_the_command_line_need_no_confirmation(app: TestApp) {
    let (_, alice) = prepare(&app).await;
    let path = format!("/api/users/{alice}/reset");
    let made = app.post(&path, app.admin().await, json!({})).await;
    assert!(made.is(200).json.get("needs_confirmation").is_none());
    redeem(&app, &made.text("reset_code"), "", "")
        .await
        .no_content();
    let printed = run(&app, &["user", "reset", "alice"]).await;
    assert!(!printed.contains("confirm"), "{printed}");
}

async fn the_command_line_confirms_a_reset(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    help_desk(&app, "henry").await;
    app.create_user("mallory", &[]).await;
    let confirm = ["user", "confirm-reset", "alice", "none"];
    let refused = run_failing(&app, &confirm).await;
    assert!(refused.contains("no reset code"), "{refused}");
    let code = make(&app, &hilda, &alice).await;
    let reset = shown(&app, &alice).await;
    let refused = run_failing(
        &app,
        &["--as", "henry", "user", "confirm-reset", "alice", "none"],
    )
    .await;
    assert!(refused.contains("another"), "{refused}");
    for (name, wanted) in [
        ("hilda", "you made this reset code"),
        ("mallory", "not permitted"),
    ] {
        let refused = run_failing(
            &app,
            &["--as", name, "user", "confirm-reset", "alice", &reset],
        )
        .await;
        assert!(refused.contains(wanted), "{name}: {refused}");
    }
    redeem(&app, &code, "", "")
        .await
        .violates("reset_unconfirmed");
    let printed = run(
        &app,
        &["--as", "henry", "user", "confirm-reset", "alice", &reset],
    )
    .await;
    assert!(printed.contains("the code works now"), "{printed}");
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], format!("user:{}", app.id_of("henry").await));
    redeem(&app, &code, "", "").await.no_content();
}

/// Creates an account as a help desk does, and uses the first code, which needs no confirmation. Returns its id and the
/// device.
async fn take_first(app: &TestApp, token: &str, name: &str) -> (String, String) {
    let made = app
        .post("/api/users", token, json!({ "username": name }))
        .await;
    let code = made.is(201).text("reset_code");
    redeem_as(app, name, &code, "", "").await.no_content();
    (made.text("id"), device(app, name, NEW_PASSWORD, "").await)
}

/// Signs in; returns the device token that the client keeps then.
async fn device(app: &TestApp, name: &str, password: &str, known: &str) -> String {
    let request = app.request(Method::POST, "/token").peer(ELSEWHERE);
    let request = if known.is_empty() {
        request
    } else {
        request.header("rolecall-device", known)
    };
    let logged_in = request.form(&password_form(name, password)).send().await;
    let given = logged_in.is(200).header("rolecall-device");
    given.unwrap_or(known).to_owned()
}

async fn y470_a_device_of_another_account_of_the_name_confirms_nothing(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let (other, kept) = take_first(&app, &hilda, "victor").await;
    app.delete(format!("/api/users/{other}"), &hilda)
        .await
        .no_content();
    let named = json!({ "username": "victor" });
    app.patch(format!("/api/users/{alice}"), &hilda, named)
        .await
        .is(200);
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["renamed"], true);
    let code = make(&app, &hilda, &alice).await;
    redeem_as(&app, "victor", &code, "", &kept)
        .await
        .violates("reset_unconfirmed");
    app.password_grant("victor", NEW_PASSWORD).await.is(401);
}

async fn y470_a_device_from_before_the_account_was_handed_over_confirms_nothing(app: TestApp) {
    let (hilda, _) = prepare(&app).await;
    let henry = help_desk(&app, "henry").await;
    let (carol, kept) = take_first(&app, &hilda, "carol").await;
    // its owner gets it with a code that a second person confirms
    let code = make(&app, &hilda, &carol).await;
    confirm(&app, &henry, &carol).await.no_content();
    redeem_as(&app, "carol", &code, "", "").await.no_content();
    let own = device(&app, "carol", NEW_PASSWORD, "").await;
    let code = make(&app, &hilda, &carol).await;
    redeem_as(&app, "carol", &code, "", &kept)
        .await
        .violates("reset_unconfirmed");
    redeem_as(&app, "carol", &code, "", &own).await.no_content();
}

async fn y470_a_device_confirms_again_once_it_has_signed_in_with_the_new_password(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let first = device(&app, "alice", PASSWORD, "").await;
    let change = json!({
        "username": "alice", "current_password": PASSWORD, "new_password": NEW_PASSWORD,
    });
    let request = app.request(Method::POST, "/password").peer(ELSEWHERE);
    request.json(&change).send().await.no_content();
    let second = device(&app, "alice", NEW_PASSWORD, &first).await;
    assert_ne!(first, second);
    assert_eq!(device(&app, "alice", NEW_PASSWORD, &second).await, second);
    let code = make(&app, &hilda, &alice).await;
    redeem(&app, &code, "", &first)
        .await
        .violates("reset_unconfirmed");
    // another name is another account to whoever confirms
    let named = json!({ "username": "alicia" });
    app.patch(format!("/api/users/{alice}"), &hilda, named)
        .await
        .is(200);
    redeem_as(&app, "alicia", &code, "", &second)
        .await
        .violates("reset_unconfirmed");
    let named = json!({ "username": "alice" });
    app.patch(format!("/api/users/{alice}"), app.admin().await, named)
        .await
        .is(200);
    redeem(&app, &code, "", &second)
        .await
        .violates("reset_unconfirmed");
}

async fn y471_a_confirmation_is_about_the_reset_that_it_names(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let (henry, hanna) = (
        help_desk(&app, "henry").await,
        help_desk(&app, "hanna").await,
    );
    make(&app, &hilda, &alice).await;
    let asked_about = shown(&app, &alice).await;
    let other = make(&app, &henry, &alice).await;
    confirm_one(&app, &hanna, &alice, &asked_about)
        .await
        .violates("another_reset");
    for wrong in ["", "none"] {
        confirm_one(&app, &hanna, &alice, wrong)
            .await
            .violates("another_reset");
    }
    let path = format!("/api/users/{alice}/reset/confirm");
    let unnamed = app.post(&path, &hanna, json!({})).await;
    unnamed.invalid(&["body", "reset_id"]);
    let unnamed = app.request(Method::POST, &path).token(&hanna).send().await;
    unnamed.invalid(&["body", "reset_id"]);
    redeem(&app, &other, "", "")
        .await
        .violates("reset_unconfirmed");
    assert_ne!(shown(&app, &alice).await, asked_about);
    confirm(&app, &hanna, &alice).await.no_content();
    redeem(&app, &other, "", "").await.no_content();
}

async fn y471_a_user_shows_an_administrator_the_reset_that_can_be_used(app: TestApp) {
    let (hilda, alice) = prepare(&app).await;
    let henry = help_desk(&app, "henry").await;
    assert_eq!(shown(&app, &alice).await, "");
    let path = format!("/api/users/{alice}/reset");
    let request = app.request(Method::POST, &path).peer("198.51.100.20");
    let made = request.token(&hilda).send().await;
    let id = made.is(200).text("reset_id");
    let user = app
        .get(format!("/api/users/{alice}"), app.admin().await)
        .await;
    let reset = &user.is(200).json["reset"];
    let by = |id: &str| format!("user:{id}");
    assert_eq!(reset["id"], id);
    assert_eq!(reset["made_by"], by(&app.id_of("hilda").await));
    assert_eq!(reset["made_from"], "198.51.100.20");
    assert_eq!(reset["expires_at"], made.text("expires_at"));
    assert_eq!(reset["needs_confirmation"], true);
    assert_eq!(reset["confirmed_by"], serde_json::Value::Null);
    let printed = run(&app, &["user", "show", "alice"]).await;
    assert!(
        printed.contains(&id) && printed.contains("needs a confirmation"),
        "{printed}"
    );
    confirm(&app, &henry, &alice).await.no_content();
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["reset"], id);
    let printed = run(&app, &["user", "show", "alice"]).await;
    assert!(printed.contains("confirmed by user:"), "{printed}");
    redeem(&app, &made.text("reset_code"), "", "")
        .await
        .no_content();
    assert_eq!(shown(&app, &alice).await, "");
    // one that has expired is none
    make(&app, &hilda, &alice).await;
    assert_ne!(shown(&app, &alice).await, "");
    app.db
        .execute("UPDATE users SET reset_expires_at = 1 WHERE reset_id IS NOT NULL")
        .await;
    assert_eq!(shown(&app, &alice).await, "");
}

async fn y526_a_help_desk_sets_no_password_by_the_command_line(app: TestApp) {
    prepare(&app).await;
    let set = async |caller: &str| {
        let arguments = [
            "--as",
            caller,
            "user",
            "password",
            "alice",
            "--password-stdin",
        ];
        with_input(command(&app, MASTER_KEY, &arguments), NEW_PASSWORD).await
    };
    let refused = set("hilda").await;
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && text.contains("rolecall user reset"),
        "{text}"
    );
    app.log_in("alice").await;
    let done = set("admin").await;
    assert!(done.status.success(), "{done:?}");
    app.token(&password_form("alice", PASSWORD)).await.is(401);
    assert!(audit_is_whole(&app).await);
}
