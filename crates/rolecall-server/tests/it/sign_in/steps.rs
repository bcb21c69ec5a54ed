//! The steps of a flow, in whatever order a browser or an attacker sends them.

use std::time::Duration;

use serde_json::json;

use super::{REDIRECT, Site, code_of, error_of, has_ended, is_page, leads_to_page};
use crate::support::{Browser, PASSWORD, SignInAnswer, WRONG, claims, on_both, session_id};

on_both![
    i033_a_flow_is_worth_nothing_in_another_browser,
    i034_a_form_of_another_site_signs_nobody_in,
    i035_no_step_is_skipped,
    i036_another_subject_begins_anew,
    i037_half_a_sign_in_is_none,
    i038_the_cookie_changes_with_every_sign_in,
    i039_a_second_user_gets_nothing_of_the_first,
    i039_the_second_user_is_signed_in_only_if_the_first_is_signed_out,
    i043_a_cookie_that_is_none_of_ours_is_none,
    i098_an_answer_counts_in_its_own_flow_alone,
    a_step_after_the_end_leads_nowhere,
    two_windows_sign_in_beside_each_other,
    i035_the_form_of_another_step_changes_nothing,
];

async fn i033_a_flow_is_worth_nothing_in_another_browser(site: Site) {
    let mut attacker = Browser::new(&site);
    let mut victim = Browser::new(&site);
    let flow = attacker.begin(&site.other, REDIRECT, &[]).await;
    let link = format!("/login?flow={flow}");
    // the victim opens the link, without a flow of their own and with one
    for _ in 0..2 {
        has_ended(&victim.open(&link).await);
        has_ended(&victim.log_in(&flow, "alice", PASSWORD).await);
        has_ended(&victim.decide(&flow, "allow").await);
        for path in ["/login/continue", "/login/other", "/login/password"] {
            has_ended(&victim.submit(path, &[("flow", &flow)]).await);
        }
        let own = victim.begin(&site.other, REDIRECT, &[]).await;
        victim.open(&format!("/login?flow={own}")).await.is(200);
    }
    // nobody has proven anything in the flow of the attacker
    leads_to_page(&attacker.decide(&flow, "allow").await, &flow);
    let page = is_page(&attacker.open(&link).await, 200);
    assert!(page.contains("name=\"password\"") && !page.contains("alice"));
    // nor does a secret in the address count
    let secret = attacker.cookie("flow").unwrap().to_owned();
    has_ended(
        &victim
            .open(&format!(
                "{link}&secret={secret}&__Host-rolecall-flow={secret}"
            ))
            .await,
    );
}

async fn i034_a_form_of_another_site_signs_nobody_in(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let form = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("password", PASSWORD),
        ("decision", "allow"),
    ];
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://app.example"),
        ],
    ] {
        for path in [
            "/login",
            "/login/continue",
            "/login/other",
            "/login/password",
            "/consent",
            "/account/end",
        ] {
            let refused = browser.submit_with(path, &form, headers).await;
            is_page(&refused, 403);
            assert_eq!(refused.header("set-cookie"), None, "{path}");
        }
    }
    // and in a browser without the cookie of the flow
    let mut other = Browser::new(&site);
    has_ended(&other.log_in(&flow, "alice", PASSWORD).await);
    let own = [
        ("sec-fetch-site", "same-origin"),
        ("origin", crate::support::ISSUER),
    ];
    code_of(&browser.submit_with("/login", &form, &own).await);
}

async fn i035_no_step_is_skipped(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let empty = [("flow", flow.as_str())];
    for (path, form) in [
        (
            "/consent",
            &[("flow", flow.as_str()), ("decision", "allow")][..],
        ),
        ("/consent", &empty),
        (
            "/consent",
            &[("flow", flow.as_str()), ("decision", "ALLOW")],
        ),
        ("/login/continue", &empty),
        ("/login/other", &empty),
    ] {
        let next = browser.submit(path, form).await;
        leads_to_page(&next, &flow);
        let page = is_page(&browser.open(&format!("/consent?flow={flow}")).await, 200);
        assert!(page.contains("name=\"password\""), "{path}: {page}");
        assert!(!page.contains("name=\"decision\""), "{path}");
    }
    is_page(&browser.submit("/login", &empty).await, 401);
    is_page(&browser.log_in(&flow, "alice", WRONG).await, 401);
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    // who has not signed in refuses nothing
    leads_to_page(&browser.decide(&flow, "deny").await, &flow);
    // the password alone is not the consent
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    for path in ["/login/continue", "/consent"] {
        leads_to_page(&browser.submit(path, &empty).await, &flow);
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        assert!(page.contains("name=\"decision\""), "{path}");
    }
    assert!(!site.is_signed_in(&mut browser).await);
    code_of(&browser.decide(&flow, "allow").await);
}

async fn i036_another_subject_begins_anew(site: Site) {
    let mut browser = Browser::new(&site);
    let scope = [("scope", "openid")];
    let subject = async |code: String| {
        let tokens = site.redeem(&site.other, &code, REDIRECT, &[]).await;
        claims(&tokens.is(200).text("id_token"))["sub"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // back to the names, and forward again to the consent
    let flow = browser.begin(&site.other, REDIRECT, &scope).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    leads_to_page(
        &browser.submit("/login/other", &[("flow", &flow)]).await,
        &flow,
    );
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    is_page(&browser.log_in(&flow, "bob", WRONG).await, 401);
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(
        page.contains("name=\"password\"") && !page.contains("alice"),
        "{page}"
    );
    leads_to_page(&browser.log_in(&flow, "bob", PASSWORD).await, &flow);
    let code = code_of(&browser.decide(&flow, "allow").await);
    assert_eq!(subject(code).await, site.id_of("bob").await);
    let allowed = "SELECT u.username FROM consents c JOIN users u ON u.id = c.subject_id";
    assert_eq!(site.db.texts(allowed).await, ["bob"]);
}

async fn i037_half_a_sign_in_is_none(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let half = browser.log_in(&flow, "alice", PASSWORD).await;
    leads_to_page(&half, &flow);
    assert_eq!(browser.cookie("session"), None);
    assert_eq!(site.db.count("browser_sessions").await, 0);
    assert_eq!(site.db.count("authorization_codes").await, 0);
    // the secret of the flow as a session
    let secret = browser.cookie("flow").unwrap().to_owned();
    browser.set_cookie("session", &secret);
    assert!(!site.is_signed_in(&mut browser).await);
    let account = browser.open("/account").await;
    assert!(
        account
            .is(303)
            .header("location")
            .unwrap()
            .starts_with("/login?flow=")
    );
    site.get("/api/me", &secret).await.is(401);
    let with_cookie = browser.open("/api/me").await;
    with_cookie.is(401);
}

async fn i038_the_cookie_changes_with_every_sign_in(site: Site) {
    let planted = "p".repeat(43);
    let mut browser = Browser::new(&site);
    browser.set_cookie("session", &planted);
    let mut known = vec![planted];
    let login = [("prompt", "login")];
    for more in [&[][..], &login, &login, &[]] {
        site.sign_in(&mut browser, more).await.code();
        let cookie = browser.cookie("session").unwrap().to_owned();
        assert!(!known.contains(&cookie));
        // the one just replaced counts a moment longer, unless somebody has proven who they are
        site.pass_time(Duration::from_secs(30));
        for old in &known {
            let mut thief = Browser::new(&site);
            thief.set_cookie("session", old);
            assert!(!site.is_signed_in(&mut thief).await);
        }
        known.push(cookie);
    }
    // it is the same session all the time
    assert_eq!(site.db.count("browser_sessions").await, 1);
    assert!(site.is_signed_in(&mut browser).await);
}

async fn i039_a_second_user_gets_nothing_of_the_first(site: Site) {
    let (scope, choose) = (("scope", "openid"), ("prompt", "select_account"));
    let mut browser = Browser::new(&site);
    let code = site.sign_in(&mut browser, &[scope]).await.code().to_owned();
    let alices = site.redeem_first(&code).await;
    let alices = (
        alices.is(200).text("access_token"),
        alices.text("refresh_token"),
    );
    let unused = site.sign_in(&mut browser, &[scope]).await.code().to_owned();
    let cookie = browser.cookie("session").unwrap().to_owned();
    let flow = browser.begin(&site.first, REDIRECT, &[scope, choose]).await;
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(page.contains("Continue as alice"), "{page}");
    let code = code_of(&browser.log_in(&flow, "bob", PASSWORD).await);
    let bobs = site.redeem_first(&code).await;
    let access = bobs.is(200).text("access_token");
    assert_eq!(claims(&access)["sub"], site.id_of("bob").await.as_str());
    assert_ne!(session_id(&access), session_id(&alices.0));
    // the first one's sessions in this browser have ended
    site.get("/api/me", &alices.0).await.ended_token();
    let refused = site.refresh_through(&site.first, &alices.1).await;
    refused.oauth_error(400, "invalid_grant");
    site.redeem_first(&unused)
        .await
        .oauth_error(400, "invalid_grant");
    let mut thief = Browser::new(&site);
    thief.set_cookie("session", &cookie);
    assert!(!site.is_signed_in(&mut thief).await);
    site.get("/api/me", &access).await.is(200);
}

async fn i043_a_cookie_that_is_none_of_ours_is_none(site: Site) {
    let huge = "a".repeat(6_000);
    let mut signed_in = Browser::new(&site);
    site.sign_in(&mut signed_in, &[]).await.code();
    let whole = signed_in.cookie("session").unwrap().to_owned();
    let longer = format!("{whole}A");
    let quoted = format!("\"{whole}\"");
    for wrong in [
        "",
        "x",
        "a'; --",
        "%00",
        "=",
        "null",
        "\u{e9}",
        &huge,
        &whole[1..],
        &longer,
        &quoted,
        &whole.to_lowercase(),
    ] {
        let mut browser = Browser::new(&site);
        browser.set_cookie("session", wrong);
        browser.set_cookie("device", wrong);
        assert!(!site.is_signed_in(&mut browser).await, "{wrong}");
        let flow = browser.begin(&site.first, REDIRECT, &[]).await;
        is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        leads_to_page(
            &browser.submit("/login/continue", &[("flow", &flow)]).await,
            &flow,
        );
        browser.set_cookie("flow", wrong);
        has_ended(&browser.open(&format!("/login?flow={flow}")).await);
    }
    assert!(site.is_signed_in(&mut signed_in).await);
}

async fn i098_an_answer_counts_in_its_own_flow_alone(site: Site) {
    let mut browser = Browser::new(&site);
    let asked = browser
        .begin(&site.other, REDIRECT, &[("state", "one")])
        .await;
    let second = browser
        .begin(&site.other, REDIRECT, &[("state", "two")])
        .await;
    leads_to_page(&browser.log_in(&asked, "alice", PASSWORD).await, &asked);
    leads_to_page(&browser.decide(&second, "allow").await, &second);
    let page = is_page(&browser.open(&format!("/login?flow={second}")).await, 200);
    assert!(page.contains("name=\"password\""));
    let refused = browser.decide(&asked, "deny").await;
    assert_eq!(error_of(&refused), "access_denied");
    assert_eq!(
        SignInAnswer::of(&refused, REDIRECT).unwrap().parameters["state"],
        "one"
    );
    has_ended(&browser.decide(&asked, "allow").await);
    assert!(!site.is_signed_in(&mut browser).await);
}

async fn a_step_after_the_end_leads_nowhere(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let codes = site.db.count("authorization_codes").await;
    has_ended(&browser.open(&format!("/login?flow={flow}")).await);
    has_ended(&browser.log_in(&flow, "alice", PASSWORD).await);
    has_ended(&browser.log_in(&flow, "bob", PASSWORD).await);
    has_ended(&browser.decide(&flow, "allow").await);
    has_ended(&browser.submit("/login/continue", &[("flow", &flow)]).await);
    assert_eq!(site.db.count("authorization_codes").await, codes);
    // the same for a client that has gone, or has another address now
    let flow = browser
        .begin(&site.other, REDIRECT, &[("prompt", "login")])
        .await;
    let path = format!("/api/clients/{}", site.other.id);
    let moved = json!({ "redirect_uris": ["https://app.example/moved"] });
    site.patch(&path, site.admin().await, moved).await.is(200);
    has_ended(&browser.open(&format!("/login?flow={flow}")).await);
    let answer = browser.log_in(&flow, "alice", PASSWORD).await;
    assert_eq!(
        SignInAnswer::of(&answer, REDIRECT).map(|one| one.parameters),
        None
    );
}

async fn two_windows_sign_in_beside_each_other(site: Site) {
    let mut browser = Browser::new(&site);
    let one = browser
        .begin(&site.first, REDIRECT, &[("state", "one")])
        .await;
    let two = browser
        .begin(&site.first, REDIRECT, &[("state", "two")])
        .await;
    for (flow, state) in [(two, "two"), (one, "one")] {
        let answer = browser.log_in(&flow, "alice", PASSWORD).await;
        let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
        assert_eq!(answer.parameters["state"], state);
        site.redeem_first(answer.code()).await.is(200);
    }
    assert_eq!(site.db.count("browser_sessions").await, 1);
}

async fn i035_the_form_of_another_step_changes_nothing(site: Site) {
    let flows = "SELECT CAST(version AS TEXT) || proofs || choice || COALESCE(subject_id, '') FROM sign_in_flows";
    let failures = "SELECT account FROM login_failures";
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let link = format!("/login?flow={flow}");
    // before the sign-in
    let before = site.db.texts(flows).await;
    for (path, field) in [
        ("/consent", ("decision", "deny")),
        ("/consent", ("decision", "allow")),
        ("/login/other", ("a", "b")),
        ("/login/continue", ("a", "b")),
        ("/login/choice", ("role", "reader")),
    ] {
        let form = [("flow", flow.as_str()), field];
        leads_to_page(&browser.submit(path, &form).await, &flow);
        assert_eq!(site.db.texts(flows).await, before, "{path}");
    }
    // while the consent is due: right and wrong passwords alike
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let before = site.db.texts(flows).await;
    for (name, password) in [("bob", PASSWORD), ("bob", WRONG), ("alice", PASSWORD)] {
        leads_to_page(&browser.log_in(&flow, name, password).await, &flow);
        assert_eq!(site.db.texts(flows).await, before, "{name}");
    }
    let form = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("current", PASSWORD),
        ("new", "quite another phrase"),
        ("again", "quite another phrase"),
    ];
    leads_to_page(&browser.submit("/login/password", &form).await, &flow);
    for path in ["/login/continue", "/login/choice"] {
        leads_to_page(&browser.submit(path, &form).await, &flow);
    }
    assert_eq!(site.db.texts(flows).await, before);
    // none of the passwords was even looked at
    assert!(site.db.texts(failures).await.is_empty());
    for path in [&link, &format!("/login/password?flow={flow}")] {
        let page = is_page(&browser.open(path).await, 200);
        assert!(
            page.contains("name=\"decision\"") && page.contains("alice"),
            "{page}"
        );
    }
    let tokens = code_of(&browser.decide(&flow, "allow").await);
    let tokens = site.redeem(&site.other, &tokens, REDIRECT, &[]).await;
    assert_eq!(
        claims(&tokens.is(200).text("access_token"))["sub"],
        site.id_of("alice").await.as_str()
    );
}

async fn i039_the_second_user_is_signed_in_only_if_the_first_is_signed_out(site: Site) {
    let mut browser = Browser::new(&site);
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let alices = site.redeem_first(&code).await.is(200).text("access_token");
    let cookie = browser.cookie("session").unwrap().to_owned();
    let choose = [("prompt", "select_account")];
    let flow = browser.begin(&site.first, REDIRECT, &choose).await;
    let codes = site.db.count("authorization_codes").await;
    // the session of the first one cannot be ended
    site.db
        .execute("ALTER TABLE floors RENAME TO floors_away")
        .await;
    let answer = browser.log_in(&flow, "bob", PASSWORD).await;
    site.db
        .execute("ALTER TABLE floors_away RENAME TO floors")
        .await;
    is_page(&answer, 503);
    assert_eq!(browser.cookie("session"), Some(cookie.as_str()));
    assert_eq!(site.db.count("authorization_codes").await, codes);
    let owners = "SELECT u.username FROM browser_sessions b JOIN users u ON u.id = b.subject_id";
    assert_eq!(site.db.texts(owners).await, ["alice"]);
    site.get("/api/me", &alices).await.is(200);
    // the flow has not ended either, and what bob has proven holds
    code_of(&browser.decide(&flow, "allow").await);
    assert_eq!(site.db.texts(owners).await, ["bob"]);
    site.get("/api/me", &alices).await.ended_token();
}
