//! Passkeys: signing in with one alone, as a second factor, and adding one.

mod adding;
mod alone;
mod beside;
mod losing;
mod required;
mod resetting;
mod wished;

use rolecall_passkeys::testing::Authenticator;
use serde_json::Value;

use super::{REDIRECT, Site, code_of, is_page};
use crate::support::{Browser, PASSWORD, Response, claims};

/// The origin of the pages: browsers have no passkeys for addresses.
const ORIGIN: &str = "http://localhost:8000";

/// A device without passkeys.
pub(super) fn device() -> Authenticator {
    Authenticator::new(ORIGIN)
}

/// Returns the options in an attribute of a page.
pub(super) fn options(page: &str, attribute: &str) -> Option<Value> {
    let (_, rest) = page.split_once(&format!("{attribute}=\""))?;
    let text = rest.split_once('"')?.0;
    let text = text.replace("&quot;", "\"").replace("&#x27;", "'");
    Some(serde_json::from_str(&text.replace("&amp;", "&")).unwrap())
}

/// Returns the value of a hidden field.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Opens the page of a flow, and returns the options that it gives to the browser.
async fn asked(browser: &mut Browser<'_>, flow: &str) -> Value {
    let page = browser.open(&format!("/login?flow={flow}")).await;
    let page = is_page(&page, 200);
    options(&page, "data-get").unwrap_or_else(|| panic!("no passkey is asked for: {page}"))
}

/// Submits the answer of a device.
async fn answer(browser: &mut Browser<'_>, flow: &str, credential: &str) -> Response {
    let form = [("flow", flow), ("credential", credential), ("stay", "")];
    browser.submit("/login/passkey", &form).await
}

/// Expects that an answer was refused.
#[track_caller]
fn is_refused(response: &Response) {
    let page = is_page(response, 401);
    assert!(page.contains("The passkey was not accepted"), "{page}");
    assert_eq!(response.header("set-cookie"), None);
}

impl Site {
    /// Signs a user in with a password, in a browser of their own.
    async fn browser_of(&self, username: &str) -> Browser<'_> {
        let mut browser = Browser::new(self);
        browser
            .sign_in_as(username, &self.first, REDIRECT, &[])
            .await;
        browser
    }

    /// Begins to add a passkey; returns the id of the enrolment and the options.
    async fn begin_passkey(&self, browser: &mut Browser<'_>, name: &str) -> (String, Value) {
        let form = [("name", name)];
        let page = browser.submit("/account/factors/passkey", &form).await;
        let page = is_page(&page, 200);
        (
            field(&page, "factor"),
            options(&page, "data-create").unwrap(),
        )
    }

    /// Adds a passkey of a device to the account that is signed in.
    async fn add_passkey(&self, browser: &mut Browser<'_>, device: &mut Authenticator) -> Response {
        let (factor, options) = self.begin_passkey(browser, "").await;
        let made = device.create(&options).unwrap();
        self.confirm_passkey(browser, &factor, &made).await
    }

    async fn confirm_passkey(
        &self,
        browser: &mut Browser<'_>,
        factor: &str,
        made: &str,
    ) -> Response {
        let form = [("factor", factor), ("credential", made)];
        browser
            .submit("/account/factors/passkey/confirm", &form)
            .await
    }

    /// Returns a device with a passkey of a user.
    async fn device_of(&self, username: &str) -> Authenticator {
        let mut device = device();
        let mut browser = self.browser_of(username).await;
        self.add_passkey(&mut browser, &mut device).await.is(200);
        device
    }

    /// Signs in with a passkey alone, and returns the claims of the ID token.
    async fn sign_in_alone(&self, device: &mut Authenticator) -> Value {
        let mut browser = Browser::new(self);
        let scope = [("scope", "openid")];
        let flow = browser.begin(&self.first, REDIRECT, &scope).await;
        let options = asked(&mut browser, &flow).await;
        let credential = device.get(&options).unwrap();
        let code = code_of(&answer(&mut browser, &flow, &credential).await);
        let tokens = self.redeem_first(&code).await;
        claims(&tokens.is(200).text("id_token"))
    }

    /// Begins a sign-in and submits the password; a second factor is due then.
    async fn begin_second(&self, browser: &mut Browser<'_>, username: &str) -> String {
        let scope = [("scope", "openid")];
        let flow = browser.begin(&self.first, REDIRECT, &scope).await;
        let next = browser.log_in(&flow, username, PASSWORD).await;
        super::leads_to_page(&next, &flow);
        flow
    }
}
