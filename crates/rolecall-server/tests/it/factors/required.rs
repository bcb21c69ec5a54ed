//! `login.mfa`: a second factor that everybody needs, or that nobody can add.

use std::time::Duration;

use rolecall_server::config::{Mfa, Quotas};
use serde_json::json;

use super::{REDIRECT, STEP, World, code_of, leads_to_page, page};
use crate::support::{Browser, Database, Fixture, PASSWORD, Phone, TestApp, claims, on_both};

on_both![
    i082_whoever_has_none_adds_one_at_the_sign_in,
    a_form_that_is_sent_twice_loses_no_recovery_codes,
    a_form_that_is_sent_twice_at_once_shows_codes_both_times,
    y532_new_codes_need_the_code_that_has_added_the_application,
    y532_codes_that_are_made_again_count_as_changes,
    i082_an_enrolment_in_a_sign_in_belongs_to_it_alone,
    y444_of_two_first_factors_at_once_one_is_added,
    a_required_factor_is_asked_of_sign_ins_from_before,
    i040_where_factors_are_off_nobody_adds_one_and_all_are_asked,
    the_metadata_name_the_assurance_that_can_be_reached,
];

struct Required(World);

impl std::ops::Deref for Required {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Fixture for Required {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let world = World::on(db).await;
        let World { app, first, other } = world;
        let quotas = Quotas {
            own_changes_per_hour: 10,
            ..Quotas::default()
        };
        let app = app.restart_as(
            |builder| builder.second_factor(Mfa::Required).quotas(quotas),
            async |_| {},
        );
        let app = app.await;
        Self(World { app, first, other })
    }
}

/// The application that a page shows the secret to.
fn scanned(page: &str) -> Phone {
    let secret = page.split_once("<code>").unwrap().1;
    Phone::with(secret.split_once("</code>").unwrap().0)
}

fn codes_in(page: &str) -> Vec<String> {
    let codes = page.split("<code>").skip(1);
    codes
        .map(|text| text.split_once('<').unwrap().0.to_owned())
        .collect()
}

async fn i082_whoever_has_none_adds_one_at_the_sign_in(world: Required) {
    let mut browser = Browser::new(&world);
    let flow = browser
        .begin(&world.first, REDIRECT, &[("scope", "openid")])
        .await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let link = format!("/login?flow={flow}");
    let shown = page(&browser.open(&link).await, 200);
    assert!(shown.contains("<path d=\"M"), "{shown}");
    let phone = scanned(&shown);
    // the same secret each time
    assert_eq!(
        scanned(&page(&browser.open(&link).await, 200)).code(world.now()),
        world.code(&phone)
    );
    let enrol = async |browser: &mut Browser<'_>, code: &str| {
        let form = [("flow", flow.as_str()), ("code", code)];
        browser.submit("/login/enrol", &form).await
    };
    for wrong in ["", "abc", &phone.wrong(world.now(), 0)] {
        let shown = page(&enrol(&mut browser, wrong).await, 401);
        assert!(shown.contains("The code is wrong"), "{shown}");
    }
    leads_to_page(&browser.second(&flow, &world.code(&phone)).await, &flow);
    let code = world.code(&phone);
    let codes = codes_in(&page(&enrol(&mut browser, &code).await, 200));
    assert_eq!(codes.len(), 10);
    assert_eq!(browser.cookie("session"), None);
    // they are not shown again
    let shown = page(&browser.open(&link).await, 200);
    assert!(
        !shown.contains(&codes[0]) && shown.contains("Continue"),
        "{shown}"
    );
    let answer = browser.submit("/login/enrol", &[("flow", &flow)]).await;
    let tokens = world
        .redeem(&world.first, &code_of(&answer), REDIRECT, &[])
        .await;
    let found = claims(&tokens.is(200).text("id_token"));
    assert_eq!(found["amr"], json!(["pwd", "otp", "mfa"]));
    // from now on it is asked for, and the code that has confirmed it is used up
    let mut other = Browser::new(&world);
    let flow = other.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&other.log_in(&flow, "alice", PASSWORD).await, &flow);
    page(&other.second(&flow, &code).await, 401);
    code_of(&other.second(&flow, &codes[3]).await);
    world.pass_time(STEP);
}

async fn a_form_that_is_sent_twice_loses_no_recovery_codes(world: Required) {
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let link = format!("/login?flow={flow}");
    let phone = scanned(&page(&browser.open(&link).await, 200));
    let code = world.code(&phone);
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    let sent = browser.submit("/login/enrol", &form).await;
    let lost = codes_in(&page(&sent, 200));
    let sent = browser.submit("/login/enrol", &form).await;
    let seen = codes_in(&page(&sent, 200));
    assert_eq!(seen.len(), 10);
    assert_eq!(world.db.count("recovery_codes").await, 10);
    assert_eq!(world.db.count("factors").await, 1);
    world.pass_time(Duration::from_mins(2));
    // later it is no second press
    code_of(&browser.submit("/login/enrol", &form).await);
    let mut other = Browser::new(&world);
    let flow = other.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&other.log_in(&flow, "alice", PASSWORD).await, &flow);
    page(&other.second(&flow, &lost[0]).await, 401);
}

async fn a_form_that_is_sent_twice_at_once_shows_codes_both_times(world: Required) {
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let link = format!("/login?flow={flow}");
    let phone = scanned(&page(&browser.open(&link).await, 200));
    let code = world.code(&phone);
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    let mut again = browser.clone();
    let (one, two) = tokio::join!(
        browser.submit("/login/enrol", &form),
        again.submit("/login/enrol", &form)
    );
    for sent in [one, two] {
        assert_eq!(codes_in(&page(&sent, 200)).len(), 10);
    }
    assert_eq!(world.db.count("factors").await, 1);
}

async fn y532_new_codes_need_the_code_that_has_added_the_application(world: Required) {
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let link = format!("/login?flow={flow}");
    let phone = scanned(&page(&browser.open(&link).await, 200));
    let code = world.code(&phone);
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    page(&browser.submit("/login/enrol", &form).await, 200);
    let stored = "SELECT hash FROM recovery_codes ORDER BY hash";
    let codes = world.db.texts(stored).await;
    assert_eq!(codes.len(), 10);
    let wrong = phone.wrong(world.now(), 0);
    let form = [("flow", flow.as_str()), ("code", wrong.as_str())];
    // the sign-in goes on, as after the button that sends none
    code_of(&browser.submit("/login/enrol", &form).await);
    assert_eq!(world.db.texts(stored).await, codes);
}

async fn y532_codes_that_are_made_again_count_as_changes(world: Required) {
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let link = format!("/login?flow={flow}");
    let phone = scanned(&page(&browser.open(&link).await, 200));
    let code = world.code(&phone);
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    for _ in 0..11 {
        let sent = browser.submit("/login/enrol", &form).await;
        assert_eq!(codes_in(&page(&sent, 200)).len(), 10);
    }
    let entries = world.db.count("audit").await;
    let refused = browser.submit("/login/enrol", &form).await;
    assert!(refused.is(429).header("retry-after").is_some());
    assert_eq!(world.db.count("audit").await, entries);
    // the sign-in goes on all the same
    code_of(&browser.submit("/login/enrol", &[("flow", &flow)]).await);
}

async fn i082_an_enrolment_in_a_sign_in_belongs_to_it_alone(world: Required) {
    let mut one = Browser::new(&world);
    let first = one.begin(&world.first, REDIRECT, &[]).await;
    // before the password there is none
    let form = [("flow", first.as_str()), ("code", "000000")];
    leads_to_page(&one.submit("/login/enrol", &form).await, &first);
    assert_eq!(world.db.count("factors").await, 0);
    leads_to_page(&one.log_in(&first, "alice", PASSWORD).await, &first);
    let mine = scanned(&page(&one.open(&format!("/login?flow={first}")).await, 200));
    let mut two = Browser::new(&world);
    let second = two.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&two.log_in(&second, "alice", PASSWORD).await, &second);
    let theirs = scanned(&page(
        &two.open(&format!("/login?flow={second}")).await,
        200,
    ));
    assert_ne!(world.code(&mine), world.code(&theirs));
    let code = world.code(&mine);
    let form = [("flow", second.as_str()), ("code", code.as_str())];
    page(&two.submit("/login/enrol", &form).await, 401);
    // another subject begins anew
    leads_to_page(
        &two.submit("/login/other", &[("flow", &second)]).await,
        &second,
    );
    leads_to_page(&two.log_in(&second, "bob", PASSWORD).await, &second);
    let bobs = scanned(&page(
        &two.open(&format!("/login?flow={second}")).await,
        200,
    ));
    assert_ne!(world.code(&bobs), world.code(&theirs));
    let form = [("flow", first.as_str()), ("code", code.as_str())];
    one.submit("/login/enrol", &form).await.is(200);
    code_of(&one.submit("/login/enrol", &[("flow", &first)]).await);
    // whoever was about to add one is asked for the one that is there now
    let mut three = Browser::new(&world);
    let third = three.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&three.log_in(&third, "alice", PASSWORD).await, &third);
    let shown = page(&three.open(&format!("/login?flow={third}")).await, 200);
    assert!(!shown.contains("Add an authenticator app"), "{shown}");
}

async fn y444_of_two_first_factors_at_once_one_is_added(world: Required) {
    let begin = async |browser: &mut Browser<'_>, name: &str| {
        let flow = browser.begin(&world.first, REDIRECT, &[]).await;
        leads_to_page(&browser.log_in(&flow, name, PASSWORD).await, &flow);
        let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        let phone = scanned(&shown);
        (flow, world.code(&phone))
    };
    for name in ["alice", "bob"] {
        let (mut owner, mut thief) = (Browser::new(&world), Browser::new(&world));
        let (own, code) = begin(&mut owner, name).await;
        let (other, guess) = begin(&mut thief, name).await;
        let own = [("flow", own.as_str()), ("code", code.as_str())];
        let other = [("flow", other.as_str()), ("code", guess.as_str())];
        let answers = tokio::join!(
            owner.submit("/login/enrol", &own),
            thief.submit("/login/enrol", &other)
        );
        let statuses = [answers.0.status, answers.1.status];
        let added = statuses.iter().filter(|status| status.as_u16() == 200);
        assert_eq!(added.count(), 1, "{name}: {statuses:?}");
        let confirmed = format!(
            "SELECT f.id FROM factors f JOIN users u ON u.id = f.subject_id \
             WHERE u.username = '{name}' AND f.confirmed"
        );
        assert_eq!(world.db.texts(&confirmed).await.len(), 1, "{name}");
    }
}

async fn a_required_factor_is_asked_of_sign_ins_from_before(world: World) {
    let mut browser = Browser::new(&world);
    browser.sign_in(&world.first, REDIRECT, &[]).await.code();
    let required = world
        .node(|builder| builder.second_factor(Mfa::Required))
        .await;
    browser.go_to(&required);
    let failed = world.silent_error(&mut browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    let location = browser.open("/account").await;
    let location = location.is(303).header("location").unwrap().to_owned();
    let shown = page(&browser.open(&location).await, 200);
    assert!(shown.contains("Add an authenticator app"), "{shown}");
    let refused = required.password_grant("alice", PASSWORD).await;
    refused.oauth_error(400, "invalid_grant");
    assert_eq!(refused.json["detail"], "Second factor required");
    // half an hour later the password comes first
    world.pass_time(Duration::from_mins(30));
    let location = browser.open("/account").await;
    let location = location.is(303).header("location").unwrap().to_owned();
    let shown = page(&browser.open(&location).await, 200);
    assert!(shown.contains("name=\"password\""), "{shown}");
}

async fn i040_where_factors_are_off_nobody_adds_one_and_all_are_asked(world: World) {
    let enrolled = world.enrol("alice").await;
    let token = world.log_in("bob").await;
    let (id, phone) = world.begin_enrolment(&token).await;
    let World { app, first, other } = world;
    let app: TestApp = app
        .restart_as(|builder| builder.second_factor(Mfa::Off), async |_| {})
        .await;
    let world = World { app, first, other };
    world
        .post("/api/me/factors/totp", &token, json!({}))
        .await
        .is(403);
    world
        .confirm(&token, &id, &world.code(&phone))
        .await
        .is(403);
    let mut bob = Browser::new(&world);
    bob.sign_in_as("bob", &world.first, REDIRECT, &[])
        .await
        .code();
    let shown = page(&bob.open("/account/factors").await, 200);
    assert!(!shown.contains("factors/add"), "{shown}");
    page(
        &bob.submit("/account/factors/add", &[("name", "x")]).await,
        403,
    );
    // what cannot be reached is refused
    let claims = json!({ "id_token": { "acr": { "essential": true, "value": "aal2" } } });
    let claims = claims.to_string();
    let failed = world.silent_error(&mut bob, &[("claims", &claims)]).await;
    assert_eq!(failed.as_deref(), Some("unmet_authentication_requirements"));
    // one that is there still protects its account
    world
        .password_grant("alice", PASSWORD)
        .await
        .oauth_error(400, "invalid_grant");
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
}

async fn the_metadata_name_the_assurance_that_can_be_reached(app: TestApp) {
    let off = app.node(|builder| builder.second_factor(Mfa::Off)).await;
    // browsers have no passkeys for addresses
    let address = app.node(|builder| builder.public_url("https://192.0.2.1"));
    let address = address.await;
    for (node, reachable) in [
        (&*app, json!(["aal1", "aal2", "phr"])),
        (&address, json!(["aal1", "aal2"])),
        (&off, json!(["aal1"])),
    ] {
        let metadata = node.get("/.well-known/openid-configuration", "").await;
        assert_eq!(metadata.is(200).json["acr_values_supported"], reachable);
    }
}
