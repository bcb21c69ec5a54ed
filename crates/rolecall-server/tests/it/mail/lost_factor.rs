//! A lost second factor of an account with a proven address, recovered by its owner.

use serde_json::json;

use super::{Mailing, shows};
use crate::support::{Browser, PASSWORD, on_both};

on_both![y518_whoever_has_just_removed_the_last_factor_adds_another];

impl Mailing {
    /// Opens a page by a sign-in with the password and a recovery code.
    async fn recovered(&self, path: &str, code: &str) -> Browser<'_> {
        let mut browser = Browser::new(&self.app);
        let begun = browser.open(path).await;
        let location = begun.is(303).header("location").unwrap().to_owned();
        let flow = location.strip_prefix("/login?flow=").unwrap();
        browser.log_in(flow, "alice", PASSWORD).await.is(303);
        let form = [("flow", flow), ("code", code)];
        let entered = browser.submit("/login/second", &form).await;
        assert_eq!(entered.is(303).header("location"), Some(path));
        browser
    }
}

async fn y518_whoever_has_just_removed_the_last_factor_adds_another(site: Mailing) {
    let enrolled = site.enrol().await;
    let path = "/account/factors";
    let mut browser = site.recovered(path, &enrolled.recovery_codes[0]).await;
    let factor = site.db.texts("SELECT id FROM factors").await;
    let form = [("factor", factor[0].as_str())];
    let removed = browser.submit("/account/factors/remove", &form).await;
    assert_eq!(removed.is(303).header("location"), Some(path));
    let form = [("name", "New phone")];
    let adding = browser.submit("/account/factors/add", &form).await;
    shows(&adding, 200, "action=\"/account/factors/confirm\"");
    // the password alone is asked for the code by mail, as before
    let token = site.log_in("alice").await;
    let body = json!({ "name": "Phone" });
    let refused = site.post("/api/me/factors/totp", &token, body).await;
    let challenge = refused.is(401).header("www-authenticate").unwrap();
    assert!(challenge.contains("acr_values=\"aal2\""), "{challenge}");
}
