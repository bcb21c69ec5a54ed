//! A passkey beside a link for a new password.

use rolecall_passkeys::testing::Authenticator;
use serde_json::{Value, json};

use super::options;
use crate::{
    sign_in::{Site, is_page},
    support::{
        Browser, Database, Fixture, MailServer, NEW_PASSWORD, PASSWORD, Response, TestApp, on_both,
    },
};

on_both![
    i050_a_passkey_does_beside_a_link,
    i087_y402_a_challenge_of_a_link_counts_for_one_try,
    i090_the_passkey_of_another_user_changes_no_password,
];

/// A site that sends mails, in which alice has a verified address and a passkey.
struct Mailed {
    site: Site,
    server: MailServer,
    device: Authenticator,
}

impl Fixture for Mailed {
    async fn on(db: Database) -> Self {
        let server = MailServer::start().await;
        let app = TestApp::configured(db, |builder| server.configure(builder)).await;
        let site = Site::with(app).await;
        // once the address is verified, the first factor needs a code by mail
        let device = site.device_of("alice").await;
        let path = format!("/api/users/{}", site.id_of("alice").await);
        let body = json!({ "email": "alice@mail.example", "email_verified": true });
        site.patch(&path, site.admin().await, body).await.is(200);
        Self {
            site,
            server,
            device,
        }
    }
}

impl Mailed {
    /// Asks for a link, the one before `count`.
    async fn link(&self, count: usize) -> String {
        let form = [("username", "alice")];
        let mut browser = Browser::new(&self.site);
        browser.submit("/reset", &form).await.is(303);
        self.server.count(count - 1).await[count - 2].token()
    }

    /// Opens the page of a link, and returns the options that it gives to the browser.
    async fn asked(&self, token: &str) -> Value {
        let mut browser = Browser::new(&self.site);
        let page = browser.open(&format!("/reset?token={token}")).await;
        let page = is_page(&page, 200);
        assert!(page.contains("name=\"code\"") && page.contains("name=\"new\""));
        options(&page, "data-get").unwrap()
    }

    async fn choose(&self, token: &str, credential: &str) -> Response {
        let form = [
            ("token", token),
            ("new", NEW_PASSWORD),
            ("again", NEW_PASSWORD),
            ("code", ""),
            ("credential", credential),
        ];
        let mut browser = Browser::new(&self.site);
        browser.submit("/reset/password", &form).await
    }

    async fn links(&self) -> i64 {
        self.site.db.count("rolecall_mail_tokens").await
    }
}

#[track_caller]
fn is_refused(response: &Response) {
    let page = is_page(response, 401);
    assert!(page.contains("The passkey was not accepted"), "{page}");
}

async fn i050_a_passkey_does_beside_a_link(mut mailed: Mailed) {
    let token = mailed.link(2).await;
    // beside the mail it need not check its user
    mailed.device.verifies_user = false;
    let asked = mailed.asked(&token).await;
    assert_eq!(asked["userVerification"], "discouraged");
    let credential = mailed.device.get(&asked).unwrap();
    let done = mailed.choose(&token, &credential).await;
    assert_eq!(done.is(303).header("location"), Some("/reset?done=1"));
    assert_eq!(done.header("set-cookie"), None, "nobody is signed in");
    assert_eq!(mailed.links().await, 0);
    let old = mailed.site.password_grant("alice", PASSWORD).await;
    old.is(401);
    let new = mailed.site.password_grant("alice", NEW_PASSWORD).await;
    let why = "Second factor required";
    assert_eq!(new.is(400).text("error_description"), why);
}

async fn i087_y402_a_challenge_of_a_link_counts_for_one_try(mut mailed: Mailed) {
    let token = mailed.link(2).await;
    let asked = mailed.asked(&token).await;
    let credential = mailed.device.get(&asked).unwrap();
    // a wrong answer spends the challenge, and not the link
    is_refused(&mailed.choose(&token, "{}").await);
    is_refused(&mailed.choose(&token, &credential).await);
    // nor does a challenge of another link count
    let token = mailed.link(3).await;
    let other = mailed.device.get(&asked).unwrap();
    is_refused(&mailed.choose(&token, &other).await);
    assert_eq!(mailed.links().await, 1);
    let old = mailed.site.password_grant("alice", PASSWORD).await;
    old.is(400);
    let asked = mailed.asked(&token).await;
    let credential = mailed.device.get(&asked).unwrap();
    mailed.choose(&token, &credential).await.is(303);
}

async fn i090_the_passkey_of_another_user_changes_no_password(mailed: Mailed) {
    let mut bobs = mailed.site.device_of("bob").await;
    let token = mailed.link(2).await;
    let mut asked = mailed.asked(&token).await;
    assert_eq!(bobs.get(&asked), None, "bob's passkey is not asked for");
    asked["allowCredentials"] = json!([]);
    let credential = bobs.get(&asked).unwrap();
    is_refused(&mailed.choose(&token, &credential).await);
    assert_eq!(mailed.links().await, 1);
}
