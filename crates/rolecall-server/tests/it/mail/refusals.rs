//! What the pages refuse, in the language of the page.

use http::Method;
use rolecall_server::ProfileField;
use serde_json::json;

use super::{Mailing, codes::send};
use crate::support::{Browser, Database, Fixture, PASSWORD, Response, on_both};

on_both![
    a_german_page_refuses_a_sign_in_in_german,
    a_german_page_refuses_a_new_password_in_german,
    a_german_page_refuses_an_account_in_german,
    a_german_page_refuses_a_change_of_the_own_account_in_german,
    a_german_page_refuses_a_reset_code_in_german,
];

/// A server with all pages on which people may enter something.
struct Offering(Mailing);

impl std::ops::Deref for Offering {
    type Target = Mailing;

    fn deref(&self) -> &Mailing {
        &self.0
    }
}

impl Fixture for Offering {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let site = Mailing::configured(db, |builder| {
            builder
                .mail_code(true)
                .self_delete(true)
                .profile_field(ProfileField::date("birthday"))
        });
        Self(site.await)
    }
}

impl Offering {
    fn browser(&self) -> Browser<'_> {
        Browser::new(&self.app).preferring("de, en;q=0.5")
    }

    /// Begins a sign-in to the page of the account.
    async fn begin(&self, browser: &mut Browser<'_>) -> String {
        let begun = browser.open("/account").await;
        let location = begun.is(303).header("location").unwrap().to_owned();
        location.strip_prefix("/login?flow=").unwrap().to_owned()
    }

    async fn signed_in(&self) -> Browser<'_> {
        let mut browser = self.browser();
        let flow = self.begin(&mut browser).await;
        browser.log_in(&flow, "alice", PASSWORD).await.is(303);
        browser
    }
}

/// Words that no German sentence has.
const ENGLISH: [&str; 9] = [
    "the ", " the", " and ", " with ", " not ", " choose", " use ", " must ", "password",
];

/// Expects a German page with this text, and no English sentence on it.
#[track_caller]
fn refused(response: &Response, status: u16, text: &str) {
    let page = String::from_utf8_lossy(&response.is(status).body).into_owned();
    let page = page.replace("&#x2f;", "/");
    assert!(
        page.contains("lang=\"de\"") && page.contains(text),
        "no `{text}` in {page}"
    );
    let mut shown = String::new();
    for part in page.split('<').skip(1) {
        shown.push_str(part.split_once('>').map_or("", |(_, shown)| shown));
        shown.push(' ');
    }
    for word in ENGLISH {
        let shown = shown.to_lowercase();
        assert!(!shown.contains(word), "`{word}` in {shown}");
    }
}

async fn a_german_page_refuses_a_sign_in_in_german(site: Offering) {
    let mut browser = site.browser();
    let flow = site.begin(&mut browser).await;
    let answer = browser.log_in(&flow, "alice", "wrong").await;
    refused(&answer, 401, "Benutzername oder Passwort ist falsch.");
    let mut last = None;
    for number in 0..20 {
        let guess = format!("a guess {number}");
        let answer = browser.log_in(&flow, "alice", &guess).await;
        let status = answer.status;
        last = Some(answer);
        if status == 429 {
            break;
        }
    }
    refused(&last.unwrap(), 429, "Zu viele Versuche.");
    site.clear_failures().await;
    let mut browser = site.browser();
    let flow = site.begin(&mut browser).await;
    send(&mut browser, &flow, "bob").await.is(303);
    let form = [("flow", flow.as_str()), ("code", "00000000")];
    let answer = browser.submit("/login/code", &form).await;
    refused(&answer, 401, "Der Code ist falsch oder abgelaufen.");
    let answer = site.browser().submit("/login/code", &form).await;
    refused(&answer, 400, "Diese Anmeldung ist beendet");
}

async fn a_german_page_refuses_a_new_password_in_german(site: Offering) {
    let token = site.link(1).await;
    for (new, again, status, text) in [
        (
            "x",
            "y",
            422,
            "Die beiden neuen Passwörter sind verschieden.",
        ),
        ("short", "short", 422, "mindestens 15 Zeichen"),
        ("passwordpassword", "", 422, "gehört zu den häufigen"),
        ("qwertzuiopasdfghjkl", "", 422, "ist ein Muster"),
        ("alicealicealicealice", "", 422, "aus dem Benutzernamen"),
    ] {
        let again = if again.is_empty() { new } else { again };
        let form = [("token", token.as_str()), ("new", new), ("again", again)];
        let answer = site.browser().submit("/reset/password", &form).await;
        refused(&answer, status, text);
    }
    let long = "a long one ".repeat(30);
    let form = [("token", token.as_str()), ("new", &long), ("again", &long)];
    let answer = site.browser().submit("/reset/password", &form).await;
    refused(&answer, 422, "Das Passwort ist zu lang");
    let form = [("token", "x"), ("new", PASSWORD), ("again", PASSWORD)];
    let answer = site.browser().submit("/reset/password", &form).await;
    refused(&answer, 400, "Dieser Link gilt nicht mehr");
}

async fn a_german_page_refuses_an_account_in_german(site: Offering) {
    for address in ["nobody", "a@b..example"] {
        let form = [("email", address)];
        let answer = site.browser().submit("/signup", &form).await;
        refused(
            &answer,
            422,
            "An diese Adresse kann keine Mail gesendet werden.",
        );
    }
    let form = [("email", "guest@mail.example")];
    let asked = site.browser().submit("/signup", &form).await;
    asked.is(303);
    let token = site.server.count(1).await.remove(0).token();
    let long = "x".repeat(65);
    for (name, status, text) in [
        ("alice", 409, "Dieser Benutzername ist vergeben."),
        ("", 422, "Wählen Sie einen Benutzernamen."),
        ("a b", 422, "ein Zeichen, das nicht erlaubt ist"),
        ("\u{430}dmin", 422, "sieht wie ein anderer aus"),
        (&long, 422, "Höchstens 64 Zeichen"),
        (
            "other@mail.example",
            422,
            "nur der Benutzername der Person sein",
        ),
    ] {
        let form = [
            ("token", token.as_str()),
            ("username", name),
            ("new", PASSWORD),
            ("again", PASSWORD),
        ];
        let answer = site.browser().submit("/invite", &form).await;
        refused(&answer, status, text);
    }
    let answer = site.browser().open("/invite?token=x").await;
    refused(&answer, 400, "Dieser Link gilt nicht mehr");
}

async fn a_german_page_refuses_a_change_of_the_own_account_in_german(site: Offering) {
    let mut browser = site.signed_in().await;
    for (path, form, status, text) in [
        (
            "/account/password",
            vec![("current", "wrong"), ("new", PASSWORD), ("again", PASSWORD)],
            401,
            "Das jetzige Passwort stimmt nicht.",
        ),
        (
            "/account/password",
            vec![
                ("current", PASSWORD),
                ("new", PASSWORD),
                ("again", PASSWORD),
            ],
            422,
            "Das ist das jetzige Passwort",
        ),
        (
            "/account/address",
            vec![("email", "a@b@c"), ("password", PASSWORD)],
            422,
            "An diese Adresse kann keine Mail gesendet werden.",
        ),
        (
            "/account/profile",
            vec![("field-birthday", "gestern")],
            422,
            "birthday: Geben Sie ein Datum wie 2030-01-31 ein.",
        ),
        (
            "/account/delete",
            vec![("password", "wrong")],
            401,
            "Das jetzige Passwort stimmt nicht.",
        ),
    ] {
        site.clear_failures().await;
        refused(&browser.submit(path, &form).await, status, text);
    }
}

async fn a_german_page_refuses_a_reset_code_in_german(site: Offering) {
    let path = format!("/api/users/{}/reset", site.id_of("bob").await);
    let help_desk = "198.51.100.9";
    let request = site.request(Method::POST, &path).peer(help_desk);
    let request = request.token(site.admin().await);
    let code = request.json(&json!({})).send().await.text("reset_code");
    let mut browser = Browser::at(&site.app, help_desk).preferring("de");
    let flow = site.begin(&mut browser).await;
    let new = "another horse battery staple";
    let form = [
        ("flow", flow.as_str()),
        ("username", "bob"),
        ("current", &code),
        ("new", new),
        ("again", new),
    ];
    // it comes from where the administrator is
    let answer = browser.submit("/login/password", &form).await;
    refused(
        &answer,
        409,
        "Dieser Rücksetzcode kommt aus dem Netz der Person",
    );
}
