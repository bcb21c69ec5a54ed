//! Mails to the owner of an account about their factors, and about sign-ins from elsewhere.

use serde_json::json;

use super::{REDIRECT, STEP, World, code_of, leads_to_page, page};
use crate::support::{
    Browser, Database, Fixture, MailServer, PASSWORD, ReceivedMail, TestApp, eventually, on_both,
};

on_both![
    i083_the_owner_hears_of_each_change_of_the_factors,
    i083_the_owner_hears_of_a_factor_that_an_administrator_removes,
    i081_the_owner_hears_of_ten_wrong_codes,
    a_sign_in_from_elsewhere_with_both_factors_is_told_to_the_owner,
    nobody_hears_at_an_address_that_is_not_verified,
];

const ADDRESS: &str = "alice@mail.example";

/// A world that sends mails, in which the address of alice is verified.
struct Noticed {
    world: World,
    server: MailServer,
}

impl std::ops::Deref for Noticed {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Fixture for Noticed {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let server = MailServer::start().await;
        let app = TestApp::configured(db, |builder| server.configure(builder)).await;
        let world = World::with(app).await;
        let noticed = Self { world, server };
        noticed.give_address("alice", ADDRESS, true).await;
        noticed
    }
}

impl Noticed {
    async fn give_address(&self, username: &str, address: &str, verified: bool) {
        let path = format!("/api/users/{}", self.id_of(username).await);
        let body = json!({ "email": address, "email_verified": verified });
        let admin = self.admin().await;
        self.patch(&path, admin, body).await.is(200);
    }

    /// Waits until all mails are sent, and returns them. A test that moves the clock before would make them due again.
    async fn all_mails(&self) -> Vec<ReceivedMail> {
        let waiting = "SELECT COUNT(*) FROM rolecall_mails WHERE failed_at IS NULL";
        eventually("the outbox is empty", async || {
            self.db.number(waiting).await == 0
        })
        .await;
        self.server.mails()
    }

    /// Waits for the mails, and returns their subjects.
    async fn subjects(&self) -> Vec<String> {
        let mails = self.all_mails().await;
        assert!(mails.iter().all(|mail| mail.to == [format!("<{ADDRESS}>")]));
        let mut subjects: Vec<String> = mails.iter().map(|mail| mail.header("subject")).collect();
        subjects.sort_unstable();
        subjects
    }
}

async fn i083_the_owner_hears_of_each_change_of_the_factors(site: Noticed) {
    let enrolled = site.enrol("alice").await;
    assert_eq!(site.subjects().await, ["A second factor was added"]);
    let token = site.token_with("alice", &enrolled.phone).await;
    let path = "/api/me/recovery-codes";
    let made = site.post(path, &token, json!({})).await;
    let codes = made.is(200).texts("recovery_codes");
    assert_eq!(
        site.subjects().await,
        ["A second factor was added", "New recovery codes"]
    );
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &codes[0]).await);
    site.all_mails().await;
    site.pass_time(STEP);
    let path = format!("/api/me/factors/{}", enrolled.id);
    site.delete(&path, &token).await.no_content();
    // what is gone already is no news
    let token = site.log_in("alice").await;
    site.delete(&path, &token).await.no_content();
    assert_eq!(
        site.subjects().await,
        [
            "A recovery code was used",
            "A second factor was added",
            "A second factor was removed",
            "New recovery codes"
        ]
    );
    let mails = site.server.mails();
    let secret = |mail: &ReceivedMail| codes.iter().any(|code| mail.raw.contains(code));
    assert!(!mails.iter().any(secret), "no code is ever in a mail");
}

async fn i083_the_owner_hears_of_a_factor_that_an_administrator_removes(site: Noticed) {
    let enrolled = site.enrol("alice").await;
    site.all_mails().await;
    let alice = site.id_of("alice").await;
    let path = format!("/api/users/{alice}/factors/{}", enrolled.id);
    let admin = site.admin().await;
    site.delete(&path, admin).await.no_content();
    assert_eq!(
        site.subjects().await,
        ["A second factor was added", "A second factor was removed"]
    );
}

async fn i081_the_owner_hears_of_ten_wrong_codes(site: Noticed) {
    let enrolled = site.enrol("alice").await;
    site.all_mails().await;
    for number in 0..10 {
        assert_eq!(site.subjects().await.len(), 1, "{number}");
        // each in a sign-in of its own, and without the delays
        let mut browser = Browser::new(&site);
        let flow = browser.begin(&site.first, REDIRECT, &[]).await;
        for table in ["login_failures", "known_failures"] {
            let waited = format!("UPDATE {table} SET last_failed_at = 0");
            site.db.execute(&waited).await;
        }
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        let wrong = enrolled.phone.wrong(site.now(), number);
        page(&browser.second(&flow, &wrong).await, 401);
    }
    assert_eq!(
        site.subjects().await,
        ["A second factor was added", "Many wrong codes"]
    );
}

async fn a_sign_in_from_elsewhere_with_both_factors_is_told_to_the_owner(site: Noticed) {
    let enrolled = site.enrol("alice").await;
    site.all_mails().await;
    let sign_in = async |address: &str, device: Option<String>, news: usize| {
        let mut browser = Browser::at(&site, address);
        if let Some(device) = device {
            browser.set_cookie("device", &device);
        }
        let before = site.all_mails().await.len();
        let flow = browser.begin(&site.first, REDIRECT, &[]).await;
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        assert_eq!(
            site.all_mails().await.len(),
            before,
            "by the password alone nobody is signed in"
        );
        code_of(&browser.second(&flow, &site.code(&enrolled.phone)).await);
        assert_eq!(site.all_mails().await.len(), before + news, "{address}");
        site.pass_time(STEP);
        browser.cookie("device").map(str::to_owned)
    };
    // the first address ever is no news
    let device = sign_in("198.51.100.7", None, 0).await;
    sign_in("198.51.100.7", None, 0).await;
    sign_in("203.0.113.9", device, 0).await;
    sign_in("192.0.2.44", None, 1).await;
    let mails = site.server.mails();
    assert_eq!(mails.last().unwrap().header("subject"), "A new sign-in");
    // by a recovery code it is told too
    let mut browser = Browser::at(&site, "192.0.2.200");
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &enrolled.recovery_codes[0]).await);
    let mut newest = site.all_mails().await.split_off(2);
    newest.sort_unstable_by_key(|mail| mail.header("subject"));
    let subjects: Vec<String> = newest.iter().map(|mail| mail.header("subject")).collect();
    assert_eq!(subjects, ["A new sign-in", "A recovery code was used"]);
}

async fn nobody_hears_at_an_address_that_is_not_verified(site: Noticed) {
    site.give_address("bob", "bob@mail.example", false).await;
    let enrolled = site.enrol("bob").await;
    let token = site.token_with("bob", &enrolled.phone).await;
    let path = format!("/api/me/factors/{}", enrolled.id);
    site.delete(&path, &token).await.no_content();
    assert_eq!(site.db.count("rolecall_mails").await, 0);
    assert!(site.server.mails().is_empty());
}
