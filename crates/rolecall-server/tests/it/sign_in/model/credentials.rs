//! The factors and recovery codes of the users: how they get, prove and lose them.

use rolecall::Clock as _;
use serde_json::{Value, json};

use super::{Credential, Device, Flow, Kind, Known, NEXT_CODE, NO_ANSWER, USERS, World};
use crate::{
    sign_in::{
        REDIRECT, code_of, is_page, leads_to_page,
        passkeys::{device, options},
    },
    support::{Browser, PASSWORD, Phone, run},
};

impl World<'_> {
    /// The answer of the passkey of a user to the page of a flow, if that asks for one.
    pub(super) async fn answer(&mut self, at: usize, browser: usize, user: usize) -> String {
        let flow = &self.model.flows[at];
        let is_asked = flow
            .subject
            .is_none_or(|known| self.model.is_second_due(known));
        if flow.has_ended || flow.browser != browser || !is_asked {
            return NO_ANSWER.to_owned();
        }
        let path = format!("/login?flow={}", flow.id);
        let page = is_page(&self.browsers[browser].open(&path).await, 200);
        let answer = match (&mut self.model.factors[user], options(&page, "data-get")) {
            (Some(factor), Some(options)) => factor.device.answer(&options),
            _ => None,
        };
        answer.unwrap_or_else(|| NO_ANSWER.to_owned())
    }

    /// Adds the first factor of the user of a flow on its page, and goes on.
    pub(super) async fn enrol(&mut self, at: usize, known: Known, is_right: bool) {
        let Flow { id, browser, .. } = &self.model.flows[at];
        let browser = &mut self.browsers[*browser];
        let shown = browser.open(&format!("/login?flow={id}")).await;
        let shown = is_page(&shown, 200);
        let secret = shown.split_once("<code>").unwrap().1;
        let phone = Phone::with(secret.split_once('<').unwrap().0);
        let now = self.site.app.clock.now();
        let code = if is_right {
            phone.code(now)
        } else {
            phone.wrong(now, 0)
        };
        let form = [("flow", id.as_str()), ("code", code.as_str())];
        let sent = browser.submit("/login/enrol", &form).await;
        if !is_right {
            is_page(&sent, 401);
            return;
        }
        let codes = codes_on(&is_page(&sent, 200));
        // the button below the recovery codes
        let next = browser.submit("/login/enrol", &form[..1]).await;
        let path = format!("/api/users/{}/factors", self.ids[known.user]);
        let listed = self.site.get(path, self.site.admin().await).await;
        let factor = listed.is(200).json["factors"][0]["id"].as_str().unwrap();
        let device = Device::Phone(phone);
        self.model.gain(known.user, factor, device, codes);
        let factor = self.model.credential_of(known.user);
        self.proves(at, &next, Known { factor, ..known });
        self.site.pass_time(NEXT_CODE);
    }

    /// Gives a user a factor, or takes theirs away.
    pub(super) async fn change_factor(&mut self, user: usize, added: Option<Kind>) {
        match (self.model.factors[user].take(), added) {
            (None, Some(kind)) => {
                let (id, device, codes) = match kind {
                    Kind::Totp => self.add_application(user).await,
                    Kind::Passkey => self.add_passkey(user).await,
                };
                self.model.gain(user, &id, device, codes);
            }
            (Some(factor), None) => {
                let arguments = ["user", "remove-factor", USERS[user], &factor.id];
                run(&self.site.app, &arguments).await;
                self.model.lose(user, Credential::Factor(factor.number));
                // it was the only one
                self.model.lose(user, Credential::Recovery(user));
                self.model.replace_codes(user, Vec::new());
            }
            (before, _) => self.model.factors[user] = before,
        }
    }

    /// Adds an application to an account without a factor, and returns its id, itself and the recovery codes.
    async fn add_application(&self, user: usize) -> (String, Device, Vec<String>) {
        let token = self.site.log_in(USERS[user]).await;
        let begun = self.site.post("/api/me/factors/totp", &token, json!({}));
        let begun = begun.await;
        let (id, phone) = (begun.is(201).text("id"), Phone::with(&begun.text("secret")));
        let code = phone.code(self.site.app.clock.now());
        let path = format!("/api/me/factors/{id}/confirm");
        let confirmed = self.site.post(path, &token, json!({ "code": code })).await;
        self.site.pass_time(NEXT_CODE);
        let codes = confirmed.is(200).texts("recovery_codes");
        (id, Device::Phone(phone), codes)
    }

    /// The same with a passkey.
    async fn add_passkey(&self, user: usize) -> (String, Device, Vec<String>) {
        let token = self.site.log_in(USERS[user]).await;
        let begun = self.site.post("/api/me/factors/passkey", &token, json!({}));
        let begun = begun.await;
        let (id, mut key) = (begun.is(201).text("id"), device());
        let made = key.create(&begun.json["options"]).unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        let answer = json!({ "id": id, "credential": made });
        let path = "/api/me/factors/passkey/confirm";
        let confirmed = self.site.post(path, &token, answer).await;
        let codes = confirmed.is(200).texts("recovery_codes");
        (id, Device::Key(key), codes)
    }

    /// Signs a user who has a factor in with another browser, and makes new recovery codes there.
    pub(super) async fn make_codes(&mut self, user: usize) {
        let Some(credential) = self.model.credential_of(user) else {
            return;
        };
        let mut browser = Browser::new(self.site);
        let flow = browser.begin(&self.site.first, REDIRECT, &[]).await;
        leads_to_page(&browser.log_in(&flow, USERS[user], PASSWORD).await, &flow);
        let proven = if self.model.has(user, Kind::Totp) {
            let code = self.code_of(user, true);
            let form = [("flow", flow.as_str()), ("code", code.as_str())];
            browser.submit("/login/second", &form).await
        } else {
            let page = browser.open(&format!("/login?flow={flow}")).await;
            let asked = options(&is_page(&page, 200), "data-get").unwrap();
            let factor = self.model.factors[user].as_mut().unwrap();
            let answer = factor.device.answer(&asked).unwrap();
            let form = [("flow", flow.as_str()), ("credential", answer.as_str())];
            browser.submit("/login/passkey", &form).await
        };
        self.site.pass_time(NEXT_CODE);
        let tokens = self.site.redeem_first(&code_of(&proven)).await;
        let token = tokens.is(200).text("access_token");
        let made = self.site.post("/api/me/recovery-codes", &token, json!({}));
        let codes = made.await.is(200).texts("recovery_codes");
        assert_eq!(codes.len(), 10);
        // whoever has found the codes before is signed out
        self.model.lose(user, Credential::Recovery(user));
        self.model.replace_codes(user, codes);
        self.model.elsewhere.push(credential);
    }

    /// The code that the application of a user shows, or another one.
    pub(super) fn code_of(&self, user: usize, is_right: bool) -> String {
        let now = self.site.app.clock.now();
        let device = self.model.factors[user].as_ref();
        match device.map(|factor| &factor.device) {
            Some(Device::Phone(phone)) if is_right => phone.code(now),
            Some(Device::Phone(phone)) => phone.wrong(now, 0),
            Some(Device::Key(_)) | None => "000000".to_owned(),
        }
    }

    /// A recovery code of a user that is good, or one that was used or replaced; another one where there is none.
    pub(super) fn recovery_code_of(&self, user: usize, is_good: bool) -> String {
        let codes = if is_good {
            &self.model.good_codes[user]
        } else {
            &self.model.dead_codes[user]
        };
        let code = codes.last().map_or("00000-00000", String::as_str);
        code.to_owned()
    }
}

impl Device {
    /// The answer of a passkey; `None` if it is none, or not one of those that are asked for.
    fn answer(&mut self, options: &Value) -> Option<String> {
        match self {
            Self::Phone(_) => None,
            Self::Key(key) => key.get(options),
        }
    }
}

/// The recovery codes that a page shows.
fn codes_on(page: &str) -> Vec<String> {
    let codes = page.split("<code>").skip(1);
    codes
        .map(|rest| rest.split_once('<').unwrap().0.to_owned())
        .collect()
}
