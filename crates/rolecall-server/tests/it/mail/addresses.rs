//! Addresses are proven by mail, in the browser of their user.

use std::time::Duration;

use serde_json::json;

use super::{ADDRESS, Mailing, TO_ACCOUNT, create, shows};
use crate::support::{
    Browser, Credentials, Database, NEW_PASSWORD, PASSWORD, ReceivedMail, SignInAnswer, WRONG,
    on_both,
};

on_both![
    i061_a_new_address_takes_effect_when_it_is_proven_and_the_old_one_hears_of_it,
    i054_i066_a_link_works_only_in_a_browser_of_its_user,
    i053_opening_a_link_verifies_nothing,
    i052_a_link_to_an_address_works_once_and_the_newest_only,
    i059_an_address_of_another_user_is_not_verified_and_nobody_learns_of_it_before,
    i062_the_page_asks_for_the_present_password,
    i060_an_account_asks_for_three_links_an_hour,
    y475_a_right_password_is_an_event_where_no_link_is_sent,
    y436_no_text_of_a_user_reaches_an_address_that_nobody_has_proven,
    a_sign_in_from_elsewhere_is_told_to_the_owner,
    an_address_that_is_removed_hears_of_it,
];

const REDIRECT: &str = "https://app.example/cb";
const NEW: &str = "alice@new.example";

async fn client(site: &Mailing) -> Credentials {
    let members = json!({
        "grants": ["authorization_code"], "redirect_uris": [REDIRECT], "consent": "skip",
    });
    site.create_client("app", members).await
}

/// A browser in which a user is signed in.
async fn signed_in<'a>(site: &'a Mailing, client: &Credentials, name: &str) -> Browser<'a> {
    let mut browser = Browser::new(&site.app);
    browser.sign_in_as(name, client, REDIRECT, &[]).await;
    browser
}

async fn change(site: &Mailing, address: &str) {
    let token = site.log_in("alice").await;
    let changed = site
        .patch("/api/me", &token, json!({ "email": address }))
        .await;
    changed.is(200);
}

/// The address of a user, and whether it is verified.
async fn address_of(site: &Mailing, id: &str) -> (String, bool) {
    let user = site
        .get(format!("/api/users/{id}"), site.admin().await)
        .await;
    let email = user.is(200).json["email"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (email, user.json["email_verified"] == true)
}

/// The newest mail to an address.
fn newest(mails: &[ReceivedMail], to: &str) -> ReceivedMail {
    let mut mails = mails.iter().rev();
    let mail = mails.find(|mail| mail.to == [format!("<{to}>")]);
    mail.unwrap_or_else(|| panic!("no mail to {to}")).clone()
}

async fn i061_a_new_address_takes_effect_when_it_is_proven_and_the_old_one_hears_of_it(
    site: Mailing,
) {
    let client = client(&site).await;
    let mut browser = signed_in(&site, &client, "alice").await;
    change(&site, NEW).await;
    let mail = site.server.count(1).await.remove(0);
    assert_eq!(mail.to, [format!("<{NEW}>")]);
    assert_eq!(
        address_of(&site, &site.alice).await,
        (ADDRESS.to_owned(), true)
    );
    let page = browser.open(&mail.link()).await;
    shows(&page, 200, NEW);
    let done = browser.submit("/verify", &[("token", &mail.token())]).await;
    assert_eq!(done.is(303).header("location"), Some("/verify?done=1"));
    shows(&browser.open("/verify?done=1").await, 200, TO_ACCOUNT);
    assert_eq!(address_of(&site, &site.alice).await, (NEW.to_owned(), true));
    let notice = newest(&site.server.count(2).await, ADDRESS);
    assert_eq!(notice.header("subject"), "Your address was changed");
    assert!(!notice.raw.contains(NEW));
    // links go to the new address from now on
    site.ask(NEW).await.is(303);
    assert_eq!(site.server.count(3).await[2].to, [format!("<{NEW}>")]);
    let entry = site.newest_entry().await.to_string();
    assert!(entry.contains("user.email_verified"), "{entry}");
}

async fn i054_i066_a_link_works_only_in_a_browser_of_its_user(db: Database) {
    let site = Mailing::configured(db, |builder| builder.verify_registrations(false)).await;
    // mallory registers an account with an address of somebody else, who gets the mail
    let body =
        json!({ "username": "mallory", "password": PASSWORD, "email": "victim@mail.example" });
    let request = site.request(http::Method::POST, "/register").json(&body);
    let id = request.send().await.is(201).text("id");
    let client = client(&site).await;
    let mut attacker = signed_in(&site, &client, "mallory").await;
    let form = [("email", "victim@mail.example"), ("password", PASSWORD)];
    attacker.submit("/account/address", &form).await.is(303);
    let mails = site.server.count(1).await;
    let mail = newest(&mails, "victim@mail.example");
    let mut victim = Browser::new(&site.app);
    shows(&victim.open(&mail.link()).await, 200, "Sign in as mallory");
    let form = [("token", mail.token())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    shows(&victim.submit("/verify", &form).await, 403, "Sign in first");
    // nor in a browser of another user
    let mut other = signed_in(&site, &client, "alice").await;
    shows(&other.submit("/verify", &form).await, 403, "Sign in first");
    assert!(!address_of(&site, &id).await.1);
    // nobody is signed in by it, and no link to a password goes there
    assert_eq!(victim.cookie("session"), None);
    site.ask("victim@mail.example").await.is(303);
    site.all_done().await;
    assert_eq!(site.server.mails().len(), 1);
}

async fn i053_opening_a_link_verifies_nothing(site: Mailing) {
    let client = client(&site).await;
    let mut browser = signed_in(&site, &client, "alice").await;
    change(&site, NEW).await;
    let mail = site.server.count(1).await.remove(0);
    for _ in 0..3 {
        browser.open(&mail.link()).await.is(200);
    }
    let foreign = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let form = [("token", mail.token())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    browser
        .submit_with("/verify", &form, &foreign)
        .await
        .is(403);
    assert_eq!(address_of(&site, &site.alice).await.0, ADDRESS);
    browser.submit("/verify", &form).await.is(303);
}

async fn i052_a_link_to_an_address_works_once_and_the_newest_only(site: Mailing) {
    let client = client(&site).await;
    let mut browser = signed_in(&site, &client, "alice").await;
    change(&site, NEW).await;
    let first = site.server.count(1).await.remove(0).token();
    change(&site, "alice@newest.example").await;
    let second = site.server.count(2).await.remove(1).token();
    let ended = "This link does not work any more";
    shows(
        &browser.submit("/verify", &[("token", &first)]).await,
        400,
        ended,
    );
    browser
        .submit("/verify", &[("token", &second)])
        .await
        .is(303);
    shows(
        &browser.submit("/verify", &[("token", &second)]).await,
        400,
        ended,
    );
    shows(&browser.submit("/verify", &[]).await, 400, ended);
    assert_eq!(
        address_of(&site, &site.alice).await.0,
        "alice@newest.example"
    );
    // a link to reset a password proves no address, and the other way round
    site.ask("alice").await.is(303);
    let reset = site.server.count(4).await.remove(3).token();
    shows(
        &browser.submit("/verify", &[("token", &reset)]).await,
        400,
        ended,
    );
    site.pass_time(Duration::from_mins(1));
    site.choose(&reset, NEW_PASSWORD).await.is(303);
}

async fn i059_an_address_of_another_user_is_not_verified_and_nobody_learns_of_it_before(
    site: Mailing,
) {
    create(&site.app, "carol", "carol@mail.example", true).await;
    let client = client(&site).await;
    let mut browser = signed_in(&site, &client, "alice").await;
    // the same answer for one that nobody has
    change(&site, "nobody@mail.example").await;
    change(&site, "Carol@mail.example").await;
    let mail = site.server.count(2).await.remove(1);
    let refused = browser.submit("/verify", &[("token", &mail.token())]).await;
    shows(&refused, 409, "belongs to another account");
    assert_eq!(address_of(&site, &site.alice).await.0, ADDRESS);
}

async fn i062_the_page_asks_for_the_present_password(site: Mailing) {
    let client = client(&site).await;
    let mut browser = signed_in(&site, &client, "bob").await;
    shows(
        &browser.open("/account").await,
        200,
        "bob@mail.example is not verified yet",
    );
    for (email, password, status) in [
        (NEW, WRONG, 401),
        (NEW, "", 401),
        ("no address", PASSWORD, 422),
    ] {
        let form = [("email", email), ("password", password)];
        let page = browser.submit("/account/address", &form).await;
        shows(&page, status, "role=\"alert\"");
    }
    assert!(site.server.mails().is_empty());
    site.clear_failures().await;
    let form = [("email", "bob@mail.example"), ("password", PASSWORD)];
    let sent = browser.submit("/account/address", &form).await;
    let page = browser.open(sent.is(303).header("location").unwrap()).await;
    shows(&page, 200, "A link is on its way");
    let mail = site.server.count(1).await.remove(0);
    browser
        .submit("/verify", &[("token", &mail.token())])
        .await
        .is(303);
    shows(
        &browser.open("/account").await,
        200,
        "bob@mail.example is verified",
    );
    // nobody is signed in: the form leads to the sign-in
    let mut stranger = Browser::new(&site.app);
    let sent = stranger.submit("/account/address", &form).await;
    assert_eq!(sent.is(303).header("location"), Some("/account"));
}

async fn i060_an_account_asks_for_three_links_an_hour(site: Mailing) {
    let token = site.log_in("alice").await;
    for number in 0..3 {
        let body = json!({ "email": format!("{number}@new.example") });
        site.patch("/api/me", &token, body).await.is(200);
    }
    let body = json!({ "email": "3@new.example" });
    let refused = site.patch("/api/me", &token, body.clone()).await;
    assert_eq!(refused.is(429).header("retry-after"), Some("3600"));
    site.all_done().await;
    assert_eq!(site.server.mails().len(), 3);
    site.pass_time(Duration::from_hours(1));
    let token = site.log_in("alice").await;
    site.patch("/api/me", &token, body).await.is(200);
    site.server.count(4).await;
}

async fn y436_no_text_of_a_user_reaches_an_address_that_nobody_has_proven(site: Mailing) {
    for (count, name) in [(1, "https://evil.example/login"), (2, "visit-evil.example")] {
        create(&site, name, "mallory@mail.example", false).await;
        let token = site.log_in(name).await;
        let body = json!({ "email": "victim@mail.example" });
        site.patch("/api/me", &token, body).await.is(200);
        let mail = site.server.count(count).await.remove(count - 1);
        assert_eq!(mail.to, ["<victim@mail.example>"]);
        for text in [mail.raw.as_str(), &mail.text(), &mail.html()] {
            assert!(!text.contains("evil"), "{text}");
        }
        assert!(mail.link().starts_with("/verify?token="), "{}", mail.text());
    }
    // the page names the account, to whoever opens the link
    let mail = site.server.mails().remove(1);
    let page = Browser::new(&site).open(&mail.link()).await;
    shows(&page, 200, "visit-evil.example");
}

async fn a_sign_in_from_elsewhere_is_told_to_the_owner(site: Mailing) {
    let client = client(&site).await;
    let sign_in = async |address: &str, device: Option<String>| {
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let mut browser = Browser::at(&site.app, address).named(agent);
        if let Some(device) = device {
            browser.set_cookie("device", &device);
        }
        let answer = browser.sign_in(&client, REDIRECT, &[]).await;
        assert!(!SignInAnswer::code(&answer).is_empty());
        browser.cookie("device").map(str::to_owned)
    };
    // the first one ever is no news
    let device = sign_in("198.51.100.7", None).await;
    sign_in("198.51.100.7", None).await;
    sign_in("203.0.113.9", device).await;
    site.all_done().await;
    assert!(site.server.mails().is_empty());
    sign_in("192.0.2.44", None).await;
    let notice = site.server.count(1).await.remove(0);
    assert_eq!(notice.header("subject"), "A new sign-in");
    assert_eq!(notice.to, [format!("<{ADDRESS}>")]);
    let text = notice.text();
    assert!(text.contains("Firefox on Linux"), "{text}");
}

async fn an_address_that_is_removed_hears_of_it(site: Mailing) {
    let token = site.log_in("alice").await;
    site.patch("/api/me", &token, json!({ "email": null }))
        .await
        .is(200);
    let notice = site.server.count(1).await.remove(0);
    assert_eq!(notice.header("subject"), "Your address was changed");
    assert_eq!(address_of(&site, &site.alice).await, (String::new(), false));
    // one that was never verified hears nothing
    let token = site.log_in("bob").await;
    site.patch("/api/me", &token, json!({ "email": null }))
        .await
        .is(200);
    site.all_done().await;
    assert_eq!(site.server.mails().len(), 1);
}

async fn y475_a_right_password_is_an_event_where_no_link_is_sent(site: Mailing) {
    let client = client(&site).await;
    let mut browser = signed_in(&site, &client, "bob").await;
    let form = [("email", "bob@mail.example"), ("password", PASSWORD)];
    for _ in 0..3 {
        browser.submit("/account/address", &form).await.is(303);
    }
    browser.submit("/account/address", &form).await.is(429);
    let events = "SELECT detail FROM audit_events WHERE kind = 'password_proven'";
    assert_eq!(site.db.texts(events).await, ["no_link_sent"]);
}
