//! A passkey as the second factor, after a password.

use serde_json::json;

use super::{answer, asked, device, is_refused};
use crate::{
    sign_in::{REDIRECT, Site, code_of, is_page, leads_to_page},
    support::{Browser, PASSWORD, claims, on_both},
};

on_both![
    i089_beside_a_password_a_passkey_need_not_check_its_user,
    i090_the_passkey_of_another_user_is_refused,
    i090_a_passkey_alone_in_the_flow_of_another_signs_its_owner_in,
    i095_a_passkey_that_is_asked_for_is_no_code,
    a_passkey_is_due_after_the_password_alone,
];

async fn i089_beside_a_password_a_passkey_need_not_check_its_user(site: Site) {
    let mut device = site.device_of("alice").await;
    device.verifies_user = false;
    let mut browser = Browser::new(&site);
    let flow = site.begin_second(&mut browser, "alice").await;
    let options = asked(&mut browser, &flow).await;
    assert_eq!(options["userVerification"], "discouraged");
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    let credential = device.get(&options).unwrap();
    let code = code_of(&answer(&mut browser, &flow, &credential).await);
    let tokens = site.redeem_first(&code).await;
    let claims = claims(&tokens.is(200).text("id_token"));
    assert_eq!(claims["amr"], json!(["pwd", "hwk", "mfa"]));
    assert_eq!(claims["acr"], "phr");
}

async fn i090_the_passkey_of_another_user_is_refused(site: Site) {
    site.device_of("alice").await;
    let mut bobs = site.device_of("bob").await;
    let mut browser = Browser::new(&site);
    let flow = site.begin_second(&mut browser, "alice").await;
    let mut options = asked(&mut browser, &flow).await;
    assert_eq!(bobs.get(&options), None, "bob's passkey is not asked for");
    options["allowCredentials"] = json!([]);
    let credential = bobs.get(&options).unwrap();
    is_refused(&answer(&mut browser, &flow, &credential).await);
}

async fn i090_a_passkey_alone_in_the_flow_of_another_signs_its_owner_in(site: Site) {
    let mut bobs = site.device_of("bob").await;
    let mut browser = Browser::new(&site);
    let form = [("scope", "openid"), ("login_hint", "alice")];
    let flow = browser.begin(&site.first, REDIRECT, &form).await;
    let credential = bobs.get(&asked(&mut browser, &flow).await).unwrap();
    let code = code_of(&answer(&mut browser, &flow, &credential).await);
    let tokens = site.redeem_first(&code).await;
    let claims = claims(&tokens.is(200).text("id_token"));
    assert_eq!(claims["sub"], site.id_of("bob").await.as_str());
}

async fn i095_a_passkey_that_is_asked_for_is_no_code(site: Site) {
    let mut browser = site.browser_of("alice").await;
    let mut device = device();
    let added = site.add_passkey(&mut browser, &mut device).await;
    let page = is_page(&added, 200);
    let code = page.split_once("<li><code>").unwrap().1;
    let code = code.split_once("</code>").unwrap().0.to_owned();
    let claims = r#"{"id_token":{"acr":{"essential":true,"value":"phr"}}}"#;
    let asked_for = [("scope", "openid"), ("claims", claims)];
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &asked_for).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    // the recovery code is right, and is not what the client asks for
    let form = [("flow", flow.as_str()), ("code", &code), ("by", "recovery")];
    leads_to_page(&browser.submit("/login/second", &form).await, &flow);
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    code_of(&answer(&mut browser, &flow, &credential).await);
}

async fn a_passkey_is_due_after_the_password_alone(site: Site) {
    let mut device = site.device_of("alice").await;
    let mut browser = Browser::new(&site);
    let flow = site.begin_second(&mut browser, "alice").await;
    // what was asked for on the first page is not what is asked for now
    let options = asked(&mut browser, &flow).await;
    for path in ["/login/continue", "/consent"] {
        let form = [("flow", flow.as_str()), ("decision", "allow")];
        leads_to_page(&browser.submit(path, &form).await, &flow);
    }
    let credential = device.get(&options).unwrap();
    code_of(&answer(&mut browser, &flow, &credential).await);
    site.password_grant("alice", PASSWORD)
        .await
        .oauth_error(400, "invalid_grant");
}
