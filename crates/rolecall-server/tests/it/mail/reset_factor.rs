//! A new password by a link, for an account with a second factor.

use std::time::Duration;

use http::Method;
use rolecall::Clock as _;
use serde_json::json;

use super::{BY_CODE, Mailing, shows};
use crate::support::{Browser, NEW_PASSWORD, PASSWORD, Phone, Response, on_both};

on_both![
    i050_a_link_asks_for_the_second_factor_and_a_wrong_code_spends_nothing,
    i050_a_recovery_code_does_where_the_factor_is_lost,
    i050_a_factor_that_is_added_after_the_link_is_asked_for,
    i050_the_link_of_an_administrator_asks_for_it_too,
    i081_y401_guesses_with_a_link_have_the_limits_of_a_sign_in,
    i052_of_two_with_one_code_one_changes_the_password,
];

const STEP: Duration = Duration::from_secs(30);

/// What alice has after she added an application.
pub(super) struct Enrolled {
    phone: Phone,
    pub(super) recovery_codes: Vec<String>,
}

impl Mailing {
    /// Adds an application to the account of alice; one mail has come then, and the next code is due.
    pub(super) async fn enrol(&self) -> Enrolled {
        let token = self.log_in("alice").await;
        self.db.execute(BY_CODE).await;
        let body = json!({ "name": "Phone" });
        let begun = self.post("/api/me/factors/totp", &token, body).await;
        let phone = Phone::with(&begun.is(201).text("secret"));
        let path = format!("/api/me/factors/{}/confirm", begun.text("id"));
        let body = json!({ "code": self.code(&phone) });
        let confirmed = self.post(path, &token, body).await;
        self.all_done().await;
        self.pass_time(STEP);
        Enrolled {
            phone,
            recovery_codes: confirmed.is(200).texts("recovery_codes"),
        }
    }

    fn code(&self, phone: &Phone) -> String {
        phone.code(self.clock.now())
    }

    /// Chooses a password with a link and a code.
    async fn choose_with(&self, token: &str, password: &str, code: &str) -> Response {
        let form = [
            ("token", token),
            ("new", password),
            ("again", password),
            ("code", code),
        ];
        Browser::new(&self.app)
            .submit("/reset/password", &form)
            .await
    }

    /// Expects that the password is still the one before.
    async fn is_unchanged(&self) {
        let refused = self.password_grant("alice", PASSWORD).await;
        refused.oauth_error(400, "invalid_grant");
        let why = "Second factor required";
        assert_eq!(refused.text("error_description"), why);
    }
}

async fn i050_a_link_asks_for_the_second_factor_and_a_wrong_code_spends_nothing(site: Mailing) {
    let enrolled = site.enrol().await;
    let token = site.link(2).await;
    let mut browser = Browser::new(&site);
    let page = browser.open(&format!("/reset?token={token}")).await;
    shows(&page, 200, "name=\"code\"");
    let right = site.code(&enrolled.phone);
    for missing in ["", " "] {
        let page = site.choose_with(&token, NEW_PASSWORD, missing).await;
        assert!([401, 422].contains(&page.status.as_u16()), "{page:?}");
    }
    shows(
        &site.choose(&token, NEW_PASSWORD).await,
        422,
        "Your account has a second factor",
    );
    let wrong = enrolled.phone.wrong(site.clock.now(), 0);
    let page = site.choose_with(&token, NEW_PASSWORD, &wrong).await;
    shows(&page, 401, "role=\"alert\"");
    site.is_unchanged().await;
    // a password that is refused uses up neither
    let page = site.choose_with(&token, "short", &right).await;
    shows(&page, 422, "role=\"alert\"");
    assert_eq!(site.links().await, 1);
    let done = site.choose_with(&token, NEW_PASSWORD, &right).await;
    assert_eq!(done.is(303).header("location"), Some("/reset?done=1"));
    assert_eq!(done.header("set-cookie"), None, "nobody is signed in");
    assert_eq!(site.links().await, 0);
    site.password_grant("alice", PASSWORD).await.is(401);
    let refused = site.password_grant("alice", NEW_PASSWORD).await;
    let why = "Second factor required";
    assert_eq!(refused.is(400).text("error_description"), why);
    // the factor stays, and its code was used up
    assert_eq!(site.db.count("factors").await, 1);
    site.all_done().await;
    let token = site.link(4).await;
    let page = site.choose_with(&token, PASSWORD, &right).await;
    shows(&page, 401, "role=\"alert\"");
}

async fn i050_a_recovery_code_does_where_the_factor_is_lost(site: Mailing) {
    let enrolled = site.enrol().await;
    let code = &enrolled.recovery_codes[3];
    let token = site.link(2).await;
    site.choose_with(&token, NEW_PASSWORD, code).await.is(303);
    assert_eq!(site.db.count("recovery_codes").await, 9);
    site.all_done().await;
    let mut subjects: Vec<String> = site
        .server
        .mails()
        .split_off(2)
        .iter()
        .map(|mail| mail.header("subject"))
        .collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        ["A recovery code was used", "Your password was changed"]
    );
    // once
    let token = site.link(5).await;
    let page = site.choose_with(&token, PASSWORD, code).await;
    shows(&page, 401, "role=\"alert\"");
}

async fn i050_a_factor_that_is_added_after_the_link_is_asked_for(site: Mailing) {
    let token = site.link(1).await;
    let enrolled = site.enrol().await;
    shows(
        &site.choose(&token, NEW_PASSWORD).await,
        422,
        "Your account has a second factor",
    );
    site.is_unchanged().await;
    let code = site.code(&enrolled.phone);
    site.choose_with(&token, NEW_PASSWORD, &code).await.is(303);
}

async fn i050_the_link_of_an_administrator_asks_for_it_too(site: Mailing) {
    let enrolled = site.enrol().await;
    let path = format!("/api/users/{}/reset", site.alice);
    let admin = site.admin().await;
    let reset = site.request(Method::POST, &path).token(admin).send();
    assert_eq!(reset.await.is(200).json["mailed"], true);
    let token = site.server.count(2).await.remove(1).token();
    shows(
        &site.choose(&token, NEW_PASSWORD).await,
        422,
        "Your account has a second factor",
    );
    let code = site.code(&enrolled.phone);
    site.choose_with(&token, NEW_PASSWORD, &code).await.is(303);
}

async fn i081_y401_guesses_with_a_link_have_the_limits_of_a_sign_in(site: Mailing) {
    let enrolled = site.enrol().await;
    let token = site.link(2).await;
    for number in 0..6 {
        let wrong = enrolled.phone.wrong(site.clock.now(), number);
        let page = site.choose_with(&token, NEW_PASSWORD, &wrong).await;
        shows(&page, 401, "role=\"alert\"");
    }
    let right = site.code(&enrolled.phone);
    let slowed = site.choose_with(&token, NEW_PASSWORD, &right).await;
    assert!(
        slowed
            .is(429)
            .header("retry-after")
            .is_none_or(|seconds| seconds != "0")
    );
    shows(&slowed, 429, "Too many tries");
    // the same failures delay a sign-in
    let signed_in = site.password_grant("alice", PASSWORD).await;
    signed_in.oauth_error(429, "temporarily_unavailable");
    site.db
        .execute("UPDATE login_failures SET failures = 100, last_failed_at = 0")
        .await;
    for code in [&right, &enrolled.recovery_codes[0]] {
        let page = site.choose_with(&token, NEW_PASSWORD, code).await;
        shows(&page, 401, "role=\"alert\"");
    }
    assert_eq!(site.db.count("recovery_codes").await, 10);
    site.clear_failures().await;
    site.choose_with(&token, NEW_PASSWORD, &right).await.is(303);
}

async fn i052_of_two_with_one_code_one_changes_the_password(site: Mailing) {
    let enrolled = site.enrol().await;
    let other = site.another().await;
    let token = site.link(2).await;
    let code = site.code(&enrolled.phone);
    let form = [
        ("token", token.as_str()),
        ("new", NEW_PASSWORD),
        ("again", NEW_PASSWORD),
        ("code", &code),
    ];
    let (mut here, mut there) = (Browser::new(&site), Browser::new(&other));
    let (one, two) = tokio::join!(
        here.submit("/reset/password", &form),
        there.submit("/reset/password", &form),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    // the other one finds the link used, or the code
    assert!([[303, 400], [303, 401]].contains(&statuses), "{statuses:?}");
}
