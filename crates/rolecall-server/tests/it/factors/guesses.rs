//! Guesses at the codes of a second factor, by somebody who knows the password.

use std::time::Duration;

use super::{REDIRECT, World, code_of, leads_to_page, page};
use crate::support::{Browser, NEW_PASSWORD, PASSWORD, on_both};

on_both![
    i081_ten_wrong_codes_end_the_sign_in,
    i081_wrong_codes_delay_as_wrong_passwords_do,
    i081_the_password_forgives_no_wrong_code,
    i081_a_locked_account_takes_no_code,
];

async fn i081_ten_wrong_codes_end_the_sign_in(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    for number in 0..9 {
        let wrong = enrolled.phone.wrong(world.now(), number);
        page(&browser.second(&flow, &wrong).await, 401);
        world.clear_failures().await;
    }
    let wrong = enrolled.phone.wrong(world.now(), 9);
    let ended = page(&browser.second(&flow, &wrong).await, 400);
    assert!(ended.contains("This sign-in has ended"), "{ended}");
    let right = world.code(&enrolled.phone);
    page(&browser.second(&flow, &right).await, 400);
    assert_eq!(browser.cookie("session"), None);
    // the right one was not used up, and signs in after another password
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &right).await);
}

async fn i081_wrong_codes_delay_as_wrong_passwords_do(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    // a mixture, also of recovery codes and the same code again
    for (number, code) in ["000-no", "aaaaa-aaaaa", "aaaaa-aaaaa", ""]
        .iter()
        .enumerate()
    {
        page(&browser.second(&flow, code).await, 401);
        let wrong = enrolled.phone.wrong(world.now(), number);
        if number < 2 {
            page(&browser.second(&flow, &wrong).await, 401);
        }
    }
    let right = world.code(&enrolled.phone);
    let slowed = browser.second(&flow, &right).await;
    assert!(slowed.is(429).header("retry-after").is_some());
    assert!(page(&slowed, 429).contains("Too many tries"));
    world
        .password_grant("alice", PASSWORD)
        .await
        .oauth_error(429, "temporarily_unavailable");
    let mut stranger = Browser::new(&world);
    let other = stranger.begin(&world.first, REDIRECT, &[]).await;
    page(&stranger.log_in(&other, "alice", PASSWORD).await, 429);
    world.pass_time(Duration::from_secs(2));
    code_of(&browser.second(&flow, &right).await);
    // what was forgiven by the whole sign-in delays nobody
    let other = stranger.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&stranger.log_in(&other, "alice", PASSWORD).await, &other);
}

async fn i081_the_password_forgives_no_wrong_code(world: World) {
    let enrolled = world.enrol("alice").await;
    let failures = "SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM login_failures";
    for number in 0..5 {
        // a new flow for each guess, and the password grant between them
        let mut browser = Browser::new(&world);
        let flow = browser.begin(&world.first, REDIRECT, &[]).await;
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        let wrong = enrolled.phone.wrong(world.now(), number);
        page(&browser.second(&flow, &wrong).await, 401);
        assert_eq!(browser.cookie("device"), None);
        let refused = world.password_grant("alice", PASSWORD).await;
        refused.oauth_error(400, "invalid_grant");
        // nor does a change of the password, which asks for a code
        let changed = world
            .replace_password("alice", PASSWORD, NEW_PASSWORD)
            .await;
        changed.invalid(&["body", "code"]);
        let counted = world.db.number(failures).await;
        assert_eq!(counted, i64::try_from(number).unwrap() + 1);
    }
    world
        .password_grant("alice", PASSWORD)
        .await
        .oauth_error(400, "invalid_grant");
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    page(
        &browser
            .second(&flow, &enrolled.phone.wrong(world.now(), 7))
            .await,
        401,
    );
    page(
        &browser.second(&flow, &world.code(&enrolled.phone)).await,
        429,
    );
}

async fn i081_a_locked_account_takes_no_code(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    page(
        &browser
            .second(&flow, &enrolled.phone.wrong(world.now(), 0))
            .await,
        401,
    );
    world
        .db
        .execute("UPDATE login_failures SET failures = 100")
        .await;
    for code in [&world.code(&enrolled.phone), &enrolled.recovery_codes[0]] {
        page(&browser.second(&flow, code).await, 401);
    }
    assert_eq!(world.db.count("recovery_codes").await, 10);
    world.clear_failures().await;
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
}
