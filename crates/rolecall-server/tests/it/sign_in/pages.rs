//! What every page has, and what no page shows.

use std::time::Duration;

use serde_json::json;

use super::{REDIRECT, Site, code_of, create_client, is_page};
use crate::support::{Browser, NEW_PASSWORD, PASSWORD, Response, SignInAnswer, WRONG, on_both};

on_both![
    i012_nothing_in_a_page_is_taken_for_html,
    i047_i048_every_page_is_protected_and_every_form_is_answered_by_303,
    forms_lead_to_the_client_of_the_flow_alone,
    pages_are_in_the_language_of_the_browser_or_the_request,
    a_language_that_a_client_asked_for_stays_for_pages_without_a_request,
    a_sign_in_that_has_ended_begins_again_at_its_client,
    y554_a_sign_in_that_has_ended_names_its_own_client_or_none,
    links_of_pages_begin_with_the_path_of_the_server,
];

async fn i012_nothing_in_a_page_is_taken_for_html(site: Site) {
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&";
    let name = "<b>x</b>\u{202e}ppa\u{2066}\"'";
    let members = json!({ "name": "dummy" });
    let client = create_client(&site, "dummy", members).await;
    let path = format!("/api/clients/{}", client.id);
    let renamed = site
        .patch(&path, site.admin().await, json!({ "name": name }))
        .await;
    let is_taken = renamed.status == 200;
    assert!(is_taken || renamed.status == 422, "{renamed:?}");
    if !is_taken {
        let plain = json!({ "name": "<b>x</b>\"'" });
        site.patch(&path, site.admin().await, plain).await.is(200);
    }
    let more = [
        ("state", evil),
        ("nonce", evil),
        ("login_hint", evil),
        ("ui_locales", evil),
    ];
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&client, REDIRECT, &more).await;
    let mut pages = vec![
        browser.open(&format!("/login?flow={flow}")).await,
        browser.open(&format!("/login/password?flow={flow}")).await,
        browser.log_in(&flow, evil, WRONG).await,
        browser
            .open(&format!("/login?flow={flow}&notice={}", "%3Cscript%3E"))
            .await,
        browser.open("/login?flow=%22%3E%3Cscript%3E").await,
    ];
    super::leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    pages.push(browser.open(&format!("/login?flow={flow}")).await);
    let more = [
        ("state", evil),
        ("response_mode", "form_post"),
        ("prompt", "none"),
    ];
    pages.push(browser.authorize(&client, REDIRECT, &more).await);
    for page in pages {
        let text = is_page(&page, page.status.as_u16());
        let lower = text.to_lowercase();
        assert!(
            !lower.contains("<script>") && !lower.contains("<img src=x") && !lower.contains("<b>x"),
            "{text}"
        );
        assert!(!text.contains(['\u{202e}', '\u{2066}']), "{text}");
    }
}

/// The answers to all that a browser may send.
async fn all_answers(site: &Site, browser: &mut Browser<'_>) -> (Vec<Response>, Vec<Response>) {
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let own = [("flow", flow.as_str())];
    let shown = vec![
        browser.open(&format!("/login?flow={flow}")).await,
        browser.open(&format!("/consent?flow={flow}")).await,
        browser.open(&format!("/login/password?flow={flow}")).await,
        browser.open("/login").await,
        browser.open("/login?flow=x").await,
        browser.open("/authorize").await,
        Browser::new(site).open("/logout").await,
        browser.log_in(&flow, "alice", WRONG).await,
        browser.log_in("x", "alice", PASSWORD).await,
        browser.submit("/login/password", &own).await,
        browser
            .submit(
                "/login/password",
                &[
                    own[0],
                    ("username", "alice"),
                    ("current", WRONG),
                    ("new", NEW_PASSWORD),
                    ("again", NEW_PASSWORD),
                ],
            )
            .await,
        browser
            .submit(
                "/login/password",
                &[
                    own[0],
                    ("username", "alice"),
                    ("current", PASSWORD),
                    ("new", "short"),
                    ("again", "short"),
                ],
            )
            .await,
        browser
            .submit(
                "/login/password",
                &[
                    own[0],
                    ("username", "alice"),
                    ("current", PASSWORD),
                    ("new", "one"),
                    ("again", "two"),
                ],
            )
            .await,
    ];
    let changed = [
        own[0],
        ("username", "alice"),
        ("current", PASSWORD),
        ("new", NEW_PASSWORD),
        ("again", NEW_PASSWORD),
    ];
    let led = vec![
        browser.submit("/login/continue", &own).await,
        browser.submit("/login/other", &own).await,
        browser.submit("/consent", &own).await,
        browser.submit("/login/password", &changed).await,
        browser.log_in(&flow, "alice", NEW_PASSWORD).await,
        browser.submit("/login/other", &own).await,
        browser.log_in(&flow, "alice", NEW_PASSWORD).await,
        browser.decide(&flow, "allow").await,
    ];
    (shown, led)
}

async fn i047_i048_every_page_is_protected_and_every_form_is_answered_by_303(site: Site) {
    let mut browser = Browser::new(&site);
    let (shown, led) = all_answers(&site, &mut browser).await;
    for page in shown {
        let text = is_page(&page, page.status.as_u16());
        assert!(text.starts_with("<!doctype html>"), "{text}");
        for secret in [PASSWORD, WRONG, NEW_PASSWORD] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    for answer in led {
        answer.is(303);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
        let location = answer.header("location").unwrap();
        assert!(
            !location.contains("password=") && !location.contains("alice"),
            "{location}"
        );
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-rolecall-"), "{cookie}");
            assert!(
                cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"),
                "{cookie}"
            );
        }
    }
    let account = browser.open("/account").await;
    let text = is_page(&account, 200);
    assert!(text.contains("alice"), "{text}");
}

async fn forms_lead_to_the_client_of_the_flow_alone(site: Site) {
    let members = json!({ "kind": "native", "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb"] });
    let native = create_client(&site, "phone", members).await;
    for (client, uri, source) in [
        (&site.other, REDIRECT, "https://app.example"),
        (&native, "com.example.app:/cb", "com.example.app:"),
        (&native, "http://127.0.0.1:4711/cb", "http://127.0.0.1:4711"),
    ] {
        let mut browser = Browser::new(&site);
        let flow = browser.begin(client, uri, &[]).await;
        for page in ["/login", "/consent", "/login/password"] {
            let page = browser.open(&format!("{page}?flow={flow}")).await;
            let policy = page.is(200).header("content-security-policy").unwrap();
            assert!(
                policy.ends_with(&format!("; form-action 'self' {source}")),
                "{policy}"
            );
        }
    }
    let mut browser = Browser::new(&site);
    let page = browser.open("/login").await;
    let policy = page.is(400).header("content-security-policy").unwrap();
    assert!(policy.ends_with("; form-action 'self'"), "{policy}");
}

async fn pages_are_in_the_language_of_the_browser_or_the_request(site: Site) {
    for (ui_locales, title) in [("de", "Anmelden"), ("fr de", "Anmelden"), ("xx", "Sign in")] {
        // a browser keeps a language that it was asked for
        let mut browser = Browser::new(&site);
        let flow = browser
            .begin(&site.other, REDIRECT, &[("ui_locales", ui_locales)])
            .await;
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        assert!(page.contains(title), "{ui_locales}: {page}");
    }
}

async fn a_language_that_a_client_asked_for_stays_for_pages_without_a_request(site: Site) {
    let mut browser = Browser::new(&site);
    for (ui_locales, title) in [
        ("", "This sign-in has ended"),
        ("fr de-AT", "Diese Anmeldung ist beendet"),
        // no page is in this language
        ("xx", "Diese Anmeldung ist beendet"),
        ("en", "This sign-in has ended"),
    ] {
        let more = [("ui_locales", ui_locales)];
        browser.begin(&site.other, REDIRECT, &more).await;
        let page = is_page(&browser.open("/login?flow=x").await, 400);
        assert!(page.contains(title), "{ui_locales}: {page}");
    }
}

async fn a_sign_in_that_has_ended_begins_again_at_its_client(site: Site) {
    let members = json!({
        "consent": "skip", "initiate_login_uri": "https://app.example/start",
    });
    let wiki = create_client(&site, "wiki", members).await;
    let mut browser = Browser::new(&site);
    let late = browser.begin(&wiki, REDIRECT, &[]).await;
    let without = browser.begin(&site.other, REDIRECT, &[]).await;
    site.pass_time(Duration::from_secs(601));
    let flow = browser.begin(&wiki, REDIRECT, &[]).await;
    let answer = browser.log_in(&flow, "alice", PASSWORD).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    let tokens = site.redeem(&wiki, answer.code(), REDIRECT, &[]).await;
    tokens.is(200);
    // too late, and at its end
    for flow in [&late, &flow] {
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 400);
        assert!(page.contains("Begin again at wiki"), "{page}");
        assert!(
            page.contains("start?iss=http%3A%2F%2F127.0.0.1%3A8000"),
            "{page}"
        );
    }
    let mut stranger = Browser::new(&site);
    for (browser, flow) in [(&mut browser, &without), (&mut stranger, &late)] {
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 400);
        assert!(page.contains("This sign-in has ended"), "{page}");
        assert!(!page.contains("Begin again at"), "{page}");
    }
}

async fn y554_a_sign_in_that_has_ended_names_its_own_client_or_none(site: Site) {
    let client = async |name: &str| {
        let start = format!("https://app.example/{name}");
        let members = json!({ "consent": "skip", "initiate_login_uri": start });
        create_client(&site, name, members).await
    };
    let mut browser = Browser::new(&site);
    let mut flows = Vec::new();
    for name in ["wiki", "blog"] {
        let client = client(name).await;
        let login = [("prompt", "login")];
        let flow = browser.begin(&client, REDIRECT, &login).await;
        let code = code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
        site.redeem(&client, &code, REDIRECT, &[]).await.is(200);
        flows.push((name, flow));
    }
    for (name, flow) in &flows {
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 400);
        assert!(page.contains(&format!("Begin again at {name}")), "{page}");
        assert!(page.contains(&format!("app.example/{name}?iss=")), "{page}");
    }
    // one that a client was refused in, one of another browser, and what is none at all
    let shop = client("shop").await;
    let consent = [("prompt", "consent")];
    let denied = browser.begin(&shop, REDIRECT, &consent).await;
    browser.decide(&denied, "deny").await.is(303);
    let foreign = Browser::new(&site).begin(&shop, REDIRECT, &[]).await;
    let forged = format!("{}{}", &foreign[..20], &flows[0].1[20..]);
    for flow in [denied.as_str(), &foreign, &forged, "x", ""] {
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 400);
        assert!(page.contains("This sign-in has ended"), "{page}");
        assert!(!page.contains("Begin again at"), "{page}");
    }
}

async fn links_of_pages_begin_with_the_path_of_the_server(db: crate::support::Database) {
    let configure =
        |builder: rolecall_server::EmbeddedBuilder| builder.public_url("https://id.example/auth");
    let site = Site::with(crate::support::TestApp::configured(db, configure).await).await;
    let mut browser = Browser::new(&site);
    let answer = browser.authorize(&site.other, REDIRECT, &[]).await;
    let location = answer.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/auth/login?flow=").unwrap();
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(page.contains("action=\"/auth/login\""), "{page}");
    assert!(
        !page.contains("\"/login") && !page.contains("\"/pages"),
        "{page}"
    );
    let next = browser.log_in(flow, "alice", PASSWORD).await;
    assert_eq!(next.is(303).header("location"), Some(location.as_str()));
}
