//! Second factors: in a sign-in, at the own account, and where they are lost. Tests are numbered as in docs/identity.md.

mod assurance;
mod guesses;
mod keys;
mod lost;
mod notices;
mod own;
mod pages;
mod passwords;
mod remembered;
mod required;
mod roles;
mod steps;
mod thieves;

use std::time::Duration;

use rolecall::Clock as _;
use serde_json::{Value, json};

use crate::mail::BY_CODE;
use crate::support::{
    Browser, Credentials, Database, Fixture, PASSWORD, Phone, Response, SignInAnswer, TestApp,
    session_id,
};

const REDIRECT: &str = "https://app.example/cb";
const STEP: Duration = Duration::from_secs(30);
/// After this long a sign-in is not fresh any more.
const STALE: Duration = Duration::from_secs(301);

/// A server with the users alice and bob, and two applications: a first party and another one, which asks for consent.
struct World {
    app: TestApp,
    first: Credentials,
    other: Credentials,
}

/// What somebody has after they added an application.
struct Enrolled {
    id: String,
    phone: Phone,
    recovery_codes: Vec<String>,
}

impl std::ops::Deref for World {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Fixture for World {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        Self::with(TestApp::on(db).await).await
    }
}

impl World {
    async fn with(app: TestApp) -> Self {
        for user in ["alice", "bob"] {
            app.create_user(user, &[]).await;
        }
        let create = async |name, more: Value| {
            let mut members = json!({
                "grants": ["authorization_code", "refresh_token"], "redirect_uris": [REDIRECT],
            });
            for (member, value) in more.as_object().unwrap() {
                members[member] = value.clone();
            }
            app.create_client(name, members).await
        };
        let first = create("first", json!({ "consent": "skip" })).await;
        let other = create("other", json!({})).await;
        Self { app, first, other }
    }

    fn now(&self) -> rolecall::Timestamp {
        self.app.clock.now()
    }

    /// The code that an application shows now.
    fn code(&self, phone: &Phone) -> String {
        phone.code(self.now())
    }

    /// Adds an application to the account of a user who has none, and waits for the next code.
    async fn enrol(&self, username: &str) -> Enrolled {
        let token = self.log_in(username).await;
        // where mails are sent, the password alone adds no first factor
        let by_code = format!("{BY_CODE} WHERE id = '{}'", session_id(&token));
        self.db.execute(&by_code).await;
        let enrolled = self.enrol_with(&token).await;
        self.pass_time(STEP);
        enrolled
    }

    /// Adds an application with a token.
    async fn enrol_with(&self, token: &str) -> Enrolled {
        let (id, phone) = self.begin_enrolment(token).await;
        let confirmed = self.confirm(token, &id, &self.code(&phone)).await;
        Enrolled {
            id,
            phone,
            recovery_codes: confirmed.is(200).texts("recovery_codes"),
        }
    }

    async fn begin_enrolment(&self, token: &str) -> (String, Phone) {
        let body = json!({ "name": "Phone" });
        let begun = self.post("/api/me/factors/totp", token, body).await;
        let begun = begun.is(201);
        (begun.text("id"), Phone::with(&begun.text("secret")))
    }

    async fn confirm(&self, token: &str, id: &str, code: &str) -> Response {
        let path = format!("/api/me/factors/{id}/confirm");
        self.post(path, token, json!({ "code": code })).await
    }

    /// Signs a user in with both factors, and returns the answer of `/token`. The code is used up by that.
    async fn sign_in_with(
        &self,
        browser: &mut Browser<'_>,
        username: &str,
        phone: &Phone,
        more: &[(&str, &str)],
    ) -> Response {
        let flow = browser.begin(&self.first, REDIRECT, more).await;
        browser.log_in(&flow, username, PASSWORD).await.is(303);
        let answer = browser.second(&flow, &self.code(phone)).await;
        self.redeem(&self.first, &code_of(&answer), REDIRECT, &[])
            .await
    }

    /// A token of a fresh sign-in with both factors.
    async fn token_with(&self, username: &str, phone: &Phone) -> String {
        let mut browser = Browser::new(self);
        let tokens = self.sign_in_with(&mut browser, username, phone, &[("prompt", "login")]);
        let token = tokens.await.is(200).text("access_token");
        self.pass_time(STEP);
        token
    }

    /// Asks for a code without a page, and returns the error; `None` if there is a code.
    async fn silent_error(
        &self,
        browser: &mut Browser<'_>,
        more: &[(&str, &str)],
    ) -> Option<String> {
        let silent = [("prompt", "none"), ("scope", "openid")];
        let more = [&silent[..], more].concat();
        let answer = browser.authorize(&self.first, REDIRECT, &more).await;
        let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
        answer.parameters.get("error").cloned()
    }
}

impl Browser<'_> {
    /// Submits the code of a second factor.
    async fn second(&mut self, flow: &str, code: &str) -> Response {
        let form = [("flow", flow), ("code", code)];
        self.submit("/login/second", &form).await
    }
}

/// Expects a code for the client.
#[track_caller]
fn code_of(response: &Response) -> String {
    let answer = SignInAnswer::of(response, REDIRECT);
    let answer = answer.unwrap_or_else(|| panic!("no answer: {response:?}"));
    answer.code().to_owned()
}

/// Expects a redirect to the page of a flow.
#[track_caller]
fn leads_to_page(response: &Response, flow: &str) {
    let location = response.is(303).header("location");
    assert_eq!(location, Some(format!("/login?flow={flow}").as_str()));
}

/// Expects a page, and returns its text.
#[track_caller]
fn page(response: &Response, status: u16) -> String {
    let text = String::from_utf8(response.is(status).body.to_vec()).unwrap();
    text.replace("&#x2f;", "/")
}

/// Expects that a fresh sign-in is asked for, with these parameters of the challenge.
#[track_caller]
fn asks_for_sign_in(response: &Response, parameters: &str) {
    let challenge = response.is(401).header("www-authenticate").unwrap();
    let error = "Bearer error=\"insufficient_user_authentication\"";
    assert_eq!(challenge, format!("{error}{parameters}"));
}
