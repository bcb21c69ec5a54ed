//! The page of the own second factors.

use serde_json::json;

use super::{REDIRECT, STALE, STEP, World, page};
use crate::support::{Browser, PASSWORD, Phone, on_both};

on_both![
    a_factor_is_added_on_the_page_and_counts_in_this_browser_at_once,
    y530_the_browser_in_which_an_administrator_adds_a_factor_goes_on,
    i082_an_old_sign_in_leads_to_a_fresh_one_and_back,
    y310_removing_the_factor_of_this_browser_ends_it,
    i034_a_form_of_another_site_changes_no_factor,
    i084_the_page_knows_only_own_factors,
    y479_whoever_holds_roles_that_are_kept_apart_changes_what_is_theirs,
];

const PAGE: &str = "/account/factors";

async fn signed_in<'a>(world: &'a World, username: &str) -> Browser<'a> {
    let mut browser = Browser::new(world);
    browser
        .sign_in_as(username, &world.first, REDIRECT, &[])
        .await
        .code();
    browser
}

/// The value of a hidden field.
fn field(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let value = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("{page}"))
        .1;
    value.split_once('"').unwrap().0.to_owned()
}

async fn add(browser: &mut Browser<'_>, name: &str) -> (String, Phone) {
    let shown = page(
        &browser
            .submit("/account/factors/add", &[("name", name)])
            .await,
        200,
    );
    let secret = shown.split_once("<code>").unwrap().1;
    let phone = Phone::with(secret.split_once('<').unwrap().0);
    (field(&shown, "factor"), phone)
}

async fn a_factor_is_added_on_the_page_and_counts_in_this_browser_at_once(world: World) {
    let mut browser = signed_in(&world, "alice").await;
    let before = browser.cookie("session").unwrap().to_owned();
    let shown = page(&browser.open(PAGE).await, 200);
    assert!(
        shown.contains("You have no authenticator app yet"),
        "{shown}"
    );
    assert!(page(&browser.open("/account").await, 200).contains(PAGE));
    let (factor, phone) = add(&mut browser, "<b>My phone").await;
    let wrong = phone.wrong(world.now(), 0);
    let form = [("factor", factor.as_str()), ("code", wrong.as_str())];
    let shown = page(
        &browser.submit("/account/factors/confirm", &form).await,
        422,
    );
    assert!(shown.contains("The code is wrong") && field(&shown, "factor") == factor);
    let code = world.code(&phone);
    let form = [("factor", factor.as_str()), ("code", code.as_str())];
    let shown = page(
        &browser.submit("/account/factors/confirm", &form).await,
        200,
    );
    let codes = shown.matches("<code>").count();
    assert_eq!(codes, 10, "{shown}");
    // this browser has just proven it, with another cookie
    assert_ne!(browser.cookie("session"), Some(before.as_str()));
    let shown = page(&browser.open(PAGE).await, 200);
    assert!(
        shown.contains("&lt;b&gt;My phone") && shown.contains("Codes that are left: 10"),
        "{shown}"
    );
    assert!(!shown.contains("<b>"));
    assert_eq!(world.silent_error(&mut browser, &[]).await, None);
    let mut thief = Browser::new(&world);
    thief.set_cookie("session", &before);
    thief.open(PAGE).await.is(303);
    // and may change it
    let rename = [("factor", factor.as_str()), ("name", "Tablet")];
    browser
        .submit("/account/factors/rename", &rename)
        .await
        .is(303);
    let shown = page(&browser.open(PAGE).await, 200);
    assert!(shown.contains("Tablet"), "{shown}");
    let shown = page(
        &browser
            .submit("/account/factors/codes", &[("x", "y")])
            .await,
        200,
    );
    assert_eq!(shown.matches("<code>").count(), 10);
    // a second one brings no codes
    let (factor, phone) = add(&mut browser, "").await;
    let code = world.code(&phone);
    let form = [("factor", factor.as_str()), ("code", code.as_str())];
    browser
        .submit("/account/factors/confirm", &form)
        .await
        .is(303);
    let shown = page(&browser.open(PAGE).await, 200);
    assert!(shown.contains(">Authenticator<"), "{shown}");
}

async fn y530_the_browser_in_which_an_administrator_adds_a_factor_goes_on(world: World) {
    let alice = world.id_of("alice").await;
    world.assign(&alice, "rolecall.admin").await;
    let mut browser = signed_in(&world, "alice").await;
    let mut other = signed_in(&world, "alice").await;
    let before = world.log_in("alice").await;
    let (factor, phone) = add(&mut browser, "").await;
    let code = world.code(&phone);
    let form = [("factor", factor.as_str()), ("code", code.as_str())];
    let shown = browser.submit("/account/factors/confirm", &form).await;
    page(&shown, 200);
    world.get("/api/users", &before).await.ended_token();
    for path in [PAGE, "/account", "/admin"] {
        page(&browser.open(path).await, 200);
    }
    assert_eq!(world.silent_error(&mut browser, &[]).await, None);
    // where it was not proven, it is asked for
    for path in [PAGE, "/admin"] {
        other.open(path).await.is(303);
    }
}

async fn i082_an_old_sign_in_leads_to_a_fresh_one_and_back(world: World) {
    let mut browser = signed_in(&world, "alice").await;
    world.pass_time(STALE);
    page(&browser.open(PAGE).await, 200);
    let sent = browser
        .submit("/account/factors/add", &[("name", "x")])
        .await;
    let location = sent.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    let shown = page(&browser.open(&location).await, 200);
    assert!(shown.contains("name=\"password\"") && shown.contains("value=\"alice\""));
    assert!(!shown.contains("Continue as"), "{shown}");
    // as nobody else
    page(&browser.log_in(&flow, "alice", "wrong").await, 401);
    let back = browser.log_in(&flow, "alice", PASSWORD).await;
    let back = back.is(303).header("location").unwrap().to_owned();
    assert_eq!(
        back,
        "/account/factors?notice=signed-in-again&kind=application&name=x"
    );
    let shown = page(&browser.open(&back).await, 200);
    assert!(shown.contains("You can make the change now"), "{shown}");
    // the form has what was chosen before
    assert!(shown.contains("name=\"name\" value=\"x\""), "{shown}");
    let (factor, phone) = add(&mut browser, "x").await;
    let code = world.code(&phone);
    let form = [("factor", factor.as_str()), ("code", code.as_str())];
    page(
        &browser.submit("/account/factors/confirm", &form).await,
        200,
    );
    // now a fresh sign-in is one with both factors
    world.pass_time(STALE);
    let sent = browser
        .submit("/account/factors/remove", &[("factor", &factor)])
        .await;
    let location = sent.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    super::leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    assert_eq!(world.db.count("factors").await, 1);
    let back = browser.second(&flow, &world.code(&phone)).await;
    assert_eq!(
        back.is(303).header("location"),
        Some("/account/factors?notice=signed-in-again")
    );
    browser
        .submit("/account/factors/remove", &[("factor", &factor)])
        .await
        .is(303);
    assert_eq!(world.db.count("factors").await, 0);
}

async fn y310_removing_the_factor_of_this_browser_ends_it(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let tokens = world
        .sign_in_with(&mut browser, "alice", &enrolled.phone, &[])
        .await;
    let token = tokens.is(200).text("access_token");
    let form = [("factor", enrolled.id.as_str())];
    browser
        .submit("/account/factors/remove", &form)
        .await
        .is(303);
    world.get("/api/me", &token).await.ended_token();
    browser.open(PAGE).await.is(303);
    assert_eq!(world.db.count("browser_sessions").await, 0);
}

async fn i034_a_form_of_another_site_changes_no_factor(world: World) {
    let mut browser = signed_in(&world, "alice").await;
    for path in ["add", "confirm", "rename", "remove", "codes"] {
        let path = format!("/account/factors/{path}");
        let headers = [("sec-fetch-site", "cross-site")];
        browser
            .submit_with(&path, &[("name", "x")], &headers)
            .await
            .is(403);
        // and without a session it leads to the sign-in
        let mut stranger = Browser::new(&world);
        stranger.submit(&path, &[("name", "x")]).await.is(303);
    }
    assert_eq!(world.db.count("factors").await, 0);
}

async fn i084_the_page_knows_only_own_factors(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = signed_in(&world, "bob").await;
    let other = enrolled.id.as_str();
    browser
        .submit("/account/factors/remove", &[("factor", other)])
        .await
        .is(303);
    let rename = [("factor", other), ("name", "mine")];
    browser
        .submit("/account/factors/rename", &rename)
        .await
        .is(303);
    let code = world.code(&enrolled.phone);
    let confirm = [("factor", other), ("code", code.as_str())];
    let shown = page(
        &browser.submit("/account/factors/confirm", &confirm).await,
        422,
    );
    assert!(shown.contains("That took too long"), "{shown}");
    assert_eq!(world.db.texts("SELECT name FROM factors").await, ["Phone"]);
    world.pass_time(STEP);
}

async fn y479_whoever_holds_roles_that_are_kept_apart_changes_what_is_theirs(world: World) {
    let mut browser = signed_in(&world, "alice").await;
    let alice = world.id_of("alice").await;
    for role in ["orders", "pays"] {
        world
            .create_plain_role(role, &[&format!("payments:{role}")])
            .await;
        world.assign(&alice, role).await;
    }
    let body = json!({
        "name": "apart", "kind": "dynamic", "roles": ["orders", "pays"], "at_most": 1,
    });
    let created = world.post("/api/constraints", world.admin().await, body);
    created.await.is(201);
    let (factor, phone) = add(&mut browser, "Phone").await;
    let code = world.code(&phone);
    let form = [("factor", factor.as_str()), ("code", code.as_str())];
    let confirmed = browser.submit("/account/factors/confirm", &form).await;
    page(&confirmed, 200);
    let form = [("factor", factor.as_str()), ("name", "Tablet")];
    let renamed = browser.submit("/account/factors/rename", &form).await;
    assert_eq!(renamed.is(303).header("location"), Some(PAGE));
    let names = "SELECT name FROM factors";
    assert_eq!(world.db.texts(names).await, ["Tablet"]);
}
