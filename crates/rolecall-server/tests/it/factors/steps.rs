//! The second step of a sign-in, in whatever order a browser or an attacker sends the forms.

use super::{REDIRECT, STEP, World, code_of, leads_to_page, page};
use crate::support::{Browser, PASSWORD, claims, on_both};

on_both![
    i035_no_step_is_skipped_to_get_around_the_second_factor,
    i037_a_password_alone_is_half_a_sign_in,
    i036_another_subject_begins_anew_after_the_password,
    i079_a_code_works_once,
    i080_of_two_requests_with_one_code_one_succeeds,
    i084_the_code_of_somebody_else_is_wrong,
    a_sign_in_with_two_factors_says_so,
    a_recovery_code_signs_in,
];

const SECOND: &str = "name=\"code\"";

async fn i035_no_step_is_skipped_to_get_around_the_second_factor(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.other, REDIRECT, &[]).await;
    // before the password
    let code = world.code(&enrolled.phone);
    leads_to_page(&browser.second(&flow, &code).await, &flow);
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    for (path, field) in [
        ("/consent", ("decision", "allow")),
        ("/consent", ("decision", "deny")),
        ("/login/choice", ("role", "reader")),
        ("/login/choice", ("tenant", "acme")),
        ("/login/continue", ("x", "y")),
        ("/login/enrol", ("x", "y")),
        ("/login/enrol", ("code", code.as_str())),
        ("/login", ("username", "bob")),
        ("/login/password", ("username", "alice")),
    ] {
        let form = [("flow", flow.as_str()), field];
        leads_to_page(&browser.submit(path, &form).await, &flow);
        let shown = page(&browser.open(&format!("/consent?flow={flow}")).await, 200);
        assert!(shown.contains(SECOND), "{path}: {shown}");
        assert!(!shown.contains("name=\"decision\""), "{path}");
    }
    let changed = page(
        &browser.open(&format!("/login/password?flow={flow}")).await,
        200,
    );
    assert!(changed.contains(SECOND) && !changed.contains("name=\"new\""));
    // the code was not used up by any of them; the consent is due after it
    leads_to_page(&browser.second(&flow, &code).await, &flow);
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"decision\""), "{shown}");
    leads_to_page(&browser.second(&flow, &code).await, &flow);
    code_of(&browser.decide(&flow, "allow").await);
}

async fn i037_a_password_alone_is_half_a_sign_in(world: World) {
    world.enrol("alice").await;
    let sessions = world.db.count("sessions").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    let half = browser.log_in(&flow, "alice", PASSWORD).await;
    leads_to_page(&half, &flow);
    assert_eq!(browser.cookie("session"), None);
    // nor is the device known, by which guesses are counted apart
    assert_eq!(browser.cookie("device"), None);
    for table in ["browser_sessions", "authorization_codes"] {
        assert_eq!(world.db.count(table).await, 0, "{table}");
    }
    assert_eq!(world.db.count("sessions").await, sessions);
    let secret = browser.cookie("flow").unwrap().to_owned();
    browser.set_cookie("session", &secret);
    for path in ["/account", "/account/factors"] {
        let location = browser.open(path).await;
        let location = location.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{path}");
    }
    let failed = world.silent_error(&mut browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    for path in ["/api/me", "/api/me/factors"] {
        browser.open(path).await.is(401);
        world.get(path, &secret).await.is(401);
    }
    let events = "SELECT kind FROM audit_events WHERE detail = 'second_factor_due'";
    assert_eq!(world.db.texts(events).await, ["password_proven"]);
}

async fn i036_another_subject_begins_anew_after_the_password(world: World) {
    let alices = world.enrol("alice").await;
    let bobs = world.enrol("bob").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let other = browser.submit("/login/other", &[("flow", &flow)]).await;
    leads_to_page(&other, &flow);
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"password\"") && !shown.contains(SECOND));
    leads_to_page(&browser.log_in(&flow, "bob", PASSWORD).await, &flow);
    page(
        &browser.second(&flow, &world.code(&alices.phone)).await,
        401,
    );
    let code = code_of(&browser.second(&flow, &world.code(&bobs.phone)).await);
    let tokens = world.redeem(&world.first, &code, REDIRECT, &[]).await;
    let access = tokens.is(200).text("access_token");
    assert_eq!(claims(&access)["sub"], world.id_of("bob").await.as_str());
}

async fn i079_a_code_works_once(world: World) {
    let token = world.log_in("alice").await;
    let enrolled = world.enrol_with(&token).await;
    let mut browser = Browser::new(&world);
    let first = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&first, "alice", PASSWORD).await, &first);
    // the code that has confirmed the application
    let enrolling = world.code(&enrolled.phone);
    let shown = page(&browser.second(&first, &enrolling).await, 401);
    assert!(shown.contains("used before"), "{shown}");
    world.pass_time(STEP);
    page(&browser.second(&first, &enrolling).await, 401);
    let next = world.code(&enrolled.phone);
    code_of(&browser.second(&first, &next).await);
    // the same code in another sign-in, and an older one
    let mut other = Browser::new(&world);
    let second = other.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&other.log_in(&second, "alice", PASSWORD).await, &second);
    for code in [&next, &enrolling] {
        page(&other.second(&second, code).await, 401);
    }
    assert_eq!(other.cookie("session"), None);
    world.pass_time(STEP);
    page(&other.second(&second, &next).await, 401);
    // a clock that is one step ahead, after which the present one is too old
    let ahead = enrolled.phone.code(world.now().plus(STEP));
    let present = world.code(&enrolled.phone);
    code_of(&other.second(&second, &ahead).await);
    let third = other
        .begin(&world.first, REDIRECT, &[("prompt", "login")])
        .await;
    leads_to_page(&other.log_in(&third, "alice", PASSWORD).await, &third);
    page(&other.second(&third, &present).await, 401);
}

async fn i080_of_two_requests_with_one_code_one_succeeds(world: World) {
    let enrolled = world.enrol("alice").await;
    let node = world.second_node().await;
    let code = world.code(&enrolled.phone);
    let codes = [code, enrolled.recovery_codes[0].clone()];
    for code in &codes {
        let (mut one, mut two) = (Browser::new(&world), Browser::new(&world));
        let mut flows = Vec::new();
        for browser in [&mut one, &mut two] {
            let flow = browser.begin(&world.first, REDIRECT, &[]).await;
            leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
            flows.push(flow);
        }
        two.go_to(&node);
        let (first, second) =
            tokio::join!(one.second(&flows[0], code), two.second(&flows[1], code));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 401], "{first:?} {second:?}");
    }
    assert_eq!(world.db.count("browser_sessions").await, 2);
    assert_eq!(world.db.count("recovery_codes").await, 9);
}

async fn i084_the_code_of_somebody_else_is_wrong(world: World) {
    let alices = world.enrol("alice").await;
    let bobs = world.enrol("bob").await;
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    for code in [&world.code(&bobs.phone), &bobs.recovery_codes[0]] {
        page(&browser.second(&flow, code).await, 401);
    }
    // naming somebody, or a factor, changes nothing
    let bob = world.id_of("bob").await;
    let code = world.code(&bobs.phone);
    let form = [
        ("flow", flow.as_str()),
        ("code", &code),
        ("username", "bob"),
        ("subject", &bob),
        ("factor", &bobs.id),
    ];
    page(&browser.submit("/login/second", &form).await, 401);
    assert_eq!(world.db.count("recovery_codes").await, 20);
    code_of(&browser.second(&flow, &world.code(&alices.phone)).await);
}

async fn a_sign_in_with_two_factors_says_so(world: World) {
    let enrolled = world.enrol("alice").await;
    let mut browser = Browser::new(&world);
    let scope = [("scope", "openid")];
    let tokens = world
        .sign_in_with(&mut browser, "alice", &enrolled.phone, &scope)
        .await;
    let check = |id_token: &str| {
        let id_token = claims(id_token);
        assert_eq!(id_token["acr"], "aal2");
        assert_eq!(id_token["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    };
    check(&tokens.is(200).text("id_token"));
    let refreshed = world
        .refresh_through(&world.first, &tokens.text("refresh_token"))
        .await;
    check(&refreshed.is(200).text("id_token"));
    // by the session of the browser alone
    let again = browser.authorize(&world.first, REDIRECT, &scope).await;
    let tokens = world
        .redeem(&world.first, &code_of(&again), REDIRECT, &[])
        .await;
    check(&tokens.is(200).text("id_token"));
    assert_eq!(world.silent_error(&mut browser, &[]).await, None);
    browser.open("/account").await.is(200);
}

async fn a_recovery_code_signs_in(world: World) {
    let enrolled = world.enrol("alice").await;
    let [first, second, ..] = &enrolled.recovery_codes[..] else {
        panic!("no codes")
    };
    let mut browser = Browser::new(&world);
    let flow = browser
        .begin(&world.first, REDIRECT, &[("scope", "openid")])
        .await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let link = format!("/login?flow={flow}&by=recovery");
    let shown = page(&browser.open(&link).await, 200);
    assert!(
        shown.contains("Recovery code") && !shown.contains("numeric"),
        "{shown}"
    );
    // typed in another way
    let typed = format!(" {} ", first.to_uppercase().replace('-', " "));
    let answer = browser.second(&flow, &typed).await;
    let tokens = world
        .redeem(&world.first, &code_of(&answer), REDIRECT, &[])
        .await;
    assert_eq!(claims(&tokens.is(200).text("id_token"))["acr"], "aal2");
    let events = "SELECT kind FROM audit_events WHERE kind = 'recovery_code_used'";
    assert_eq!(world.db.texts(events).await.len(), 1);
    // once
    let flow = browser
        .begin(&world.first, REDIRECT, &[("prompt", "login")])
        .await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let form = [
        ("flow", flow.as_str()),
        ("code", first.as_str()),
        ("by", "recovery"),
    ];
    let shown = page(&browser.submit("/login/second", &form).await, 401);
    assert!(shown.contains("recovery code is wrong"), "{shown}");
    code_of(&browser.second(&flow, second).await);
    assert_eq!(world.db.count("recovery_codes").await, 8);
}
