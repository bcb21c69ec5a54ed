//! Passwords of accounts with a second factor.

use serde_json::json;

use super::{REDIRECT, STEP, World, asks_for_sign_in, code_of, leads_to_page, page};
use crate::support::{Browser, NEW_PASSWORD, PASSWORD, on_both};

on_both![
    the_password_grant_is_refused_for_an_account_with_a_factor,
    i050_a_reset_keeps_the_factor_and_signs_nobody_in,
    i051_a_new_password_needs_the_factor,
    y441_a_session_by_the_password_alone_changes_it_no_more_once_there_is_a_factor,
    i051_the_page_for_a_new_password_asks_for_the_factor,
];

async fn the_password_grant_is_refused_for_an_account_with_a_factor(world: World) {
    let sessions = world.db.count("sessions").await;
    let enrolled = world.enrol("alice").await;
    let refused = world.password_grant("alice", PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
    assert_eq!(refused.json["detail"], "Second factor required");
    // a wrong password is not told so
    world
        .password_grant("alice", "wrong")
        .await
        .wrong_password();
    // one session: that of the enrolment
    assert_eq!(world.db.count("sessions").await, sessions + 1);
    let events = "SELECT detail FROM audit_events WHERE kind = 'password_proven'";
    assert_eq!(world.db.texts(events).await, ["second_factor_required"]);
    world.log_in("bob").await;
    let token = world.token_with("alice", &enrolled.phone).await;
    let path = format!("/api/me/factors/{}", enrolled.id);
    world.delete(path, &token).await.no_content();
    world.log_in("alice").await;
}

async fn i050_a_reset_keeps_the_factor_and_signs_nobody_in(world: World) {
    let enrolled = world.enrol("alice").await;
    let alice = world.id_of("alice").await;
    let path = format!("/api/users/{alice}/reset");
    let reset = world.post(path, world.admin().await, json!({})).await;
    let reset = reset.is(200).text("reset_code");
    assert_eq!(world.db.count("factors").await, 1);
    world
        .replace_password("alice", &reset, NEW_PASSWORD)
        .await
        .invalid(&["body", "code"]);
    let change = async |code: &str| {
        let body = json!({
            "username": "alice", "current_password": reset, "new_password": NEW_PASSWORD, "code": code,
        });
        world.post("/password", "", body).await
    };
    change(&enrolled.phone.wrong(world.now(), 0))
        .await
        .wrong_password();
    change(&world.code(&enrolled.phone)).await.no_content();
    let refused = world.password_grant("alice", NEW_PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
    world.pass_time(STEP);
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", NEW_PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
}

async fn i051_a_new_password_needs_the_factor(world: World) {
    let enrolled = world.enrol("alice").await;
    let change = async |new: &str, code: &str| {
        let body = json!({
            "username": "alice", "current_password": PASSWORD, "new_password": new, "code": code,
        });
        world.post("/password", "", body).await
    };
    change(NEW_PASSWORD, "").await.invalid(&["body", "code"]);
    for code in ["000", &enrolled.phone.wrong(world.now(), 0), "aaaaa-aaaaa"] {
        change(NEW_PASSWORD, code).await.wrong_password();
    }
    let recovery = &enrolled.recovery_codes[0];
    // a password that breaks a rule uses up no code
    change("short", recovery)
        .await
        .invalid(&["body", "new_password"]);
    assert_eq!(world.db.count("recovery_codes").await, 10);
    change(NEW_PASSWORD, recovery).await.no_content();
    assert_eq!(world.db.count("recovery_codes").await, 9);
    let body = json!({
        "username": "alice", "current_password": NEW_PASSWORD, "new_password": PASSWORD, "code": recovery,
    });
    world.post("/password", "", body).await.wrong_password();
    let refused = world.password_grant("alice", NEW_PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
}

async fn y441_a_session_by_the_password_alone_changes_it_no_more_once_there_is_a_factor(
    world: World,
) {
    let before = world.log_in("alice").await;
    let change = async |token: &str| {
        let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        world.put_json("/api/me/password", token, body).await
    };
    let enrolled = world.enrol("alice").await;
    let refused = change(&before).await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    let token = world.token_with("alice", &enrolled.phone).await;
    change(&token).await.no_content();
}

async fn i051_the_page_for_a_new_password_asks_for_the_factor(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    let form = |code: String| {
        [
            ("flow", flow.clone()),
            ("username", "alice".to_owned()),
            ("current", PASSWORD.to_owned()),
            ("new", NEW_PASSWORD.to_owned()),
            ("again", NEW_PASSWORD.to_owned()),
            ("code", code),
        ]
    };
    let mut submit = async |code: &str| {
        let form = form(code.to_owned());
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        browser.submit("/login/password", &form).await
    };
    let asked = page(&submit("").await, 403);
    assert!(
        asked.contains("name=\"code\"") && asked.contains("second factor"),
        "{asked}"
    );
    let wrong = page(&submit(&enrolled.phone.wrong(world.now(), 0)).await, 401);
    assert!(wrong.contains("name=\"code\""));
    submit(&world.code(&enrolled.phone)).await.is(303);
    world.pass_time(STEP);
    leads_to_page(&browser.log_in(&flow, "alice", NEW_PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
}
