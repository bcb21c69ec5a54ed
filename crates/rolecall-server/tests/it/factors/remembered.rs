//! Devices on which a sign-in asks for no second factor for a while.

use std::time::Duration;

use serde_json::json;

use super::{REDIRECT, STALE, STEP, World, asks_for_sign_in, code_of, leads_to_page, page};
use crate::support::{
    Browser, Database, Fixture, NEW_PASSWORD, PASSWORD, Phone, TestApp, claims, on_both,
};

on_both![
    i085_a_remembered_device_is_asked_for_the_password_alone,
    i085_a_remembered_device_never_lifts_acr,
    i085_a_cookie_is_bound_to_its_user_and_its_row,
    i085_any_floor_on_the_user_and_the_user_forget_a_device,
    i085_a_removed_factor_and_time_forget_a_device,
    i086_a_remembered_device_changes_no_factor_and_has_no_rights_of_administrators,
    y403_a_recovery_code_remembers_no_device,
    y474_a_remembered_device_moves_no_address,
    y477_a_role_in_one_tenant_forgets_no_device,
    y494_a_remembered_device_deletes_no_account,
    no_device_is_remembered_where_that_is_off,
];

const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A world in which devices can be remembered.
struct Remembering(World);

impl std::ops::Deref for Remembering {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Fixture for Remembering {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let app = TestApp::configured(db, |builder| {
            builder.remember_device(Some(LIFETIME)).self_delete(true)
        });
        Self(World::with(app.await).await)
    }
}

impl World {
    /// Signs a user in with both factors, on a device that is to be remembered.
    async fn remember(
        &self,
        browser: &mut Browser<'_>,
        username: &str,
        password: &str,
        code: &str,
    ) {
        let flow = browser.begin(&self.first, REDIRECT, &[]).await;
        leads_to_page(&browser.log_in(&flow, username, password).await, &flow);
        let form = [("flow", flow.as_str()), ("code", code), ("remember", "on")];
        code_of(&browser.submit("/login/second", &form).await);
        self.pass_time(STEP);
    }

    /// Returns the cookie of a device that is remembered.
    async fn remembered(&self, username: &str, password: &str, phone: &Phone) -> String {
        let mut browser = Browser::new(self);
        let code = self.code(phone);
        self.remember(&mut browser, username, password, &code).await;
        browser.cookie("remembered").unwrap().to_owned()
    }

    /// Whether a new sign-in with this cookie asks for the second factor.
    async fn asks(
        &self,
        cookie: &str,
        (username, password): (&str, &str),
        more: &[(&str, &str)],
    ) -> bool {
        let mut browser = self.device(cookie);
        let flow = browser.begin(&self.first, REDIRECT, more).await;
        let answer = browser.log_in(&flow, username, password).await;
        let location = answer.is(303).header("location").unwrap();
        if location.starts_with(REDIRECT) {
            code_of(&answer);
            return false;
        }
        let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        assert!(shown.contains("name=\"code\""), "{shown}");
        assert_eq!(browser.cookie("session"), None);
        true
    }

    /// A browser with nothing but this cookie.
    fn device(&self, cookie: &str) -> Browser<'_> {
        let mut browser = Browser::new(self);
        browser.set_cookie("remembered", cookie);
        browser
    }
}

async fn i085_a_remembered_device_is_asked_for_the_password_alone(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    // only where its user wants it
    let mut browser = Browser::new(&world);
    world
        .sign_in_with(&mut browser, "alice", &enrolled.phone, &[])
        .await
        .is(200);
    assert_eq!(browser.cookie("remembered"), None);
    world.pass_time(STEP);
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let alice = ("alice", PASSWORD);
    assert!(world.asks("", alice, &[]).await);
    let mut browser = world.device(&cookie);
    let flow = browser
        .begin(&world.first, REDIRECT, &[("scope", "openid")])
        .await;
    // a wrong password is one
    page(&browser.log_in(&flow, "alice", NEW_PASSWORD).await, 401);
    let code = code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let tokens = world.redeem(&world.first, &code, REDIRECT, &[]).await;
    let found = claims(&tokens.is(200).text("id_token"));
    assert_eq!(
        (&found["acr"], &found["amr"]),
        (&json!("aal1"), &json!(["pwd"]))
    );
    // and the sign-in is one for the other applications and the own page
    assert_eq!(world.silent_error(&mut browser, &[]).await, None);
    let shown = page(&browser.open("/account/factors").await, 200);
    assert!(shown.contains("Remembered devices"), "{shown}");
    // the database does not have the cookie
    let hashes = world
        .db
        .texts("SELECT hash FROM rolecall_remembered_devices");
    assert!(!hashes.await.contains(&cookie));
}

async fn i085_a_remembered_device_never_lifts_acr(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let alice = ("alice", PASSWORD);
    let essential = r#"{"id_token":{"acr":{"essential":true,"value":"aal2"}}}"#;
    assert!(!world.asks(&cookie, alice, &[]).await);
    assert!(world.asks(&cookie, alice, &[("acr_values", "aal2")]).await);
    assert!(world.asks(&cookie, alice, &[("claims", essential)]).await);
    // an earlier sign-in with the device steps up by the factor itself
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let more = [("acr_values", "aal2")];
    let failed = world.silent_error(&mut browser, &more).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    let flow = browser.begin(&world.first, REDIRECT, &more).await;
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
    assert_eq!(world.silent_error(&mut browser, &more).await, None);
    // a client, and a role that is asked for
    let path = format!("/api/clients/{}", world.first.id);
    let admin = world.admin().await;
    let wanted = json!({ "acr": "aal2" });
    world.patch(&path, admin, wanted).await.is(200);
    assert!(world.asks(&cookie, alice, &[]).await);
    // the password grant knows no cookie
    let refused = world.password_grant("alice", PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
}

async fn i085_a_cookie_is_bound_to_its_user_and_its_row(world: Remembering) {
    let alice = world.enrol("alice").await;
    world.enrol("bob").await;
    let cookie = world.remembered("alice", PASSWORD, &alice.phone).await;
    assert!(world.asks(&cookie, ("bob", PASSWORD), &[]).await);
    let hash = world
        .db
        .texts("SELECT hash FROM rolecall_remembered_devices");
    let hash = hash.await.remove(0);
    let longer = format!("{cookie}x");
    for wrong in [hash.as_str(), &longer, &cookie[1..], "", "rd-x"] {
        assert!(world.asks(wrong, ("alice", PASSWORD), &[]).await, "{wrong}");
    }
    // a device does not make a sign-in out of nothing
    let failed = world.silent_error(&mut world.device(&cookie), &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    assert!(!world.asks(&cookie, ("alice", PASSWORD), &[]).await);
    // what was restored from a copy of another era is none
    world
        .db
        .execute("UPDATE rolecall_remembered_devices SET era = 'x'")
        .await;
    assert!(world.asks(&cookie, ("alice", PASSWORD), &[]).await);
}

async fn i085_any_floor_on_the_user_and_the_user_forget_a_device(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    let alice = ("alice", PASSWORD);
    world.create_role("reader", &["items:read"]).await;
    let id = world.id_of("alice").await;
    world.assign(&id, "reader").await;
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    assert!(!world.asks(&cookie, alice, &[]).await);
    world.unassign(&id, "reader").await;
    assert!(world.asks(&cookie, alice, &[]).await);
    // the user, in the list; the sign-in that rests on it ends
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let shown = page(&browser.open("/account/factors").await, 200);
    let (_, rest) = shown.split_once("name=\"device\" value=\"").unwrap();
    let device = rest.split_once('"').unwrap().0.to_owned();
    // of somebody else it is none
    let mut bobs = Browser::new(&world);
    bobs.sign_in_as("bob", &world.first, REDIRECT, &[])
        .await
        .code();
    let form = [("device", device.as_str())];
    bobs.submit("/account/end", &form).await.is(303);
    assert_eq!(world.silent_error(&mut browser, &[]).await, None);
    browser.submit("/account/end", &form).await.is(303);
    let failed = world.silent_error(&mut browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    assert!(world.asks(&cookie, alice, &[]).await);
    // "end all others"
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let mut other = Browser::new(&world);
    world
        .sign_in_with(&mut other, "alice", &enrolled.phone, &[])
        .await
        .is(200);
    world.pass_time(STEP);
    other
        .submit("/account/end", &[("others", "1")])
        .await
        .is(303);
    assert!(world.asks(&cookie, alice, &[]).await);
    // a new password
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let token = world.token_with("alice", &enrolled.phone).await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = world.put_json("/api/me/password", &token, body).await;
    changed.no_content();
    assert!(world.asks(&cookie, ("alice", NEW_PASSWORD), &[]).await);
    assert_eq!(world.db.count("rolecall_remembered_devices").await, 0);
}

async fn i085_a_removed_factor_and_time_forget_a_device(world: Remembering) {
    let first = world.enrol("alice").await;
    let alice = ("alice", PASSWORD);
    let token = world.token_with("alice", &first.phone).await;
    let second = world.enrol_with(&token).await;
    world.pass_time(STEP);
    let cookie = world.remembered("alice", PASSWORD, &second.phone).await;
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let path = format!("/api/me/factors/{}", first.id);
    world.delete(&path, &token).await.no_content();
    assert!(world.asks(&cookie, alice, &[]).await);
    let failed = world.silent_error(&mut browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    // time: also for a browser session that is open still
    let cookie = world.remembered("alice", PASSWORD, &second.phone).await;
    world.pass_time(LIFETIME.checked_sub(STALE).unwrap());
    assert!(!world.asks(&cookie, alice, &[]).await);
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    world.pass_time(STALE);
    assert!(world.asks(&cookie, alice, &[]).await);
    let failed = world.silent_error(&mut browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    browser.open("/account").await.is(303);
}

async fn i086_a_remembered_device_changes_no_factor_and_has_no_rights_of_administrators(
    world: Remembering,
) {
    let enrolled = world.enrol("alice").await;
    let id = world.id_of("alice").await;
    world.assign(&id, "rolecall.admin").await;
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    let code = code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let tokens = world.redeem(&world.first, &code, REDIRECT, &[]).await;
    let token = tokens.is(200).text("access_token");
    world.get("/api/users", &token).await.is(401);
    let body = json!({ "name": "x" });
    let refused = world.post("/api/me/factors/totp", &token, body).await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    // the page leads to a sign-in that asks for the factor itself
    let path = format!("/api/me/factors/{}", enrolled.id);
    world.delete(&path, &token).await.is(401);
    let form = [("factor", enrolled.id.as_str())];
    let led = browser.submit("/account/factors/remove", &form).await;
    let location = led.is(303).header("location").unwrap().to_owned();
    let shown = page(&browser.open(&location).await, 200);
    assert!(shown.contains("name=\"code\""), "{shown}");
    assert_eq!(world.db.count("factors").await, 1);
}

async fn no_device_is_remembered_where_that_is_off(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(!shown.contains("name=\"remember\""), "{shown}");
    let code = world.code(&enrolled.phone);
    let mut browser = Browser::new(&world);
    world.remember(&mut browser, "alice", PASSWORD, &code).await;
    assert_eq!(browser.cookie("remembered"), None);
    assert_eq!(world.db.count("rolecall_remembered_devices").await, 0);
    // a node that remembers none asks for those of a node that does
    let node = world.node(|builder| builder.remember_device(Some(LIFETIME)));
    let node = node.await;
    let mut browser = Browser::new(&node);
    let code = world.code(&enrolled.phone);
    world.remember(&mut browser, "alice", PASSWORD, &code).await;
    let cookie = browser.cookie("remembered").unwrap().to_owned();
    assert!(world.asks(&cookie, ("alice", PASSWORD), &[]).await);
}

async fn y403_a_recovery_code_remembers_no_device(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let by_recovery = format!("/login?flow={flow}&by=recovery");
    let shown = page(&browser.open(&by_recovery).await, 200);
    assert!(!shown.contains("name=\"remember\""), "{shown}");
    let code = &enrolled.recovery_codes[0];
    world.remember(&mut browser, "alice", PASSWORD, code).await;
    assert_eq!(browser.cookie("remembered"), None);
    assert_eq!(world.db.count("rolecall_remembered_devices").await, 0);
}

async fn y474_a_remembered_device_moves_no_address(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let form = [("email", "new@mail.example"), ("password", PASSWORD)];
    let led = browser.submit("/account/address", &form).await;
    let location = led.is(303).header("location").unwrap();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    // that sign-in asks for the factor, and leads back
    let back = browser.second(&flow, &world.code(&enrolled.phone)).await;
    assert_eq!(back.is(303).header("location"), Some("/account"));
    let sent = browser.submit("/account/address", &form).await;
    let location = sent.is(303).header("location");
    assert_eq!(location, Some("/account?notice=link-sent"));
    // a wrong password is one
    let form = [("email", "new@mail.example"), ("password", "wrong")];
    page(&browser.submit("/account/address", &form).await, 401);
}

async fn y477_a_role_in_one_tenant_forgets_no_device(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    world.create_role("reader", &["items:read"]).await;
    let id = world.id_of("alice").await;
    let path = format!("/api/users/{id}/roles/reader?tenant=acme");
    world.put(&path, world.admin().await).await.no_content();
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    world.delete(&path, world.admin().await).await.no_content();
    assert!(!world.asks(&cookie, ("alice", PASSWORD), &[]).await);
}

async fn y494_a_remembered_device_deletes_no_account(world: Remembering) {
    let enrolled = world.enrol("alice").await;
    let cookie = world.remembered("alice", PASSWORD, &enrolled.phone).await;
    let mut browser = world.device(&cookie);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let form = [("password", PASSWORD)];
    let led = browser.submit("/account/delete", &form).await;
    let location = led.is(303).header("location").unwrap();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    let alice = "SELECT COUNT(*) FROM users WHERE username = 'alice'";
    assert_eq!(world.db.number(alice).await, 1);
    // that sign-in asks for the factor, and leads back
    let back = browser.second(&flow, &world.code(&enrolled.phone)).await;
    let location = back.is(303).header("location");
    assert_eq!(location, Some("/account/delete"));
    let left = browser.submit("/account/delete", &form).await;
    assert!(page(&left, 200).contains("Your account is deleted"));
    assert_eq!(world.db.number(alice).await, 0);
}
