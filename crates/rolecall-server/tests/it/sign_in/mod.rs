//! Sign-in by the pages, and what comes of it. Tests are numbered as in docs/identity.md.

mod answers;
mod branding;
mod codes;
mod floods;
mod limits;
mod long_tokens;
mod losses;
mod model;
mod others;
mod own_page;
mod pages;
mod passkeys;
mod passwords;
mod replays;
mod roles;
mod steps;
mod tenants;
mod tokens;

use serde_json::{Value, json};

use crate::support::{
    Browser, Credentials, Database, Fixture, Node, PASSWORD, Response, SignInAnswer, TestApp,
};

const REDIRECT: &str = "https://app.example/cb";

/// A server with the users alice and bob, who are readers, and two applications: a first party, which asks for no consent,
/// and another one.
struct Site {
    app: TestApp,
    first: Credentials,
    other: Credentials,
}

impl std::ops::Deref for Site {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Fixture for Site {
    async fn on(db: Database) -> Self {
        Self::with(TestApp::on(db).await).await
    }
}

impl Site {
    async fn with(app: TestApp) -> Self {
        app.create_role("reader", &["items:read"]).await;
        for user in ["alice", "bob"] {
            app.create_user(user, &["reader"]).await;
        }
        let first = create_client(&app, "first", json!({ "consent": "skip" })).await;
        let other = create_client(&app, "other", json!({})).await;
        Self { app, first, other }
    }

    /// Redeems a code of the first party.
    async fn redeem_first(&self, code: &str) -> Response {
        self.redeem(&self.first, code, REDIRECT, &[]).await
    }

    /// Signs alice in to the first party.
    async fn sign_in(&self, browser: &mut Browser<'_>, more: &[(&str, &str)]) -> SignInAnswer {
        browser.sign_in(&self.first, REDIRECT, more).await
    }

    /// Whether somebody is signed in with a browser.
    async fn is_signed_in(&self, browser: &mut Browser<'_>) -> bool {
        let silent = [("prompt", "none"), ("scope", "openid")];
        let answer = browser.authorize(&self.first, REDIRECT, &silent).await;
        let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
        match answer.parameters.get("error") {
            Some(error) => {
                assert_eq!(error, "login_required");
                false
            }
            None => !answer.code().is_empty(),
        }
    }
}

/// Creates a client that signs people in.
async fn create_client(app: &TestApp, name: &str, more: Value) -> Credentials {
    let mut members = json!({
        "grants": ["authorization_code", "refresh_token"], "redirect_uris": [REDIRECT],
    });
    for (member, value) in more.as_object().unwrap() {
        members[member] = value.clone();
    }
    app.create_client(name, members).await
}

/// Expects a page, with the headers that every page has, and returns its text.
#[track_caller]
fn is_page(response: &Response, status: u16) -> String {
    response.is(status);
    let header = |name| response.header(name).unwrap_or_default();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(["no-referrer", "same-origin"].contains(&header("referrer-policy")));
    assert_eq!(response.header("access-control-allow-origin"), None);
    let policy = header("content-security-policy");
    let fixed = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
    assert!(policy.starts_with(fixed), "{policy}");
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    // templates escape slashes too
    str::from_utf8(&response.body)
        .unwrap()
        .replace("&#x2f;", "/")
}

/// Expects the page of a sign-in that is over.
#[track_caller]
fn has_ended(response: &Response) {
    let page = is_page(response, 400);
    assert!(page.contains("This sign-in has ended"), "{page}");
    assert_eq!(response.header("location"), None);
}

/// Expects a redirect to the page of a flow.
#[track_caller]
fn leads_to_page(response: &Response, flow: &str) {
    let location = response.is(303).header("location");
    assert_eq!(location, Some(format!("/login?flow={flow}").as_str()));
}

/// Expects a code for the client.
#[track_caller]
fn code_of(response: &Response) -> String {
    let answer = SignInAnswer::of(response, REDIRECT);
    answer
        .unwrap_or_else(|| panic!("no answer: {response:?}"))
        .code()
        .to_owned()
}

/// Expects an error for the client.
#[track_caller]
fn error_of(response: &Response) -> String {
    let answer = SignInAnswer::of(response, REDIRECT);
    answer
        .unwrap_or_else(|| panic!("no answer: {response:?}"))
        .error()
        .to_owned()
}

/// Sends an authorization request as it is.
async fn authorize_as_is(browser: &mut Browser<'_>, parameters: &[(&str, &str)]) -> Response {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    browser.open(&format!("/authorize?{query}")).await
}

/// Introspects a token as a new resource server would.
async fn is_active(node: &Node, server: &Credentials, token: &str) -> bool {
    let answer = node.introspect(server, token).await;
    answer.is(200).json["active"] == json!(true)
}

/// A wrong password, another one for each number.
fn guess(number: usize) -> String {
    assert!(!PASSWORD.ends_with(char::is_numeric));
    format!("a guess {number}")
}

impl Site {
    /// The time of day, in seconds.
    fn clock_seconds(&self) -> i64 {
        rolecall::Clock::now(&self.app.clock).seconds()
    }
}
