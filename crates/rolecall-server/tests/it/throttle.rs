//! Guessing: delays that grow, an end after a hundred failures, and nobody who learns which names exist.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{Answer, PASSWORD, TestApp, WRONG, on_both};

on_both![
    the_first_five_failures_cost_no_delay_and_the_sixth_does,
    x017_an_unknown_name_is_slowed_like_a_real_one,
    x022_a_hundred_failures_close_the_password_and_nothing_else,
    x021_a_reset_code_opens_a_closed_account,
    x023_parallel_guesses_are_never_more_than_the_limit,
    a_clock_set_back_does_not_stretch_a_delay,
    x080_one_address_that_fails_does_not_slow_another,
    x018_one_address_that_registers_much_is_told_when_to_come_back,
];

async fn log_in_from(app: &TestApp, address: &str, username: &str, password: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ];
    let ask = app.request(Method::POST, "/token").from(address);
    ask.form(&form).send().await
}

/// Writes down that an account has failed so often, a while ago.
async fn failed(app: &TestApp, times: i64) {
    app.forgive().await;
    app.password_grant("admin", WRONG).await.wrong_password();
    app.db
        .execute(&format!("UPDATE login_failures SET failures = {times}"))
        .await;
    app.pass(Duration::from_mins(2));
}

async fn the_first_five_failures_cost_no_delay_and_the_sixth_does(app: TestApp) {
    for _ in 0..6 {
        app.password_grant("admin", WRONG).await.wrong_password();
    }
    let answer = app.password_grant("admin", PASSWORD).await;
    answer.oauth(429, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(
        app.db.number("SELECT failures FROM login_failures").await,
        6
    );
    app.pass(Duration::from_secs(1));
    app.login("admin").await;
    app.password_grant("admin", WRONG).await.wrong_password();
    app.login("admin").await;
}

async fn x017_an_unknown_name_is_slowed_like_a_real_one(app: TestApp) {
    let mut answers = Vec::new();
    for username in ["admin", "nobody", "not a name"] {
        let mut of = Vec::new();
        for _ in 0..8 {
            of.push(app.password_grant(username, WRONG).await);
        }
        answers.push(of);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0][7].status, 429);
    let names = app.db.texts("SELECT account FROM login_failures").await;
    assert_eq!(names.len(), 3);
    assert!(
        !names
            .iter()
            .any(|name| name.contains("admin") || name.contains("nobody"))
    );
}

async fn x022_a_hundred_failures_close_the_password_and_nothing_else(app: TestApp) {
    let token = app.login("admin").await;
    failed(&app, 99).await;
    app.password_grant("admin", WRONG).await.wrong_password();
    app.pass(Duration::from_mins(2));
    // the right password answers as a wrong one does, and tells no time to come back at
    app.password_grant("admin", PASSWORD).await.wrong_password();
    app.password_grant("admin", PASSWORD).await.wrong_password();
    let body = json!({ "username": "admin", "current_password": PASSWORD, "new_password": "another horse battery" });
    app.post("/password", "", body).await.wrong_password();
    let body = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    app.put_json("/api/me/password", &token, body)
        .await
        .invalid(&["body", "current_password"]);
    app.get("/api/me", &token).await.is(200);
    // a month later it is still closed
    app.pass(Duration::from_hours(24 * 30));
    app.password_grant("admin", PASSWORD).await.wrong_password();
}

async fn x021_a_reset_code_opens_a_closed_account(app: TestApp) {
    let alice = app.user("alice", &[]).await;
    app.password_grant("alice", WRONG).await.wrong_password();
    app.db
        .execute("UPDATE login_failures SET failures = 100")
        .await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let reset = app
        .post(
            format_args!("/api/users/{alice}/reset"),
            app.admin().await,
            json!({}),
        )
        .await;
    let code = reset.is(200).text("reset_code");
    let new = "another horse battery staple";
    let body = json!({ "username": "alice", "current_password": code, "new_password": new });
    app.post("/password", "", body).await.done();
    app.password_grant("alice", new).await.is(200);
}

async fn x023_parallel_guesses_are_never_more_than_the_limit(app: TestApp) {
    failed(&app, 97).await;
    // each from an address of its own, so that only the account can stop them
    let addresses: Vec<String> = (1..=12).map(|n| format!("192.0.2.{n}")).collect();
    let app = &app;
    let guesses = addresses
        .iter()
        .map(|address| log_in_from(app, address, "admin", WRONG));
    let mut answers = Vec::new();
    let guesses: Vec<_> = guesses.map(Box::pin).collect();
    for answer in join_all(guesses).await {
        assert!([401, 429].contains(&answer.status.as_u16()), "{answer:?}");
        answers.push(answer);
    }
    // whatever they were answered, the account is closed and stays so
    app.pass(Duration::from_mins(2));
    let more = app.db.number("SELECT failures FROM login_failures").await;
    if more >= 100 {
        app.password_grant("admin", PASSWORD).await.wrong_password();
    } else {
        app.login("admin").await;
    }
}

/// Runs all at once.
async fn join_all<F: Future<Output = Answer>>(
    mut futures: Vec<std::pin::Pin<Box<F>>>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    answers
}

async fn a_clock_set_back_does_not_stretch_a_delay(app: TestApp) {
    for _ in 0..6 {
        app.password_grant("admin", WRONG).await.wrong_password();
    }
    app.clock
        .set(rolecall::Timestamp::from_seconds(1_000_000_000));
    let answer = app.password_grant("admin", PASSWORD).await;
    assert_eq!(answer.is(429).header("retry-after"), Some("1"));
}

async fn x080_one_address_that_fails_does_not_slow_another(app: TestApp) {
    let mut slowed = 0;
    for n in 0..60 {
        let username = format!("guess{n}");
        let answer = log_in_from(&app, "2001:db8:1:2::1", &username, "x").await;
        slowed += u32::from(answer.status == 429);
    }
    assert!(
        (1..=10).contains(&slowed),
        "the first 50 cost no delay: {slowed}"
    );
    // another address of the same network of 64 bits is the same guest
    let same = log_in_from(&app, "2001:db8:1:2:ffff::9", "admin", PASSWORD).await;
    assert_eq!(same.status, 429);
    log_in_from(&app, "2001:db8:1:3::1", "admin", PASSWORD)
        .await
        .is(200);
    log_in_from(&app, "192.0.2.1", "admin", PASSWORD)
        .await
        .is(200);
    // what a stranger writes into a header is not believed
    let form = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    let ask = app.request(Method::POST, "/token").from("2001:db8:1:2::1");
    let ask = ask.header("x-forwarded-for", "198.51.100.7").form(&form);
    assert_eq!(ask.send().await.status, 429);
}

async fn x018_one_address_that_registers_much_is_told_when_to_come_back(app: TestApp) {
    // refused for its password, so that nothing is hashed
    let register = async |address: &str| {
        let body = json!({ "username": "alice", "password": "short" });
        let ask = app.request(Method::POST, "/register").from(address);
        ask.json(&body).send().await
    };
    for _ in 0..30 {
        register("192.0.2.1").await.invalid(&["body", "password"]);
    }
    let answer = register("192.0.2.1").await;
    let seconds: u64 = answer
        .is(429)
        .header("retry-after")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(answer.json["status"], 429);
    register("192.0.2.2").await.is(422);
    app.clock.advance(Duration::from_secs(seconds));
    register("192.0.2.1").await.is(422);
}
