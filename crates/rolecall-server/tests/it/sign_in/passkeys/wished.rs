//! A passkey that somebody was about to add when a sign-in came between.

use serde_json::json;

use super::{device, options};
use crate::{
    sign_in::{Site, is_page},
    support::{Browser, Database, Fixture, MailServer, Phone, TestApp, on_both},
};

on_both![
    a_passkey_that_was_to_be_added_is_preselected_with_its_name,
    a_name_for_a_passkey_is_none_for_an_application,
];

/// A site that sends mails, in which bob has a verified address and no factor.
struct Mailed {
    site: Site,
    server: MailServer,
}

impl Fixture for Mailed {
    async fn on(db: Database) -> Self {
        let server = MailServer::start().await;
        let app = TestApp::configured(db, |builder| server.configure(builder)).await;
        let site = Site::with(app).await;
        let path = format!("/api/users/{}", site.id_of("bob").await);
        let body = json!({ "email": "bob@mail.example", "email_verified": true });
        site.patch(&path, site.admin().await, body).await.is(200);
        Self { site, server }
    }
}

impl Mailed {
    /// Begins to add a passkey at the page of bob, and goes through the sign-in until a factor is due; returns the flow and
    /// its page.
    async fn begin(&self, browser: &mut Browser<'_>, name: &str) -> (String, String) {
        let form = [("name", name)];
        let led = browser.submit("/account/factors/passkey", &form).await;
        let location = led.is(303).header("location").unwrap().to_owned();
        let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
        let form = [("flow", flow.as_str())];
        browser.submit("/login/verify/send", &form).await.is(303);
        let mail = self.server.count(1).await.remove(0);
        let text = mail.text();
        let mut words = text.split(|c: char| !c.is_ascii_digit());
        let code = words.find(|word| word.len() == 8).unwrap();
        let form = [("flow", flow.as_str()), ("code", code)];
        browser.submit("/login/verify", &form).await.is(303);
        let page = is_page(&browser.open(&location).await, 200);
        (flow, page)
    }

    async fn names(&self) -> Vec<String> {
        let sql = "SELECT name FROM factors WHERE confirmed";
        self.site.db.texts(sql).await
    }
}

async fn a_passkey_that_was_to_be_added_is_preselected_with_its_name(mailed: Mailed) {
    let mut browser = mailed.site.browser_of("bob").await;
    let (flow, page) = mailed.begin(&mut browser, " Key ").await;
    let named = "The passkey will be named \u{201c}Key\u{201d}.";
    assert!(page.contains(named), "{page}");
    assert!(page.contains("<h1>Add a passkey</h1>"), "{page}");
    // an application can be added all the same
    assert!(page.contains("action=\"/login/enrol\""), "{page}");
    let made = device()
        .create(&options(&page, "data-create").unwrap())
        .unwrap();
    let form = [("flow", flow.as_str()), ("credential", made.as_str())];
    let added = browser.submit("/login/enrol/passkey", &form).await;
    is_page(&added, 200);
    assert_eq!(mailed.names().await, ["Key"]);
}

async fn a_name_for_a_passkey_is_none_for_an_application(mailed: Mailed) {
    let mut browser = mailed.site.browser_of("bob").await;
    let (flow, page) = mailed.begin(&mut browser, "Key").await;
    let secret = page.split_once("<code>").unwrap().1;
    let phone = Phone::with(secret.split_once("</code>").unwrap().0);
    let code = phone.code(rolecall::Clock::now(&mailed.site.clock));
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    is_page(&browser.submit("/login/enrol", &form).await, 200);
    assert_eq!(mailed.names().await, ["Authenticator"]);
}
