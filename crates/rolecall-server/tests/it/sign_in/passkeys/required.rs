//! Adding a passkey during a sign-in that nothing else is enough for.

use serde_json::{Value, json};

use super::{answer, asked, device, options};
use crate::{
    sign_in::{REDIRECT, Site, code_of, is_page, leads_to_page},
    support::{Browser, PASSWORD, Phone, Response, SignInAnswer, claims, on_both},
};

on_both![
    m045_an_essential_phr_adds_a_passkey,
    i082_an_account_with_a_factor_adds_a_passkey_only_with_it,
    i087_a_passkey_of_a_sign_in_is_made_in_one_try,
];

const ESSENTIAL: &str = r#"{"id_token":{"acr":{"essential":true,"value":"phr"}}}"#;

impl Site {
    /// Begins a sign-in that needs a passkey, and submits the password.
    async fn begin_phr(&self, browser: &mut Browser<'_>, username: &str) -> String {
        let more = [("scope", "openid"), ("claims", ESSENTIAL)];
        let flow = browser.begin(&self.first, REDIRECT, &more).await;
        leads_to_page(&browser.log_in(&flow, username, PASSWORD).await, &flow);
        flow
    }
}

/// Opens the page that asks for a passkey and for nothing else, and returns the options to make one.
async fn to_make(browser: &mut Browser<'_>, flow: &str) -> Value {
    let page = browser.open(&format!("/login?flow={flow}")).await;
    let page = is_page(&page, 200);
    assert!(page.contains("Add a passkey"), "{page}");
    assert!(!page.contains("name=\"code\"") && !page.contains("otpauth"));
    options(&page, "data-create").unwrap()
}

async fn made(browser: &mut Browser<'_>, flow: &str, credential: &str) -> Response {
    let form = [("flow", flow), ("credential", credential)];
    browser.submit("/login/enrol/passkey", &form).await
}

async fn m045_an_essential_phr_adds_a_passkey(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = site.begin_phr(&mut browser, "alice").await;
    // without a page, nobody is asked
    let more = [
        ("scope", "openid"),
        ("claims", ESSENTIAL),
        ("prompt", "none"),
    ];
    let silent = browser.authorize(&site.first, REDIRECT, &more).await;
    let silent = SignInAnswer::of(&silent, REDIRECT).unwrap();
    assert_eq!(silent.error(), "login_required");
    let mut device = device();
    let options = to_make(&mut browser, &flow).await;
    // a code of an application is not what is due
    let form = [("flow", flow.as_str()), ("code", "123456")];
    leads_to_page(&browser.submit("/login/enrol", &form).await, &flow);
    let credential = device.create(&options).unwrap();
    let codes = made(&mut browser, &flow, &credential).await;
    assert!(is_page(&codes, 200).contains("<li><code>"));
    assert_eq!(browser.cookie("session"), None, "it proves nobody yet");
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    let code = code_of(&answer(&mut browser, &flow, &credential).await);
    let tokens = site.redeem_first(&code).await;
    let found = claims(&tokens.is(200).text("id_token"));
    assert_eq!(found["acr"], "phr");
    // the next one uses it
    let mut browser = Browser::new(&site);
    let flow = site.begin_phr(&mut browser, "alice").await;
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    code_of(&answer(&mut browser, &flow, &credential).await);
}

async fn i082_an_account_with_a_factor_adds_a_passkey_only_with_it(site: Site) {
    let token = site.log_in("alice").await;
    let begun = site
        .post("/api/me/factors/totp", &token, json!({ "name": "Phone" }))
        .await;
    let phone = Phone::with(&begun.is(201).text("secret"));
    let path = format!("/api/me/factors/{}/confirm", begun.text("id"));
    let now = || rolecall::Clock::now(&site.clock);
    let body = json!({ "code": phone.code(now()) });
    let codes = site.post(path, &token, body).await;
    let codes = codes.is(200).texts("recovery_codes");
    let mut browser = Browser::new(&site);
    let flow = site.begin_phr(&mut browser, "alice").await;
    let page = browser.open(&format!("/login?flow={flow}")).await;
    assert!(is_page(&page, 200).contains("name=\"code\""));
    // not by the password alone
    leads_to_page(&made(&mut browser, &flow, "{}").await, &flow);
    let form = [("flow", flow.as_str()), ("code", &codes[0])];
    leads_to_page(&browser.submit("/login/second", &form).await, &flow);
    let mut device = device();
    let options = to_make(&mut browser, &flow).await;
    let credential = device.create(&options).unwrap();
    // it has its recovery codes already
    leads_to_page(&made(&mut browser, &flow, &credential).await, &flow);
    assert_eq!(site.db.count("recovery_codes").await, 9);
    let credential = device.get(&asked(&mut browser, &flow).await).unwrap();
    code_of(&answer(&mut browser, &flow, &credential).await);
}

async fn i087_a_passkey_of_a_sign_in_is_made_in_one_try(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = site.begin_phr(&mut browser, "alice").await;
    let mut device = device();
    let options = to_make(&mut browser, &flow).await;
    let credential = device.create(&options).unwrap();
    is_page(&made(&mut browser, &flow, "{}").await, 401);
    is_page(&made(&mut browser, &flow, &credential).await, 401);
    let count = "SELECT COUNT(*) FROM factors WHERE confirmed";
    assert_eq!(site.db.number(count).await, 0);
}
