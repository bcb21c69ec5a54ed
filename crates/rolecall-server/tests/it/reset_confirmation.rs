//! Reset codes that are good only with a confirmation: whoever makes one for somebody else knows it.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{
    NEW_PASSWORD, PASSWORD, Phone, Response, TestApp, audit_is_whole, on_both, password_form, run,
    run_failing,
};

on_both![
    y415_a_help_desk_cannot_use_the_codes_that_it_makes,
    y415_a_second_person_confirms_a_code,
    y415_a_known_device_or_a_second_factor_of_the_owner_confirms_a_code,
    y416_a_newer_code_needs_a_newer_confirmation,
    administrators_and_the_command_line_need_no_confirmation,
    the_command_line_confirms_a_reset,
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

async fn confirm(app: &TestApp, token: &str, id: &str) -> Response {
    app.post(format!("/api/users/{id}/reset/confirm"), token, json!({}))
        .await
}

async fn redeem(app: &TestApp, code: &str, second: &str, device: &str) -> Response {
    let body = json!({
        "username": "alice", "current_password": code, "new_password": NEW_PASSWORD, "code": second,
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
    let confirm = ["user", "confirm-reset", "alice"];
    let refused = run_failing(&app, &confirm).await;
    assert!(refused.contains("no reset code"), "{refused}");
    let code = make(&app, &hilda, &alice).await;
    for (name, wanted) in [
        ("hilda", "you made this reset code"),
        ("mallory", "not permitted"),
    ] {
        let refused = run_failing(&app, &["--as", name, "user", "confirm-reset", "alice"]).await;
        assert!(refused.contains(wanted), "{name}: {refused}");
    }
    redeem(&app, &code, "", "")
        .await
        .violates("reset_unconfirmed");
    let printed = run(&app, &["--as", "henry", "user", "confirm-reset", "alice"]).await;
    assert!(printed.contains("the code works now"), "{printed}");
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], format!("user:{}", app.id_of("henry").await));
    redeem(&app, &code, "", "").await.no_content();
}
