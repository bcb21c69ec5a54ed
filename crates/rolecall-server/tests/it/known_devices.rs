//! Devices and addresses from which an account was used before are not kept out by strangers who guess.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, Response, TestApp, TokenPair, WRONG, on_both, password_form};

on_both![
    y043_the_owner_at_a_known_address_is_not_kept_out_by_guesses,
    y044_a_known_device_is_not_kept_out_by_guesses,
    y044_a_device_token_is_for_one_account_and_failures_of_the_device_are_its_own,
    y044_a_known_address_that_guesses_is_slowed_and_locked_too,
    y044_only_a_log_in_makes_an_address_known,
    y045_a_lost_answer_can_be_repeated_by_the_device_from_another_address,
    a_device_token_is_given_once_and_renewed,
    addresses_are_known_for_a_month_and_ten_for_each_account,
    opening_an_account_forgets_the_failures_of_known_addresses,
];

const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "203.0.113.9";

async fn log_in(app: &TestApp, address: &str, device: &str, password: &str) -> Response {
    let request = app.request(Method::POST, "/token").peer(address);
    let request = if device.is_empty() {
        request
    } else {
        request.header("rolecall-device", device)
    };
    let form = password_form("alice", password);
    request.form(&form).send().await
}

fn device_of(response: &Response) -> String {
    response
        .is(200)
        .header("rolecall-device")
        .unwrap()
        .to_owned()
}

/// Guesses until the account answers strangers with 429.
async fn slow_down(app: &TestApp, address: &str) {
    for number in 0..20 {
        let guess = format!("a guess {number}");
        if log_in(app, address, "", &guess).await.status == 429 {
            return;
        }
    }
    panic!("the guesses were not slowed");
}

/// Lets strangers fail so often that the account is locked for them.
async fn lock(app: &TestApp) {
    log_in(app, ELSEWHERE, "", "a guess").await;
    app.db
        .execute("UPDATE login_failures SET failures = 100")
        .await;
}

async fn y043_the_owner_at_a_known_address_is_not_kept_out_by_guesses(app: TestApp) {
    app.create_user("alice", &[]).await;
    log_in(&app, HOME, "", PASSWORD).await.is(200);
    slow_down(&app, ELSEWHERE).await;
    let stranger = log_in(&app, "192.0.2.1", "", PASSWORD).await;
    assert_eq!(stranger.status, 429, "the guesses slow strangers");
    for _ in 0..10 {
        log_in(&app, HOME, "", PASSWORD).await.is(200);
    }
    // and a success at home does not open the account for those who guess
    assert_eq!(log_in(&app, ELSEWHERE, "", "a guess").await.status, 429);
    lock(&app).await;
    log_in(&app, "192.0.2.1", "", PASSWORD)
        .await
        .wrong_password();
    log_in(&app, HOME, "", PASSWORD).await.is(200);
}

async fn y044_a_known_device_is_not_kept_out_by_guesses(app: TestApp) {
    app.create_user("alice", &[]).await;
    let device = device_of(&log_in(&app, HOME, "", PASSWORD).await);
    // guesses from the very address that the device now uses, against this account and many others
    for number in 0..60 {
        let name = format!("victim{number}");
        app.password_grant_from(ELSEWHERE, &name, "a guess").await;
    }
    slow_down(&app, ELSEWHERE).await;
    assert_eq!(log_in(&app, ELSEWHERE, "", PASSWORD).await.status, 429);
    log_in(&app, ELSEWHERE, &device, PASSWORD).await.is(200);
    app.pass_time(Duration::from_mins(2));
    lock(&app).await;
    log_in(&app, "192.0.2.1", &device, PASSWORD).await.is(200);
    let replace = |password: &str| {
        let body =
            json!({ "username": "alice", "current_password": PASSWORD, "new_password": password });
        let request = app.request(Method::POST, "/password").peer("192.0.2.2");
        request
            .header("rolecall-device", &device)
            .json(&body)
            .send()
    };
    replace("another horse battery staple").await.no_content();
}

async fn y044_a_device_token_is_for_one_account_and_failures_of_the_device_are_its_own(
    app: TestApp,
) {
    app.create_user("alice", &[]).await;
    app.create_user("mallory", &[]).await;
    let device = device_of(&log_in(&app, HOME, "", PASSWORD).await);
    let own = app
        .password_grant_from(ELSEWHERE, "mallory", PASSWORD)
        .await;
    let own = device_of(&own);
    slow_down(&app, ELSEWHERE).await;
    // the attacker's own device token, a changed one and garbage are no devices of this account
    let changed = format!("{}A", &device[..device.len() - 1]);
    for token in [own.as_str(), &changed, "rcd_", "garbage"] {
        let stranger = log_in(&app, "192.0.2.1", token, PASSWORD).await;
        assert_eq!(stranger.status, 429, "{token}");
    }
    // somebody who guesses at the device is slowed there
    let mut statuses = Vec::new();
    for number in 0..8 {
        let guess = format!("another guess {number}");
        let answer = log_in(&app, HOME, &device, &guess).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429]);
    let failures = "SELECT failures FROM known_failures";
    assert_eq!(app.db.number(failures).await, 6);
    app.pass_time(Duration::from_secs(1));
    log_in(&app, HOME, &device, PASSWORD).await.is(200);
    assert_eq!(app.db.count("known_failures").await, 0);
}

async fn y044_a_known_address_that_guesses_is_slowed_and_locked_too(app: TestApp) {
    app.create_user("alice", &[]).await;
    log_in(&app, HOME, "", PASSWORD).await.is(200);
    slow_down(&app, HOME).await;
    assert_eq!(log_in(&app, HOME, "", PASSWORD).await.status, 429);
    app.db
        .execute("UPDATE known_failures SET failures = 99")
        .await;
    app.pass_time(Duration::from_mins(2));
    log_in(&app, HOME, "", WRONG).await.wrong_password();
    app.pass_time(Duration::from_mins(2));
    log_in(&app, HOME, "", PASSWORD).await.wrong_password();
    // a day later too: a hundred failures in a row are the end
    app.pass_time(Duration::from_hours(48));
    log_in(&app, HOME, "", PASSWORD).await.wrong_password();
}

async fn y044_only_a_log_in_makes_an_address_known(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    log_in(&app, ELSEWHERE, "", WRONG).await.wrong_password();
    let status = json!({ "status": "password_change_required" });
    let path = format!("/api/users/{alice}");
    app.patch(&path, app.admin().await, status).await.is(200);
    let refused = log_in(&app, ELSEWHERE, "", PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
    assert_eq!(refused.header("rolecall-device"), None);
    assert_eq!(app.db.count("known_addresses").await, 0);
    // neither addresses nor tokens can be read from the database
    let status = json!({ "status": "active" });
    app.patch(&path, app.admin().await, status).await.is(200);
    let device = device_of(&log_in(&app, HOME, "", PASSWORD).await);
    log_in(&app, HOME, &device, WRONG).await.wrong_password();
    let sql = "SELECT account || ' ' || network FROM known_addresses";
    let mut rows = app.db.texts(sql).await;
    let sql = "SELECT account || ' ' || source FROM known_failures";
    rows.extend(app.db.texts(sql).await);
    let sql = format!("SELECT device FROM sessions WHERE subject_id = '{alice}'");
    rows.extend(app.db.texts(&sql).await);
    assert_eq!(rows.len(), 3, "{rows:?}");
    let text = rows.join(" ");
    let id = device.get(device.len() - 60..).unwrap();
    assert!(!text.contains("198.51.100") && !text.contains("alice") && !text.contains(id));
}

async fn y045_a_lost_answer_can_be_repeated_by_the_device_from_another_address(app: TestApp) {
    app.create_user("alice", &[]).await;
    for (sends_device, status) in [(true, 200), (false, 400)] {
        let opened = log_in(&app, HOME, "", PASSWORD).await;
        let (pair, device) = (TokenPair::of(&opened), device_of(&opened));
        let refresh = async |address: &str, device: &str| {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", pair.refresh.as_str()),
            ];
            let request = app.request(Method::POST, "/token").peer(address);
            let request = request.header("rolecall-device", device);
            request.form(&form).send().await
        };
        refresh(HOME, &device).await.is(200);
        let sent = if sends_device {
            device.as_str()
        } else {
            "rcd_"
        };
        assert_eq!(refresh(ELSEWHERE, sent).await.status, status);
    }
}

async fn a_device_token_is_given_once_and_renewed(app: TestApp) {
    app.create_user("alice", &[]).await;
    let device = device_of(&log_in(&app, HOME, "", PASSWORD).await);
    let again = log_in(&app, HOME, &device, PASSWORD).await;
    assert_eq!(again.is(200).header("rolecall-device"), None);
    app.pass_time(Duration::from_hours(31 * 24));
    let renewed = device_of(&log_in(&app, HOME, &device, PASSWORD).await);
    assert_ne!(renewed, device);
    app.pass_time(Duration::from_hours(170 * 24));
    let names = app.db.texts("SELECT DISTINCT device FROM sessions").await;
    log_in(&app, HOME, &renewed, PASSWORD).await.is(200);
    assert_eq!(
        app.db.texts("SELECT DISTINCT device FROM sessions").await,
        names,
        "the same device"
    );
    let expired = device_of(&log_in(&app, HOME, &device, PASSWORD).await);
    assert_ne!(expired, renewed);
}

async fn addresses_are_known_for_a_month_and_ten_for_each_account(app: TestApp) {
    app.create_user("alice", &[]).await;
    for number in 0..12 {
        let address = format!("192.0.2.{number}");
        log_in(&app, &address, "", PASSWORD).await.is(200);
        app.pass_time(Duration::from_secs(1));
    }
    assert_eq!(app.db.count("known_addresses").await, 10);
    lock(&app).await;
    log_in(&app, "192.0.2.0", "", PASSWORD)
        .await
        .wrong_password();
    log_in(&app, "192.0.2.11", "", PASSWORD).await.is(200);
    app.pass_time(Duration::from_hours(29 * 24));
    log_in(&app, "192.0.2.11", "", PASSWORD).await.is(200);
    app.pass_time(Duration::from_hours(29 * 24));
    log_in(&app, "192.0.2.11", "", PASSWORD).await.is(200);
    log_in(&app, "192.0.2.10", "", PASSWORD)
        .await
        .wrong_password();
}

async fn opening_an_account_forgets_the_failures_of_known_addresses(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    log_in(&app, HOME, "", PASSWORD).await.is(200);
    log_in(&app, HOME, "", WRONG).await.wrong_password();
    assert_eq!(app.db.count("known_failures").await, 1);
    let admin = app.admin().await;
    app.post(format_args!("/api/users/{alice}/reset"), admin, json!({}))
        .await
        .is(200);
    assert_eq!(app.db.count("known_failures").await, 0);
    assert_eq!(app.db.count("known_addresses").await, 1);
    app.delete(format!("/api/users/{alice}"), admin)
        .await
        .no_content();
    assert_eq!(app.db.count("known_addresses").await, 0);
}
