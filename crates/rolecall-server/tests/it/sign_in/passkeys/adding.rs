//! Adding passkeys to an account.

use std::time::Duration;

use rolecall_passkeys::testing::{
    Algorithm, Flags, Key, attestation_object, attested, authenticator_data, client_data,
    registration,
};
use serde_json::{Value, json};

use super::{ORIGIN, device};
use crate::{
    sign_in::{REDIRECT, Site, has_ended, is_page},
    support::{Browser, on_both},
};

on_both![
    i087_an_enrolment_has_one_try,
    i091_the_id_of_the_passkey_of_another_user_is_refused,
    i092_a_passkey_is_added_in_a_fresh_session_alone,
    i092_an_enrolment_is_worth_nothing_to_another_user,
    y320_an_account_has_twenty_factors,
    y324_an_enrolment_of_one_kind_is_not_confirmed_as_another,
    a_passkey_is_added_by_the_api,
    a_handle_is_random_and_stays,
    a_device_is_not_asked_twice,
];

/// Expects the page of the factors with this text.
#[track_caller]
fn is_refused(response: &crate::support::Response, text: &str) {
    let page = is_page(response, response.status.as_u16());
    assert!(response.status.is_client_error());
    assert!(page.contains(text), "{page}");
}

async fn i087_an_enrolment_has_one_try(site: Site) {
    let mut browser = site.browser_of("alice").await;
    let mut device = device();
    let (factor, options) = site.begin_passkey(&mut browser, "Key").await;
    let made = device.create(&options).unwrap();
    let mut other = options.clone();
    other["challenge"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let wrong = super::device().create(&other).unwrap();
    let refused = site.confirm_passkey(&mut browser, &factor, &wrong).await;
    is_refused(&refused, "The passkey was not accepted");
    // the right answer comes too late
    let refused = site.confirm_passkey(&mut browser, &factor, &made).await;
    is_refused(&refused, "That took too long");
    site.add_passkey(&mut browser, &mut device).await.is(200);
}

async fn i091_the_id_of_the_passkey_of_another_user_is_refused(site: Site) {
    let id = [7; 32];
    let made = |options: &Value| {
        let challenge = options["challenge"].as_str().unwrap();
        let key = Key::generate(Algorithm::EdDsa).unwrap();
        let flags = Flags::USER_PRESENT | Flags::USER_VERIFIED | Flags::ATTESTED;
        let attested = attested(&id, &key.to_cose());
        let data = authenticator_data("localhost", flags, 1, &attested);
        let client_data = client_data("webauthn.create", challenge, ORIGIN);
        registration(&id, &client_data, &attestation_object(&data))
    };
    let mut alice = site.browser_of("alice").await;
    let (factor, options) = site.begin_passkey(&mut alice, "").await;
    let answer = made(&options);
    let added = site.confirm_passkey(&mut alice, &factor, &answer);
    added.await.is(200);
    let mut bob = site.browser_of("bob").await;
    let (factor, options) = site.begin_passkey(&mut bob, "").await;
    let answer = made(&options);
    let refused = site.confirm_passkey(&mut bob, &factor, &answer);
    is_refused(&refused.await, "The passkey was not accepted");
    let page = is_page(&bob.open("/account/factors").await, 200);
    assert!(!page.contains("name=\"factor\""), "{page}");
}

async fn i092_a_passkey_is_added_in_a_fresh_session_alone(site: Site) {
    let mut browser = site.browser_of("alice").await;
    let mut device = device();
    let (factor, options) = site.begin_passkey(&mut browser, "").await;
    let made = device.create(&options).unwrap();
    site.pass_time(Duration::from_mins(6));
    let leads_to_sign_in = |response: &crate::support::Response| {
        let location = response.is(303).header("location").unwrap().to_owned();
        assert!(location.starts_with("/login?flow="), "{location}");
    };
    let form = [("name", "")];
    leads_to_sign_in(&browser.submit("/account/factors/passkey", &form).await);
    leads_to_sign_in(&site.confirm_passkey(&mut browser, &factor, &made).await);
    // nobody is signed in
    let mut stranger = Browser::new(&site);
    leads_to_sign_in(&stranger.submit("/account/factors/passkey", &form).await);
    leads_to_sign_in(&site.confirm_passkey(&mut stranger, &factor, &made).await);
    let flow = stranger.begin(&site.first, REDIRECT, &[]).await;
    let form = [("flow", flow.as_str()), ("credential", &made)];
    let next = stranger.submit("/login/enrol/passkey", &form).await;
    crate::sign_in::leads_to_page(&next, &flow);
    let form = [("flow", "none"), ("credential", &made)];
    has_ended(&stranger.submit("/login/enrol/passkey", &form).await);
}

async fn i092_an_enrolment_is_worth_nothing_to_another_user(site: Site) {
    let mut alice = site.browser_of("alice").await;
    let mut bob = site.browser_of("bob").await;
    let (factor, options) = site.begin_passkey(&mut alice, "").await;
    let made = device().create(&options).unwrap();
    let refused = site.confirm_passkey(&mut bob, &factor, &made).await;
    is_refused(&refused, "That took too long");
    site.confirm_passkey(&mut alice, &factor, &made)
        .await
        .is(200);
}

async fn y320_an_account_has_twenty_factors(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    // each needs a session with the first one
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let options = super::asked(&mut browser, &flow).await;
    let credential = device.get(&options).unwrap();
    super::answer(&mut browser, &flow, &credential)
        .await
        .is(303);
    for _ in 1..20 {
        let mut next = super::device();
        site.add_passkey(&mut browser, &mut next).await.is(303);
    }
    let form = [("name", "")];
    let refused = browser.submit("/account/factors/passkey", &form).await;
    is_refused(&refused, "as many factors as are allowed");
}

async fn y324_an_enrolment_of_one_kind_is_not_confirmed_as_another(site: Site) {
    let token = site.log_in("alice").await;
    let begun = site
        .post("/api/me/factors/passkey", &token, json!({}))
        .await;
    let passkey = begun.is(201).text("id");
    let path = format!("/api/me/factors/{passkey}/confirm");
    let code = json!({ "code": "000000" });
    site.post(path, &token, code).await.is(404);
    let begun = site.post("/api/me/factors/totp", &token, json!({})).await;
    let made = device()
        .create(&begun_options(&site, &token).await)
        .unwrap();
    let made: Value = serde_json::from_str(&made).unwrap();
    let answer = json!({ "id": begun.is(201).text("id"), "credential": made });
    let path = "/api/me/factors/passkey/confirm";
    site.post(path, &token, answer).await.is(404);
    let listed = site.get("/api/me/factors", &token).await;
    assert_eq!(listed.is(200).json["factors"], json!([]));
}

async fn begun_options(site: &Site, token: &str) -> Value {
    let begun = site.post("/api/me/factors/passkey", token, json!({})).await;
    begun.is(201).json["options"].clone()
}

async fn a_passkey_is_added_by_the_api(site: Site) {
    let token = site.log_in("alice").await;
    let path = "/api/me/factors/passkey";
    let begun = site.post(path, &token, json!({ "name": "Key" })).await;
    assert_eq!(begun.is(201).header("cache-control"), Some("no-store"));
    let mut device = device();
    let made = device.create(&begun.json["options"]).unwrap();
    let made: Value = serde_json::from_str(&made).unwrap();
    let answer = json!({ "id": begun.text("id"), "credential": made });
    let path = "/api/me/factors/passkey/confirm";
    let confirmed = site.post(path, &token, answer.clone()).await;
    assert_eq!(confirmed.is(200).texts("recovery_codes").len(), 10);
    // the account has a factor now, which this session has not proven
    let refused = site.post(path, &token, answer).await;
    let challenge = refused.is(401).header("www-authenticate").unwrap();
    assert!(challenge.contains("acr_values=\"aal2\""), "{challenge}");
    let listed = site.get("/api/me/factors", &token).await;
    assert_eq!(listed.is(200).json["factors"][0]["kind"], "passkey");
    assert_eq!(listed.json["factors"][0]["name"], "Key");
    let claims = site.sign_in_alone(&mut device).await;
    assert_eq!(claims["acr"], "phr");
}

async fn a_handle_is_random_and_stays(site: Site) {
    let mut browser = site.browser_of("alice").await;
    let (_, first) = site.begin_passkey(&mut browser, "").await;
    let (_, second) = site.begin_passkey(&mut browser, "").await;
    assert_eq!(first["user"], second["user"]);
    assert_ne!(first["challenge"], second["challenge"]);
    let mut browser = site.browser_of("bob").await;
    let (_, other) = site.begin_passkey(&mut browser, "").await;
    assert_ne!(first["user"]["id"], other["user"]["id"]);
    assert_eq!(other["user"]["name"], "bob");
    let id = site.id_of("bob").await;
    assert!(!other.to_string().contains(&id));
}

async fn a_device_is_not_asked_twice(site: Site) {
    let mut browser = site.browser_of("alice").await;
    let mut device = device();
    let (factor, options) = site.begin_passkey(&mut browser, "").await;
    let (other, same) = site.begin_passkey(&mut browser, "").await;
    let made = device.create(&options).unwrap();
    let again = device.create(&same).unwrap();
    site.confirm_passkey(&mut browser, &factor, &made)
        .await
        .is(200);
    // the account has a factor now, which this session has not proven
    let next = site.confirm_passkey(&mut browser, &other, &again).await;
    next.is(303);
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&super::asked(&mut browser, &flow).await);
    // the second passkey of the device is none of the account's
    super::is_refused(&super::answer(&mut browser, &flow, &credential.unwrap()).await);
}
