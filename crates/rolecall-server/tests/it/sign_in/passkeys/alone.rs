//! Signing in with a passkey and nothing else.

use serde_json::json;

use super::{answer, asked, is_refused};
use crate::{
    sign_in::{REDIRECT, Site, code_of, has_ended, leads_to_page},
    support::{Browser, on_both},
};

on_both![
    m046_a_passkey_alone_is_two_factors_that_no_imitation_gets,
    i041_the_page_asks_for_a_passkey_whoever_has_one,
    i087_an_answer_counts_once_and_in_its_own_flow,
    i087_a_wrong_answer_spends_the_challenge,
    i087_of_two_answers_at_once_at_most_one_signs_in,
    i088_an_answer_of_another_site_is_refused,
    i089_a_passkey_that_checks_nobody_signs_nobody_in,
    i094_a_counter_that_goes_back_is_refused_unless_the_passkey_is_synced,
    y323_ten_wrong_answers_end_a_sign_in_and_nothing_else,
    a_disabled_user_gets_the_answer_of_a_wrong_passkey,
    y323_guessed_passwords_do_not_keep_a_passkey_out,
];

async fn m046_a_passkey_alone_is_two_factors_that_no_imitation_gets(site: Site) {
    let mut device = site.device_of("alice").await;
    let claims = site.sign_in_alone(&mut device).await;
    assert_eq!(claims["sub"], site.id_of("alice").await.as_str());
    assert_eq!(claims["amr"], json!(["hwk", "user", "mfa"]));
    assert_eq!(claims["acr"], "phr");
}

async fn i041_the_page_asks_for_a_passkey_whoever_has_one(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let before = asked(&mut browser, &flow).await;
    site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let hint = [("login_hint", "alice")];
    let flow = browser.begin(&site.first, REDIRECT, &hint).await;
    let mut after = asked(&mut browser, &flow).await;
    assert_ne!(before["challenge"], after["challenge"]);
    after["challenge"] = before["challenge"].clone();
    assert_eq!(before, after);
    assert_eq!(before["allowCredentials"], json!([]));
    assert_eq!(before["userVerification"], "required");
}

async fn i087_an_answer_counts_once_and_in_its_own_flow(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    // in another flow of the same browser
    let other = browser.begin(&site.first, REDIRECT, &[]).await;
    is_refused(&answer(&mut browser, &other, &credential).await);
    code_of(&answer(&mut browser, &flow, &credential).await);
    has_ended(&answer(&mut browser, &flow, &credential).await);
    let mut stranger = Browser::new(&site);
    let flow = stranger.begin(&site.first, REDIRECT, &[]).await;
    is_refused(&answer(&mut stranger, &flow, &credential).await);
}

async fn i087_a_wrong_answer_spends_the_challenge(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let first = asked(&mut browser, &flow).await;
    // a page that is only shown again spends nothing
    assert_eq!(asked(&mut browser, &flow).await, first);
    let credential = device.get(&first).unwrap();
    for wrong in [
        "",
        "{}",
        "null",
        &credential.replace("public-key", "public"),
    ] {
        is_refused(&answer(&mut browser, &flow, wrong).await);
    }
    is_refused(&answer(&mut browser, &flow, &credential).await);
    let next = asked(&mut browser, &flow).await;
    assert_ne!(next["challenge"], first["challenge"]);
    let credential = device.get(&next).unwrap();
    code_of(&answer(&mut browser, &flow, &credential).await);
}

async fn i087_of_two_answers_at_once_at_most_one_signs_in(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    let mut twin = Browser::new(&site);
    twin.set_cookie("flow", browser.cookie("flow").unwrap());
    let before = site.db.count("browser_sessions").await;
    let (one, two) = tokio::join!(
        answer(&mut browser, &flow, &credential),
        answer(&mut twin, &flow, &credential)
    );
    let signed_in = [&one, &two].map(|answer| {
        let location = answer.header("location").unwrap_or_default();
        location.starts_with(REDIRECT)
    });
    // each may spoil the other one's turn
    assert!(
        signed_in.iter().filter(|is| **is).count() <= 1,
        "{one:?} {two:?}"
    );
    assert!(site.db.count("browser_sessions").await <= before + 1);
}

async fn i088_an_answer_of_another_site_is_refused(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    for origin in [
        "http://127.0.0.1:8000",
        "https://localhost:8000",
        "http://localhost",
        "http://localhost:8001",
        "http://app.localhost:8000",
        "https://evil.example",
    ] {
        device.origin = origin.to_owned();
        let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
        is_refused(&answer(&mut browser, &flow, &credential).await);
    }
    super::ORIGIN.clone_into(&mut device.origin);
    let mut options = asked(&mut browser, &flow).await;
    options["rpId"] = json!("evil.example");
    let credential = device.get(&options).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
}

async fn i089_a_passkey_that_checks_nobody_signs_nobody_in(site: Site) {
    let mut device = site.device_of("alice").await;
    device.verifies_user = false;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
}

async fn i094_a_counter_that_goes_back_is_refused_unless_the_passkey_is_synced(site: Site) {
    let mut device = site.device_of("alice").await;
    device.counter = 100;
    site.sign_in_alone(&mut device).await;
    // a copy of the key, from before
    device.counter = 50;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
    let events = site.get("/api/audit?kind=event", site.admin().await);
    let events = events.await.is(200).json["items"].to_string();
    assert!(events.contains("passkey_went_back"), "{events}");
    device.counter = 101;
    site.sign_in_alone(&mut device).await;

    let mut synced = super::device();
    synced.is_synced = true;
    let mut browser = site.browser_of("bob").await;
    site.add_passkey(&mut browser, &mut synced).await.is(200);
    for _ in 0..2 {
        let claims = site.sign_in_alone(&mut synced).await;
        assert_eq!(claims["amr"], json!(["swk", "user", "mfa"]));
    }
}

async fn y323_ten_wrong_answers_end_a_sign_in_and_nothing_else(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    for _ in 0..9 {
        is_refused(&answer(&mut browser, &flow, "{}").await);
    }
    has_ended(&answer(&mut browser, &flow, "{}").await);
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
}

async fn a_disabled_user_gets_the_answer_of_a_wrong_passkey(site: Site) {
    let mut device = site.device_of("alice").await;
    let path = format!("/api/users/{}", site.id_of("alice").await);
    let disabled = json!({ "status": "disabled" });
    site.patch(path, site.admin().await, disabled).await.is(200);
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
}

async fn y323_guessed_passwords_do_not_keep_a_passkey_out(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut attacker = Browser::at(&site, "192.0.2.77");
    let flow = attacker.begin(&site.first, REDIRECT, &[]).await;
    for number in 0..12 {
        attacker
            .log_in(&flow, "alice", &super::super::guess(number))
            .await;
    }
    let claims = site.sign_in_alone(&mut device).await;
    assert_eq!(claims["acr"], "phr");
    // and the steps after it are those of any sign-in
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    leads_to_page(&answer(&mut browser, &flow, &credential).await, &flow);
    code_of(&browser.decide(&flow, "allow").await);
}
