//! Guessing: growing delays, a lock after a hundred failures, and no hint at which names exist.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, RealHashing, Response, TestApp, WRONG, on_both};

on_both![
    the_first_five_failures_cause_no_delay_and_the_sixth_does,
    x017_an_unknown_name_is_slowed_like_a_real_one,
    x022_a_hundred_failures_lock_the_password_and_nothing_else,
    x021_a_reset_code_unlocks_an_account,
    x023_parallel_guesses_over_http_never_exceed_the_limit,
    a_clock_set_back_does_not_stretch_a_delay,
    x080_failures_from_one_address_do_not_slow_another,
    x018_too_many_registrations_from_one_address_get_retry_after,
    y060_the_same_wrong_password_counts_once_a_minute,
    y040_own_log_ins_between_guesses_forgive_nothing,
    y041_new_networks_of_one_larger_network_are_slowed_and_recorded,
    y042_a_refusal_that_proves_a_password_is_an_event_and_counted,
];

/// Sends so many different wrong passwords.
async fn guess(app: &TestApp, username: &str, times: u32) {
    for number in 0..times {
        let guess = format!("a guess {number}");
        app.password_grant(username, &guess).await.wrong_password();
    }
}

/// Records that many failures of `admin`, a while ago.
async fn set_failures(app: &TestApp, times: i64) {
    app.clear_failures().await;
    app.password_grant("admin", WRONG).await.wrong_password();
    app.db
        .execute(&format!("UPDATE login_failures SET failures = {times}"))
        .await;
    app.pass_time(Duration::from_mins(2));
}

async fn the_first_five_failures_cause_no_delay_and_the_sixth_does(app: TestApp) {
    guess(&app, "admin", 6).await;
    let response = app.password_grant("admin", PASSWORD).await;
    response.oauth_error(429, "temporarily_unavailable");
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(
        app.db.number("SELECT failures FROM login_failures").await,
        6
    );
    app.pass_time(Duration::from_secs(1));
    app.log_in("admin").await;
    app.password_grant("admin", WRONG).await.wrong_password();
    app.log_in("admin").await;
}

async fn x017_an_unknown_name_is_slowed_like_a_real_one(app: TestApp) {
    let mut responses = Vec::new();
    for username in ["admin", "nobody", "not a name"] {
        let mut seen = Vec::new();
        for number in 0..8 {
            let guess = format!("a guess {number}");
            seen.push(app.password_grant(username, &guess).await);
        }
        responses.push(seen);
    }
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0], responses[2]);
    assert_eq!(responses[0][7].status, 429);
    let names = app.db.texts("SELECT account FROM login_failures").await;
    assert_eq!(names.len(), 3);
    assert!(
        !names
            .iter()
            .any(|name| name.contains("admin") || name.contains("nobody"))
    );
}

async fn x022_a_hundred_failures_lock_the_password_and_nothing_else(app: TestApp) {
    let token = app.log_in("admin").await;
    set_failures(&app, 99).await;
    app.password_grant("admin", WRONG).await.wrong_password();
    app.pass_time(Duration::from_mins(2));
    // the right password gets the same response as a wrong one, without `Retry-After`
    app.password_grant("admin", PASSWORD).await.wrong_password();
    app.password_grant("admin", PASSWORD).await.wrong_password();
    let body = json!({ "username": "admin", "current_password": PASSWORD, "new_password": "another horse battery" });
    app.post("/password", "", body).await.wrong_password();
    let body = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    app.put_json("/api/me/password", &token, body)
        .await
        .invalid(&["body", "current_password"]);
    app.get("/api/me", &token).await.is(200);
    // a month later it is still locked
    app.pass_time(Duration::from_hours(24 * 30));
    app.password_grant("admin", PASSWORD).await.wrong_password();
}

async fn x021_a_reset_code_unlocks_an_account(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
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
    app.post("/password", "", body).await.no_content();
    app.password_grant("alice", new).await.is(200);
}

async fn x023_parallel_guesses_over_http_never_exceed_the_limit(app: RealHashing) {
    set_failures(&app, 97).await;
    // each from an address of its own, so that only the account can stop them
    let addresses: Vec<String> = (1..=12).map(|n| format!("192.0.2.{n}")).collect();
    let app = &*app;
    let guesses = addresses
        .iter()
        .map(|address| app.password_grant_from(address, "admin", WRONG));
    let mut responses = Vec::new();
    let guesses: Vec<_> = guesses.map(Box::pin).collect();
    for response in join_all(guesses).await {
        assert!(
            [401, 429].contains(&response.status.as_u16()),
            "{response:?}"
        );
        responses.push(response);
    }
    // whatever the responses, a locked account stays locked
    app.pass_time(Duration::from_mins(2));
    let more = app.db.number("SELECT failures FROM login_failures").await;
    if more >= 100 {
        app.password_grant("admin", PASSWORD).await.wrong_password();
    } else {
        app.log_in("admin").await;
    }
}

/// Polls all futures concurrently.
pub(crate) async fn join_all<F: Future<Output = Response>>(
    mut futures: Vec<std::pin::Pin<Box<F>>>,
) -> Vec<Response> {
    let mut responses = Vec::new();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(response) => {
                responses.push(response);
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
    responses
}

async fn a_clock_set_back_does_not_stretch_a_delay(app: TestApp) {
    guess(&app, "admin", 6).await;
    let earlier = rolecall::Clock::now(&app.clock).seconds() - 60;
    app.clock.set(rolecall::Timestamp::from_seconds(earlier));
    let response = app.password_grant("admin", PASSWORD).await;
    assert_eq!(response.is(429).header("retry-after"), Some("1"));
    // failures far in the future come from a wrong clock, and delay nobody
    app.clock
        .set(rolecall::Timestamp::from_seconds(1_000_000_000));
    app.password_grant("admin", PASSWORD).await.is(200);
}

async fn x080_failures_from_one_address_do_not_slow_another(app: TestApp) {
    let mut slowed = 0;
    for n in 0..60 {
        let username = format!("guess{n}");
        let response = app
            .password_grant_from("2001:db8:1:2::1", &username, "x")
            .await;
        slowed += u32::from(response.status == 429);
    }
    assert!(
        (1..=10).contains(&slowed),
        "the first 50 cause no delay: {slowed}"
    );
    // another address in the same /64 network counts as the same
    let same = app
        .password_grant_from("2001:db8:1:2:ffff::9", "admin", PASSWORD)
        .await;
    assert_eq!(same.status, 429);
    app.password_grant_from("2001:db8:1:3::1", "admin", PASSWORD)
        .await
        .is(200);
    app.password_grant_from("192.0.2.1", "admin", PASSWORD)
        .await
        .is(200);
    // a forwarding header is not believed
    let form = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    let request = app.request(Method::POST, "/token").peer("2001:db8:1:2::1");
    let request = request
        .header("x-forwarded-for", "198.51.100.7")
        .form(&form);
    assert_eq!(request.send().await.status, 429);
}

async fn x018_too_many_registrations_from_one_address_get_retry_after(app: TestApp) {
    // refused because of its password, so nothing is hashed
    let register = async |address: &str| {
        let body = json!({ "username": "alice", "password": "short" });
        let request = app.request(Method::POST, "/register").peer(address);
        request.json(&body).send().await
    };
    for _ in 0..30 {
        register("192.0.2.1").await.invalid(&["body", "password"]);
    }
    let response = register("192.0.2.1").await;
    let seconds: u64 = response
        .is(429)
        .header("retry-after")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(response.json["status"], 429);
    register("192.0.2.2").await.is(422);
    app.clock.advance(Duration::from_secs(seconds));
    register("192.0.2.1").await.is(422);
}

async fn y040_own_log_ins_between_guesses_forgive_nothing(app: TestApp) {
    app.create_user("mallory", &[]).await;
    let address = "203.0.113.9";
    let mut evaluated = 0;
    for number in 0..60 {
        let victim = format!("victim{number}");
        let guess = app.password_grant_from(address, &victim, "a guess").await;
        evaluated += u32::from(guess.status == 401);
        app.password_grant_from(address, "mallory", PASSWORD).await;
    }
    assert_eq!(evaluated, 51);
}

async fn y041_new_networks_of_one_larger_network_are_slowed_and_recorded(app: TestApp) {
    let mut evaluated = 0;
    for number in 0..240 {
        // forty guesses from each /64 of one /48, in /56 networks of their own
        let address = format!("2001:db8:7:{:x}00::1", number / 40);
        let guess = app
            .password_grant_from(&address, &format!("victim{number}"), "a guess")
            .await;
        evaluated += u32::from(guess.status == 401);
    }
    assert_eq!(evaluated, 201);
    let sql = "SELECT detail FROM audit_events WHERE kind = 'address_slowed'";
    assert_eq!(
        app.db.texts(sql).await,
        ["1 beyond what is free in 2001:db8:7::/48"]
    );
    // the neighbors of the network go on
    app.password_grant_from("2001:db8:8::1", "admin", PASSWORD)
        .await
        .is(200);
}

async fn y042_a_refusal_that_proves_a_password_is_an_event_and_counted(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let address = "203.0.113.9";
    let mut expected = Vec::new();
    let replace = async |new: &str| {
        let body =
            json!({ "username": "alice", "current_password": PASSWORD, "new_password": new });
        let request = app.request(Method::POST, "/password").peer(address);
        request.json(&body).send().await
    };
    for (new, reason) in [
        ("short", "password_too_short"),
        (PASSWORD, "password_unchanged"),
    ] {
        replace(new).await.is(422);
        expected.push(reason);
    }
    let body = json!({ "current_password": PASSWORD, "new_password": "short" });
    let request = app.request(Method::PUT, "/api/me/password").peer(address);
    let request = request.token(&token).json(&body);
    request.send().await.invalid(&["body", "new_password"]);
    expected.push("password_too_short");
    let log_in = async |scope: &str| {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
            ("scope", scope),
        ];
        let request = app.request(Method::POST, "/token").peer(address);
        request.form(&form).send().await
    };
    log_in("role:admin").await.oauth_error(400, "invalid_scope");
    expected.push("invalid_scope");
    let path = format!("/api/users/{alice}");
    let status = json!({ "status": "password_change_required" });
    app.patch(&path, app.admin().await, status).await.is(200);
    log_in("").await.oauth_error(400, "invalid_grant");
    expected.push("password_change_required");
    let sql = format!(
        "SELECT detail FROM audit_events WHERE kind = 'password_proven' AND subject_id = '{alice}' \
         AND address = '{address}'"
    );
    // within a millisecond, the ids of events have no order
    let mut recorded = app.db.texts(&sql).await;
    recorded.sort_unstable();
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    assert_eq!(recorded, sorted);
    // and refusals are counted like failures of the address
    let mut checked = expected.len();
    while checked < 60 && replace("short").await.status == 422 {
        checked += 1;
    }
    assert_eq!(checked, 51);
}

async fn y060_the_same_wrong_password_counts_once_a_minute(app: TestApp) {
    let failures = "SELECT failures FROM login_failures";
    for _ in 0..10 {
        app.password_grant("admin", WRONG).await.wrong_password();
    }
    assert_eq!(app.db.number(failures).await, 1);
    app.password_grant("admin", "another")
        .await
        .wrong_password();
    assert_eq!(app.db.number(failures).await, 2);
    app.pass_time(Duration::from_mins(1));
    app.password_grant("admin", WRONG).await.wrong_password();
    assert_eq!(app.db.number(failures).await, 3);
    // what was wrong a moment ago may be right by now
    app.create_user("alice", &[]).await;
    let new = "another horse battery staple";
    app.password_grant("alice", new).await.wrong_password();
    app.replace_password("alice", PASSWORD, new)
        .await
        .no_content();
    app.password_grant("alice", new).await.is(200);
}
