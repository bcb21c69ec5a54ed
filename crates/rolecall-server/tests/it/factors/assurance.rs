//! The assurance that clients ask for, and what a sign-in reaches (OpenID Connect Core section 5.5.1.1, RFC 9470).

use serde_json::{Value, json};

use super::{REDIRECT, STALE, STEP, World, code_of, leads_to_page, page};
use crate::support::{Browser, PASSWORD, SignInAnswer, claims, on_both, password_form};

on_both![
    m045_m189_an_essential_acr_is_reached_or_refused,
    m046_acr_values_are_a_wish,
    m045_an_earlier_sign_in_steps_up_by_the_second_factor_alone,
    m045_an_essential_acr_adds_a_factor,
    i038_a_step_up_changes_the_cookie,
    a_client_asks_for_a_second_factor_at_every_sign_in,
    y400_a_raised_acr_of_a_client_ends_what_does_not_reach_it,
];

fn essential(values: &Value) -> String {
    json!({ "id_token": { "acr": { "essential": true, "values": values } } }).to_string()
}

async fn acr_of(world: &World, answer: &crate::support::Response) -> String {
    let tokens = world
        .redeem(&world.first, &code_of(answer), REDIRECT, &[])
        .await;
    let claims = claims(&tokens.is(200).text("id_token"));
    claims["acr"].as_str().unwrap().to_owned()
}

async fn m045_m189_an_essential_acr_is_reached_or_refused(world: World) {
    let mut browser = Browser::new(&world);
    for (values, error) in [
        (json!(["gold"]), Some("unmet_authentication_requirements")),
        (
            json!(["gold", 1, null]),
            Some("unmet_authentication_requirements"),
        ),
        (json!(["gold", "aal1"]), None),
        (json!([]), None),
    ] {
        let claims = essential(&values);
        let more = [("claims", claims.as_str())];
        let answer = browser.authorize(&world.first, REDIRECT, &more).await;
        let found = SignInAnswer::of(&answer, REDIRECT);
        assert_eq!(
            found.map(|found| found.error().to_owned()).as_deref(),
            error,
            "{values}"
        );
    }
    let enrolled = world.enrol("alice").await;
    let claims = essential(&json!(["aal2"]));
    let more = [("claims", claims.as_str()), ("scope", "openid")];
    let flow = browser.begin(&world.first, REDIRECT, &more).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let answer = browser.second(&flow, &world.code(&enrolled.phone)).await;
    assert_eq!(acr_of(&world, &answer).await, "aal2");
    assert_eq!(world.silent_error(&mut browser, &more[..1]).await, None);
}

async fn m046_acr_values_are_a_wish(world: World) {
    let wishes = ["aal2", "phr aal2", "gold", "urn:x aal1", ""];
    for wish in wishes {
        let mut browser = Browser::new(&world);
        let more = [("acr_values", wish), ("scope", "openid")];
        let flow = browser.begin(&world.first, REDIRECT, &more).await;
        let answer = browser.log_in(&flow, "alice", PASSWORD).await;
        assert_eq!(acr_of(&world, &answer).await, "aal1", "{wish}");
    }
    let enrolled = world.enrol("alice").await;
    for wish in wishes {
        let mut browser = Browser::new(&world);
        let more = [("acr_values", wish), ("scope", "openid")];
        let flow = browser.begin(&world.first, REDIRECT, &more).await;
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        let answer = browser.second(&flow, &world.code(&enrolled.phone)).await;
        assert_eq!(acr_of(&world, &answer).await, "aal2", "{wish}");
        world.pass_time(STEP);
    }
}

async fn m045_an_earlier_sign_in_steps_up_by_the_second_factor_alone(world: World) {
    let mut browser = Browser::new(&world);
    browser.sign_in(&world.first, REDIRECT, &[]).await.code();
    let signed_in_at = world.now().seconds();
    let enrolled = world.enrol("alice").await;
    let failed = world.silent_error(&mut browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    let flow = browser
        .begin(&world.first, REDIRECT, &[("scope", "openid")])
        .await;
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"code\"") && !shown.contains("name=\"password\""));
    let answer = browser.second(&flow, &world.code(&enrolled.phone)).await;
    let tokens = world
        .redeem(&world.first, &code_of(&answer), REDIRECT, &[])
        .await;
    let found = claims(&tokens.is(200).text("id_token"));
    assert_eq!(found["amr"], json!(["pwd", "otp", "mfa"]));
    // as old as the older proof
    assert_eq!(found["auth_time"], signed_in_at);
    assert_eq!(world.db.count("browser_sessions").await, 1);
    assert_eq!(world.silent_error(&mut browser, &[]).await, None);
    let account = page(&browser.open("/account").await, 200);
    assert!(account.contains("Second factors"), "{account}");
}

async fn m045_an_essential_acr_adds_a_factor(world: World) {
    let mut browser = Browser::new(&world);
    let essential = essential(&json!(["aal2"]));
    let more = [("claims", essential.as_str()), ("scope", "openid")];
    let flow = browser.begin(&world.first, REDIRECT, &more).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("Add an authenticator app"), "{shown}");
    // without a page, nobody is asked
    let silent = world.silent_error(&mut browser, &more[..1]).await;
    assert_eq!(silent.as_deref(), Some("login_required"));
    // an earlier sign-in that is not fresh does not add one
    let mut other = Browser::new(&world);
    other.sign_in(&world.first, REDIRECT, &[]).await.code();
    world.pass_time(STALE);
    let flow = other.begin(&world.first, REDIRECT, &more).await;
    let shown = page(&other.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"password\""), "{shown}");
    leads_to_page(
        &other.submit("/login/continue", &[("flow", &flow)]).await,
        &flow,
    );
    let shown = page(&other.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"password\""), "{shown}");
    leads_to_page(&other.log_in(&flow, "alice", PASSWORD).await, &flow);
    let shown = page(&other.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("Add an authenticator app"), "{shown}");
    assert_eq!(
        world
            .db
            .number("SELECT COUNT(*) FROM factors WHERE confirmed")
            .await,
        0
    );
}

async fn i038_a_step_up_changes_the_cookie(world: World) {
    let mut browser = Browser::new(&world);
    browser.sign_in(&world.first, REDIRECT, &[]).await.code();
    let before = browser.cookie("session").unwrap().to_owned();
    let enrolled = world.enrol("alice").await;
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
    assert_ne!(browser.cookie("session"), Some(before.as_str()));
    let mut thief = Browser::new(&world);
    thief.set_cookie("session", &before);
    let failed = world.silent_error(&mut thief, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
}

async fn a_client_asks_for_a_second_factor_at_every_sign_in(world: World) {
    let path = format!("/api/clients/{}", world.first.id);
    let admin = world.admin().await;
    for wrong in ["gold", "phr", "AAL2", ""] {
        let refused = world.patch(&path, admin, json!({ "acr": wrong })).await;
        refused.invalid(&["body", "acr"]);
    }
    let mut earlier = Browser::new(&world);
    earlier.sign_in(&world.first, REDIRECT, &[]).await.code();
    let changed = world.patch(&path, admin, json!({ "acr": "aal2" })).await;
    assert_eq!(changed.is(200).json["acr"], "aal2");
    let failed = world.silent_error(&mut earlier, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    // a sign-in to another application goes on as before
    let flow = earlier.begin(&world.other, REDIRECT, &[]).await;
    code_of(&earlier.decide(&flow, "allow").await);
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let more = [("scope", "openid")];
    let flow = browser.begin(&world.first, REDIRECT, &more).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let answer = browser.second(&flow, &world.code(&enrolled.phone)).await;
    assert_eq!(acr_of(&world, &answer).await, "aal2");
    let mut bob = Browser::new(&world);
    let flow = bob.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&bob.log_in(&flow, "bob", PASSWORD).await, &flow);
    let shown = page(&bob.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("Add an authenticator app"), "{shown}");
}

async fn y400_a_raised_acr_of_a_client_ends_what_does_not_reach_it(world: World) {
    let path = format!("/api/clients/{}", world.first.id);
    let admin = world.admin().await;
    let members = json!({ "grants": ["authorization_code", "refresh_token", "password"] });
    world.patch(&path, admin, members).await.is(200);
    let mut bob = Browser::new(&world);
    let flow = bob.begin(&world.first, REDIRECT, &[]).await;
    let code = code_of(&bob.log_in(&flow, "bob", PASSWORD).await);
    let tokens = world.redeem(&world.first, &code, REDIRECT, &[]).await;
    let access = tokens.is(200).text("access_token");
    let flow = bob.begin(&world.first, REDIRECT, &[("prompt", "login")]);
    let flow = flow.await;
    let unused = code_of(&bob.log_in(&flow, "bob", PASSWORD).await);
    let enrolled = world.enrol("alice").await;
    let mut alice = Browser::new(&world);
    let strong = world.sign_in_with(&mut alice, "alice", &enrolled.phone, &[]);
    let strong = strong.await;
    let form = password_form("bob", PASSWORD);
    let by_password = || world.form_as(&world.first, "/token", &form).send();
    by_password().await.is(200);
    world
        .patch(&path, admin, json!({ "acr": "aal2" }))
        .await
        .is(200);
    world.get("/api/me", &access).await.ended_token();
    let lost = tokens.text("refresh_token");
    let refreshed = world.refresh_through(&world.first, &lost).await;
    refreshed.oauth_error(400, "invalid_grant");
    let redeemed = world.redeem(&world.first, &unused, REDIRECT, &[]).await;
    redeemed.oauth_error(400, "invalid_grant");
    let refused = by_password().await;
    refused.oauth_error(400, "invalid_grant");
    assert_eq!(refused.text("error_description"), "Second factor required");
    // a session with both factors goes on
    let kept = strong.text("refresh_token");
    let refreshed = world.refresh_through(&world.first, &kept).await;
    let access = refreshed.is(200).text("access_token");
    world.get("/api/me", &access).await.is(200);
}
