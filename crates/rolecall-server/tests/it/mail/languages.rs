//! The languages of mails that nobody asks for on a page: those of the users.

use http::Method;
use serde_json::{Value, json};

use super::{Mailing, shows};
use crate::support::{Browser, PASSWORD, on_both};

on_both![
    mails_to_a_user_are_in_the_language_of_the_last_sign_in,
    an_invitation_is_in_the_language_that_the_inviter_s_program_asks_for,
    whoever_accepts_an_invitation_gets_mails_in_the_language_of_its_page,
];

const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "203.0.113.9";
const GUEST: &str = "guest@mail.example";

impl Mailing {
    /// Signs in to the page of the account with a browser that has not been used before.
    async fn sign_in(&self, browser: Browser<'_>, password: &str) -> u16 {
        let mut browser = browser;
        let begun = browser.open("/account").await;
        let location = begun.is(303).header("location").unwrap().to_owned();
        let flow = location.strip_prefix("/login?flow=").unwrap();
        let answer = browser.log_in(flow, "alice", password).await;
        answer.status.as_u16()
    }

    async fn languages(&self) -> Vec<String> {
        let sql = "SELECT language FROM users WHERE language IS NOT NULL ORDER BY username";
        self.db.texts(sql).await
    }

    async fn reset(&self) {
        let path = format!("/api/users/{}/reset", self.alice);
        let request = self.request(Method::POST, &path).token(self.admin().await);
        request.send().await.is(200);
    }

    async fn exported_language(&self, token: &str) -> Value {
        let export = self.get("/api/me/export", token).await;
        export.is(200).json["language"].clone()
    }
}

async fn mails_to_a_user_are_in_the_language_of_the_last_sign_in(site: Mailing) {
    let token = site.log_in("alice").await;
    assert_eq!(site.exported_language(&token).await, Value::Null);
    let german = || Browser::at(&site, HOME).preferring("de-AT,en;q=0.5");
    assert_eq!(site.sign_in(german(), PASSWORD).await, 303);
    assert_eq!(site.languages().await, ["de"]);
    assert_eq!(site.exported_language(&token).await, "de");
    // somebody else who does not sign in changes nothing
    let english = || Browser::at(&site, ELSEWHERE).preferring("en");
    assert_eq!(site.sign_in(english(), "a wrong password").await, 401);
    assert_eq!(site.languages().await, ["de"]);
    // and whoever signs in from elsewhere does not choose the language of the notice of that
    assert_eq!(site.sign_in(english(), PASSWORD).await, 303);
    let notice = site.server.count(1).await.remove(0).text();
    assert!(notice.contains("Guten Tag alice"), "{notice}");
    assert_eq!(site.languages().await, ["en"]);
    assert_eq!(site.sign_in(german(), PASSWORD).await, 303);
    site.reset().await;
    let link = site.server.count(2).await.remove(1).text();
    assert!(link.contains("Guten Tag alice"), "{link}");
    // without a sign-in on the pages, the language is the default
    site.db.execute("UPDATE users SET language = NULL").await;
    site.reset().await;
    let link = site.server.count(3).await.remove(2).text();
    assert!(link.contains("Hello alice"), "{link}");
}

async fn an_invitation_is_in_the_language_that_the_inviter_s_program_asks_for(site: Mailing) {
    for (count, (accepted, subject)) in [
        ("de, en;q=0.5", "Sie sind eingeladen"),
        ("en, de;q=0.5", "You are invited"),
        ("*", "You are invited"),
    ]
    .into_iter()
    .enumerate()
    {
        let request = site.request(Method::POST, "/api/invitations");
        let request = request.token(site.admin().await);
        let request = request.header("accept-language", accepted);
        let invited = request.json(&json!({ "email": GUEST })).send().await;
        invited.is(201);
        let mail = site.server.count(count + 1).await.remove(count);
        assert_eq!(mail.header("subject"), subject, "{accepted}");
    }
    let body = json!({ "email": "other@mail.example" });
    let invited = site.post("/api/invitations", site.admin().await, body);
    invited.await.is(201);
    let mail = site.server.count(4).await.remove(3);
    assert_eq!(mail.header("subject"), "You are invited");
}

async fn whoever_accepts_an_invitation_gets_mails_in_the_language_of_its_page(site: Mailing) {
    let body = json!({ "email": GUEST });
    let invited = site.post("/api/invitations", site.admin().await, body);
    invited.await.is(201);
    let token = site.server.count(1).await.remove(0).token();
    let form = |name| {
        [
            ("token", token.as_str()),
            ("username", name),
            ("new", PASSWORD),
            ("again", PASSWORD),
        ]
    };
    let mut browser = Browser::new(&site).preferring("de");
    let refused = browser.submit("/invite", &form("alice")).await;
    shows(&refused, 409, "Dieser Benutzername ist vergeben");
    assert!(site.languages().await.is_empty());
    browser.submit("/invite", &form("guest")).await.is(303);
    assert_eq!(site.languages().await, ["de"]);
    // the notice of a new password
    let body =
        json!({ "current_password": PASSWORD, "new_password": "another horse battery staple" });
    let guest = site.log_in("guest").await;
    let request = site.request(Method::PUT, "/api/me/password").token(&guest);
    request.json(&body).send().await;
    let notice = site.server.count(2).await.remove(1).text();
    assert!(notice.contains("Guten Tag guest"), "{notice}");
}
