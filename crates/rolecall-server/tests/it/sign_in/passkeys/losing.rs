//! Removing passkeys, and servers whose passkeys are lost.

use serde_json::json;

use super::{answer, asked, device, field, is_refused};
use crate::{
    sign_in::{REDIRECT, Site, code_of, is_page},
    support::{Browser, on_both},
};

on_both![
    a_removed_passkey_signs_nobody_in_and_its_sessions_end,
    a_passkey_is_removed_after_a_proof_with_one,
    y321_a_passkey_of_another_host_is_not_asked_for,
];

async fn a_removed_passkey_signs_nobody_in_and_its_sessions_end(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let flow = browser
        .begin(&site.first, REDIRECT, &[("scope", "openid")])
        .await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    let code = code_of(&answer(&mut browser, &flow, &credential).await);
    let token = site.redeem_first(&code).await.text("access_token");
    site.get("/api/me", &token).await.is(200);
    // a sign-in that waits for its next step
    let mut waiting = Browser::new(&site);
    let waiting_flow = waiting.begin(&site.other, REDIRECT, &[]).await;
    let options = asked(&mut waiting, &waiting_flow).await;
    let credential = device.get(&options).unwrap();
    answer(&mut waiting, &waiting_flow, &credential)
        .await
        .is(303);
    let page = is_page(&browser.open("/account/factors").await, 200);
    let factor = field(&page, "factor");
    let form = [("factor", factor.as_str())];
    browser
        .submit("/account/factors/remove", &form)
        .await
        .is(303);
    site.get("/api/me", &token).await.is(401);
    assert!(!site.is_signed_in(&mut browser).await);
    let next = waiting.decide(&waiting_flow, "allow").await;
    assert!(
        next.header("location")
            .is_none_or(|place| !place.contains("code="))
    );
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
}

async fn a_passkey_is_removed_after_a_proof_with_one(site: Site) {
    let token = site.log_in("alice").await;
    let mut browser = site.browser_of("alice").await;
    let mut device = device();
    site.add_passkey(&mut browser, &mut device).await.is(200);
    let listed = site.get("/api/me/factors", &token).await;
    let factor = listed.is(200).json["factors"][0]["id"].clone();
    let factor = factor.as_str().unwrap().to_owned();
    let form = [("factor", factor.as_str())];
    // the password alone is not enough
    let next = browser.submit("/account/factors/remove", &form).await;
    let location = next.is(303).header("location").unwrap();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    let back = answer(&mut browser, &flow, &credential).await;
    assert!(
        back.is(303)
            .header("location")
            .unwrap()
            .starts_with("/account/factors")
    );
    browser
        .submit("/account/factors/remove", &form)
        .await
        .is(303);
    // the sign-in that removed it has ended with it, and the password alone is enough again
    assert!(!site.is_signed_in(&mut browser).await);
    let token = site.log_in("alice").await;
    let listed = site.get("/api/me/factors", &token).await;
    assert_eq!(listed.is(200).json["factors"], json!([]));
}

async fn y321_a_passkey_of_another_host_is_not_asked_for(site: Site) {
    let mut device = site.device_of("alice").await;
    let url = "https://login.example.com";
    let moved = site.app.node(|builder| builder.public_url(url)).await;
    let mut browser = Browser::new(&moved);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let mut options = asked(&mut browser, &flow).await;
    assert_eq!(options["rpId"], "login.example.com");
    options["rpId"] = json!("localhost");
    let credential = device.get(&options).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
    // beside a password, the account still needs its factor: a recovery code
    let next = browser
        .log_in(&flow, "alice", crate::support::PASSWORD)
        .await;
    next.is(303);
    let page = browser.open(&format!("/login?flow={flow}")).await;
    let page = is_page(&page, 200);
    assert!(!page.contains("data-get"), "{page}");
    assert!(
        page.contains("by=recovery") || page.contains("recovery"),
        "{page}"
    );
}
