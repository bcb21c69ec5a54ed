//! Passwords on the page: guesses, forced changes and reset codes.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::{REDIRECT, Site, code_of, guess, has_ended, is_page, leads_to_page};
use crate::{
    support::{Browser, NEW_PASSWORD, PASSWORD, Response, WRONG, on_both, without_challenge},
    throttle::join_all,
};

on_both![
    i041_the_answer_does_not_say_which_names_exist,
    guesses_on_the_page_slow_the_token_endpoint_and_the_other_way_round,
    guesses_at_one_node_slow_the_page_of_the_other,
    y553_ten_wrong_passwords_end_the_sign_in,
    y553_wrong_passwords_at_once_and_for_any_name_count,
    y553_a_right_password_forgives_no_wrong_one_of_the_same_sign_in,
    a_password_that_must_change_signs_in_after_the_change,
    a_reset_code_is_used_on_the_page_once,
    a_page_for_a_new_password_needs_a_flow,
    a_field_that_is_sent_twice_is_missing,
    what_is_no_form_is_refused,
];

/// The page without what differs in every flow.
fn without(page: &Response, status: u16, flow: &str, name: &str) -> String {
    let text = is_page(page, status);
    let text = text.replace(flow, "FLOW").replace(name, "NAME");
    without_challenge(&text)
}

async fn i041_the_answer_does_not_say_which_names_exist(site: Site) {
    let carol = site.create_user("carol", &[]).await;
    let path = format!("/api/users/{carol}");
    let disabled = json!({ "status": "disabled" });
    site.patch(&path, site.admin().await, disabled)
        .await
        .is(200);
    site.post(
        "/api/users",
        site.admin().await,
        json!({ "username": "dave" }),
    )
    .await
    .is(201);
    let mut pages = Vec::new();
    for (name, password) in [
        ("alice", WRONG),
        ("nobody", WRONG),
        ("carol", WRONG),
        ("carol", PASSWORD),
        ("dave", WRONG),
        ("not a name", WRONG),
    ] {
        let mut browser = Browser::new(&site);
        let flow = browser.begin(&site.other, REDIRECT, &[]).await;
        let answer = browser.log_in(&flow, name, password).await;
        assert_eq!(answer.header("set-cookie"), None);
        let first = without(&answer, 401, &flow, name);
        let form = [
            ("flow", flow.as_str()),
            ("username", name),
            ("current", password),
            ("new", NEW_PASSWORD),
            ("again", NEW_PASSWORD),
        ];
        let second = browser.submit("/login/password", &form).await;
        pages.push((name, first, without(&second, 401, &flow, name)));
    }
    let (_, first, second) = pages[0].clone();
    for (name, page, change) in pages {
        assert_eq!(page, first, "{name}");
        assert_eq!(change, second, "{name}");
    }
}

async fn guesses_on_the_page_slow_the_token_endpoint_and_the_other_way_round(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let another = browser.begin(&site.other, REDIRECT, &[]).await;
    for (name, flow) in [("alice", &flow), ("nobody", &another)] {
        for number in 0..6 {
            let answer = browser.log_in(flow, name, &guess(number)).await;
            is_page(&answer, 401);
        }
        let slowed = site.password_grant(name, PASSWORD).await;
        slowed.oauth_error(429, "temporarily_unavailable");
        let page = is_page(&browser.log_in(flow, name, PASSWORD).await, 429);
        assert!(page.contains("Too many tries"), "{page}");
        let form = [
            ("flow", flow.as_str()),
            ("username", name),
            ("current", PASSWORD),
            ("new", NEW_PASSWORD),
            ("again", NEW_PASSWORD),
        ];
        is_page(&browser.submit("/login/password", &form).await, 429);
    }
    site.pass_time(Duration::from_secs(1));
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let other = browser.begin(&site.other, REDIRECT, &[]).await;
    for number in 0..3 {
        is_page(&browser.log_in(&other, "bob", &guess(number)).await, 401);
        site.password_grant("bob", &guess(number + 10))
            .await
            .wrong_password();
    }
    is_page(&browser.log_in(&other, "bob", PASSWORD).await, 429);
    // what alice has proven is not touched by guesses for somebody else
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(page.contains("Not alice?"), "{page}");
}

async fn guesses_at_one_node_slow_the_page_of_the_other(site: Site) {
    let other = site.second_node().await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    for number in 0..6 {
        browser.go_to(if number % 2 == 0 { &site } else { &other });
        is_page(&browser.log_in(&flow, "alice", &guess(number)).await, 401);
    }
    for node in [&*site.app, &other] {
        browser.go_to(node);
        is_page(&browser.log_in(&flow, "alice", PASSWORD).await, 429);
    }
}

/// Sends a wrong password to a page of a sign-in, and forgets what it counts elsewhere.
async fn send_wrong(site: &Site, browser: &mut Browser<'_>, path: &str, flow: &str) -> Response {
    let form = [
        ("flow", flow),
        ("username", "alice"),
        ("password", WRONG),
        ("current", WRONG),
        ("new", NEW_PASSWORD),
        ("again", NEW_PASSWORD),
    ];
    let answer = browser.submit(path, &form).await;
    site.clear_failures().await;
    answer
}

async fn y553_ten_wrong_passwords_end_the_sign_in(site: Site) {
    for path in ["/login", "/login/password"] {
        let mut browser = Browser::new(&site);
        let flow = browser.begin(&site.first, REDIRECT, &[]).await;
        let open = browser.begin(&site.first, REDIRECT, &[]).await;
        for number in 0..9 {
            // both pages are of one sign-in, and the same password counts each time
            let path = if number == 4 { "/login" } else { path };
            is_page(&send_wrong(&site, &mut browser, path, &flow).await, 401);
        }
        has_ended(&send_wrong(&site, &mut browser, path, &flow).await);
        has_ended(&browser.open(&format!("/login?flow={flow}")).await);
        has_ended(&browser.log_in(&flow, "alice", PASSWORD).await);
        assert_eq!(browser.cookie("session"), None);
        // another one of the same browser goes on
        code_of(&browser.log_in(&open, "alice", PASSWORD).await);
    }
}

async fn y553_wrong_passwords_at_once_and_for_any_name_count(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let guesses = ["alice", "bob", "nobody", "not a name"].map(|name| {
        let (mut browser, flow) = (browser.clone(), flow.clone());
        Box::pin(async move { browser.log_in(&flow, name, WRONG).await })
    });
    for answer in join_all(Vec::from(guesses)).await {
        is_page(&answer, 401);
    }
    let counted = "SELECT failures FROM sign_in_flows";
    assert_eq!(site.db.number(counted).await, 4);
    for _ in 4..9 {
        is_page(&send_wrong(&site, &mut browser, "/login", &flow).await, 401);
    }
    has_ended(&send_wrong(&site, &mut browser, "/login", &flow).await);
}

async fn y553_a_right_password_forgives_no_wrong_one_of_the_same_sign_in(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let form = [("flow", flow.as_str())];
    for round in 0..9 {
        is_page(&send_wrong(&site, &mut browser, "/login", &flow).await, 401);
        if round % 4 == 0 {
            // somebody who has an account of their own begins again as another user
            leads_to_page(&browser.log_in(&flow, "bob", PASSWORD).await, &flow);
            leads_to_page(&browser.submit("/login/other", &form).await, &flow);
        }
    }
    has_ended(&send_wrong(&site, &mut browser, "/login", &flow).await);
}

async fn a_password_that_must_change_signs_in_after_the_change(site: Site) {
    let alice = site.id_of("alice").await;
    let path = format!("/api/users/{alice}");
    let status = json!({ "status": "password_change_required" });
    site.patch(&path, site.admin().await, status).await.is(200);
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    // only the right password is told so
    let page = is_page(&browser.log_in(&flow, "alice", WRONG).await, 401);
    assert!(!page.contains("choose a new one"), "{page}");
    let page = is_page(&browser.log_in(&flow, "alice", PASSWORD).await, 403);
    assert!(
        page.contains("choose a new one") && page.contains("name=\"again\""),
        "{page}"
    );
    assert!(!page.contains(PASSWORD));
    assert!(!site.is_signed_in(&mut browser).await);
    leads_to_page(
        &browser.submit("/login/continue", &[("flow", &flow)]).await,
        &flow,
    );
    let change = |current: &'static str, new: &'static str, again: &'static str| {
        [
            ("username", "alice"),
            ("current", current),
            ("new", new),
            ("again", again),
        ]
    };
    for (form, status) in [
        (change(PASSWORD, NEW_PASSWORD, "another"), 422),
        (change(PASSWORD, "short", "short"), 422),
        (change(PASSWORD, "", ""), 422),
        (change(WRONG, NEW_PASSWORD, NEW_PASSWORD), 401),
    ] {
        let form = [&[("flow", flow.as_str())][..], &form].concat();
        is_page(&browser.submit("/login/password", &form).await, status);
        is_page(&browser.log_in(&flow, "alice", PASSWORD).await, 403);
        site.clear_failures().await;
    }
    let form = [
        &[("flow", flow.as_str())][..],
        &change(PASSWORD, NEW_PASSWORD, NEW_PASSWORD),
    ]
    .concat();
    let changed = browser.submit("/login/password", &form).await;
    let location = changed.is(303).header("location").unwrap().to_owned();
    assert!(location.starts_with(&format!("/login?flow={flow}")));
    // the change signs nobody in
    assert_eq!(changed.header("set-cookie"), None);
    assert!(!site.is_signed_in(&mut browser).await);
    let page = is_page(&browser.open(&location).await, 200);
    assert!(page.contains("Your password is changed"), "{page}");
    is_page(&browser.log_in(&flow, "alice", PASSWORD).await, 401);
    let code = code_of(&browser.log_in(&flow, "alice", NEW_PASSWORD).await);
    site.redeem_first(&code).await.is(200);
}

async fn a_reset_code_is_used_on_the_page_once(site: Site) {
    let alice = site.id_of("alice").await;
    let reset = site
        .post(
            format!("/api/users/{alice}/reset"),
            site.admin().await,
            json!({}),
        )
        .await;
    let reset = reset.is(200).text("reset_code");
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    // as a password it leads to the page for a new one, and signs nobody in
    is_page(&browser.log_in(&flow, "alice", &reset).await, 403);
    assert!(!site.is_signed_in(&mut browser).await);
    let form = |new: &'static str| {
        vec![
            ("flow", flow.as_str()),
            ("username", "alice"),
            ("current", reset.as_str()),
            ("new", new),
            ("again", new),
        ]
    };
    browser
        .submit("/login/password", &form(NEW_PASSWORD))
        .await
        .is(303);
    let again = browser.submit("/login/password", &form(PASSWORD)).await;
    is_page(&again, 401);
    is_page(&browser.log_in(&flow, "alice", &reset).await, 401);
    code_of(&browser.log_in(&flow, "alice", NEW_PASSWORD).await);
}

async fn a_page_for_a_new_password_needs_a_flow(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let form = |flow: &'static str| {
        [
            ("flow", flow),
            ("username", "alice"),
            ("current", PASSWORD),
            ("new", NEW_PASSWORD),
            ("again", NEW_PASSWORD),
        ]
    };
    has_ended(&browser.open("/login/password").await);
    for wrong in ["", "x", "a b"] {
        has_ended(&browser.submit("/login/password", &form(wrong)).await);
    }
    let mut other = Browser::new(&site);
    let own = [&[("flow", flow.as_str())][..], &form("")[1..]].concat();
    has_ended(&other.submit("/login/password", &own).await);
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
}

async fn a_field_that_is_sent_twice_is_missing(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let own = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    for name in ["username", "password"] {
        let twice = [&own[..], &[(name, "bob")]].concat();
        is_page(&browser.submit("/login", &twice).await, 401);
    }
    let twice = [&own[..], &[("flow", flow.as_str())]].concat();
    has_ended(&browser.submit("/login", &twice).await);
    leads_to_page(&browser.submit("/login", &own).await, &flow);
    let both = [
        ("flow", flow.as_str()),
        ("decision", "deny"),
        ("decision", "allow"),
    ];
    leads_to_page(&browser.submit("/consent", &both).await, &flow);
    code_of(&browser.decide(&flow, "allow").await);
}

async fn what_is_no_form_is_refused(site: Site) {
    let long = format!("flow=x&password={}", "a".repeat(62_000));
    for (kind, body, status) in [
        ("application/json", "{\"flow\":\"x\"}".to_owned(), 415),
        ("text/plain", "flow=x".to_owned(), 415),
        ("application/x-www-form-urlencoded", long, 413),
        (
            "application/x-www-form-urlencoded",
            "%ff%fe=%00&&&=;".to_owned(),
            400,
        ),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            "flow=x".to_owned(),
            400,
        ),
    ] {
        for path in ["/login", "/consent", "/login/password", "/login/continue"] {
            let request = site.request(Method::POST, path).raw(kind, body.clone());
            request.send().await.is(status);
        }
    }
}
