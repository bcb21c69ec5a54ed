//! Mails, and what the links in them do. Tests are numbered as in docs/identity.md.

mod addresses;
mod another_code;
mod clocks;
mod codes;
mod declared;
mod former;
mod invitations;
mod languages;
mod lost_factor;
mod refusals;
mod reset;
mod reset_factor;
mod sending;
mod sign_up;
mod verification;

use std::ops::Deref;

use rolecall_server::EmbeddedBuilder;
use serde_json::json;

use crate::support::{
    Browser, Database, Fixture, MailServer, Node, PASSWORD, Response, TestApp, eventually,
};

/// The way on from the end of what a link leads to.
const TO_ACCOUNT: &str = "<a href=\"/account\">";
const ADDRESS: &str = "Alice@mail.example";
/// Makes the sessions those of sign-ins with a code by mail: the password alone adds no first factor where mails are sent.
pub(crate) const BY_CODE: &str = "UPDATE sessions SET amr = 'otp'";

/// A node that sends mails, with the users `alice`, whose address is verified, and `bob`, whose is not.
pub(crate) struct Mailing {
    pub(crate) app: TestApp,
    pub(crate) server: MailServer,
    pub(crate) alice: String,
}

impl Deref for Mailing {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Fixture for Mailing {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        Self::configured(db, |builder| builder).await
    }
}

impl Mailing {
    pub(crate) async fn configured(
        db: Database,
        configure: impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder,
    ) -> Self {
        let server = MailServer::start().await;
        let app = TestApp::configured(db, |builder| configure(server.configure(builder))).await;
        let alice = create(&app, "alice", ADDRESS, true).await;
        create(&app, "bob", "bob@mail.example", false).await;
        Self { app, server, alice }
    }

    /// Another node on the same database.
    pub(crate) async fn another(&self) -> Node {
        self.app
            .node(|builder| self.server.configure(builder))
            .await
    }

    /// Asks for a link as a browser does.
    pub(crate) async fn ask(&self, name: &str) -> Response {
        Browser::new(&self.app)
            .submit("/reset", &[("username", name)])
            .await
    }

    /// Asks for a link for alice, and returns its secret; `count` mails have come then.
    pub(crate) async fn link(&self, count: usize) -> String {
        self.ask("alice").await.is(303);
        let token = self.server.count(count).await[count - 1].token();
        // a test that moves the clock now would make it due again
        self.all_done().await;
        token
    }

    /// Chooses a password with a link.
    pub(crate) async fn choose(&self, token: &str, password: &str) -> Response {
        let form = [("token", token), ("new", password), ("again", password)];
        Browser::new(&self.app)
            .submit("/reset/password", &form)
            .await
    }

    /// Waits until no mail and no request for one waits.
    pub(crate) async fn all_done(&self) {
        let waiting = "SELECT COUNT(*) FROM rolecall_mails WHERE failed_at IS NULL";
        eventually("the outbox is empty", async || {
            self.db.number(waiting).await == 0
        })
        .await;
    }

    pub(crate) async fn links(&self) -> i64 {
        self.db
            .number("SELECT COUNT(*) FROM rolecall_mail_tokens")
            .await
    }
}

pub(crate) async fn create(app: &TestApp, name: &str, email: &str, verified: bool) -> String {
    let body = json!({
        "username": name, "password": PASSWORD, "email": email, "email_verified": verified,
    });
    let created = app.post("/api/users", app.admin().await, body).await;
    created.is(201).text("id")
}

/// Expects a page whose title has this text.
#[track_caller]
pub(crate) fn shows(response: &Response, status: u16, text: &str) {
    response.is(status);
    let body = String::from_utf8_lossy(&response.body);
    assert!(body.contains(text), "no `{text}` in {body}");
}
