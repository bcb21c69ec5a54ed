//! What `/authorize` answers to the client, with a page and without one.

use std::time::Duration;

use http::Method;
use rolecall_server::config::Mfa;
use serde_json::json;

use super::{
    REDIRECT, Site, authorize_as_is, code_of, create_client, error_of, is_page, leads_to_page,
};
use crate::{
    decisions::steps,
    support::{
        Browser, CHALLENGE, Database, ISSUER, PASSWORD, SignInAnswer, TestApp, claims, on_both,
    },
};

on_both![
    i006_i007_a_wrong_address_gets_a_page_whatever_else_is_wrong,
    i032_every_answer_names_the_issuer,
    i044_an_old_sign_in_is_not_a_new_one,
    i045_nothing_is_shown_where_nothing_may_be,
    i046_the_hint_of_another_user_is_not_answered,
    a_request_by_a_form_is_like_one_in_the_query,
    an_answer_by_a_form_has_the_same_values,
    who_may_not_sign_in_here_is_told_so_by_the_client,
    a_role_that_no_sign_in_of_the_user_reaches_is_explained_by_a_receipt,
];

async fn i006_i007_a_wrong_address_gets_a_page_whatever_else_is_wrong(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    let id = site.first.id.as_str();
    for (client_id, redirect_uri) in [
        (id, "https://evil.example/cb"),
        (id, "https://app.example/cb/"),
        (id, "https://app.example/cb?code=1"),
        (id, ""),
        ("", REDIRECT),
        ("nobody", REDIRECT),
    ] {
        for wrong in [
            &[][..],
            &[("prompt", "none")],
            &[("prompt", "none login")],
            &[("response_type", "token")],
            &[("request", "x")],
            &[("request_uri", "https://evil.example/x")],
            &[("scope", "NO SUCH")],
            &[("response_mode", "fragment")],
        ] {
            let mut own = vec![
                ("client_id", client_id),
                ("redirect_uri", redirect_uri),
                ("state", "s"),
            ];
            own.extend(wrong);
            let page = authorize_as_is(&mut browser, &own).await;
            let text = is_page(&page, 400);
            assert_eq!(page.header("location"), None);
            assert!(!text.contains("evil.example"), "{text}");
        }
    }
    // a parameter that was sent twice means two things
    for name in ["client_id", "redirect_uri", "state", "scope", "prompt"] {
        let own = [
            ("client_id", id),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", "s"),
            ("scope", "openid"),
            ("prompt", "none"),
            (name, "x"),
        ];
        is_page(&authorize_as_is(&mut browser, &own).await, 400);
    }
    let codes = "SELECT COUNT(*) FROM authorization_codes";
    assert_eq!(site.db.number(codes).await, 1);
    for kind in [
        "token",
        "id_token",
        "code token",
        "code id_token",
        "none",
        "CODE",
    ] {
        let own = [
            ("client_id", id),
            ("redirect_uri", REDIRECT),
            ("response_type", kind),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let answer = authorize_as_is(&mut browser, &own).await;
        assert_eq!(error_of(&answer), "unsupported_response_type");
        assert!(!answer.header("location").unwrap().contains('#'));
    }
}

async fn i032_every_answer_names_the_issuer(site: Site) {
    let metadata = site.get("/.well-known/openid-configuration", "").await;
    let issuer = metadata.is(200).text("issuer");
    assert_eq!(issuer, ISSUER);
    assert_eq!(
        metadata.json["authorization_response_iss_parameter_supported"],
        json!(true)
    );
    let mut browser = Browser::new(&site);
    let mut answers = Vec::new();
    let state = ("state", "a b&c=\u{e4}");
    for more in [
        &[("prompt", "none")][..],
        &[("scope", "NO SUCH")],
        &[("resource", "https://elsewhere.example")],
        &[("response_mode", "fragment")],
        &[("request", "x")],
        &[("claims", "{")],
        &[("max_age", "-1")],
    ] {
        let more = [more, &[state]].concat();
        let answer = browser.authorize(&site.first, REDIRECT, &more).await;
        answers.push(SignInAnswer::of(&answer, REDIRECT).unwrap());
        answers.last().unwrap().error();
    }
    let flow = browser.begin(&site.first, REDIRECT, &[state]).await;
    answers
        .push(SignInAnswer::of(&browser.log_in(&flow, "alice", PASSWORD).await, REDIRECT).unwrap());
    answers.last().unwrap().code();
    let flow = browser.begin(&site.other, REDIRECT, &[state]).await;
    answers.push(SignInAnswer::of(&browser.decide(&flow, "deny").await, REDIRECT).unwrap());
    assert_eq!(answers.last().unwrap().error(), "access_denied");
    for answer in answers {
        assert_eq!(answer.parameters["iss"], issuer);
        assert_eq!(answer.parameters["state"], state.1);
    }
}

async fn i044_an_old_sign_in_is_not_a_new_one(site: Site) {
    let mut browser = Browser::new(&site);
    let scope = ("scope", "openid");
    let time_of = async |code: &str| {
        let tokens = site.redeem_first(code).await;
        claims(&tokens.is(200).text("id_token"))["auth_time"]
            .as_i64()
            .unwrap()
    };
    let code = site.sign_in(&mut browser, &[scope]).await.code().to_owned();
    let first = time_of(&code).await;
    assert_eq!(first, site.clock_seconds());
    site.pass_time(Duration::from_secs(100));
    // what is recent enough is answered at once, with the time of the sign-in
    for more in [
        &[][..],
        &[("max_age", "100")],
        &[("max_age", "9223372036854775807")],
    ] {
        let more = [more, &[scope]].concat();
        let code = code_of(&browser.authorize(&site.first, REDIRECT, &more).await);
        assert_eq!(time_of(&code).await, first);
    }
    let mut last = first;
    for more in [("max_age", "0"), ("max_age", "9"), ("prompt", "login")] {
        site.pass_time(Duration::from_secs(10));
        if more.0 == "max_age" {
            let silent = [more, scope, ("prompt", "none")];
            let answer = browser.authorize(&site.first, REDIRECT, &silent).await;
            assert_eq!(error_of(&answer), "login_required");
        }
        let flow = browser.begin(&site.first, REDIRECT, &[more, scope]).await;
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        assert!(!page.contains("Continue as"), "{more:?}");
        // the session that there is does not do
        leads_to_page(
            &browser.submit("/login/continue", &[("flow", &flow)]).await,
            &flow,
        );
        let code = code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
        let time = time_of(&code).await;
        assert_eq!(time, site.clock_seconds());
        assert!(time > last);
        last = time;
    }
}

async fn i045_nothing_is_shown_where_nothing_may_be(site: Site) {
    let silent = [("prompt", "none"), ("scope", "openid")];
    let mut browser = Browser::new(&site);
    for client in [&site.first, &site.other] {
        let answer = browser.authorize(client, REDIRECT, &silent).await;
        assert_eq!(error_of(&answer), "login_required");
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(site.db.count("sign_in_flows").await, 0);
    site.sign_in(&mut browser, &[]).await.code();
    let answer = browser.authorize(&site.other, REDIRECT, &silent).await;
    assert_eq!(error_of(&answer), "consent_required");
    // the answer does not say who is signed in
    let location = answer.header("location").unwrap();
    assert!(!location.contains("alice") && !location.contains(&site.id_of("alice").await));
    let own = [
        ("prompt", "none"),
        ("scope", "openid"),
        ("response_mode", "form_post"),
    ];
    let page = is_page(&browser.authorize(&site.other, REDIRECT, &own).await, 200);
    assert!(
        page.contains("consent_required") && page.contains("action=\"https://app.example/cb\"")
    );
    for more in [
        ("prompt", "none login"),
        ("prompt", "none consent"),
        ("prompt", "NONE"),
        ("prompt", "create"),
    ] {
        let answer = browser.authorize(&site.first, REDIRECT, &[more]).await;
        assert_eq!(error_of(&answer), "invalid_request", "{more:?}");
    }
    code_of(&browser.authorize(&site.first, REDIRECT, &silent).await);
    assert_eq!(site.db.count("sign_in_flows").await, 0);
}

async fn i046_the_hint_of_another_user_is_not_answered(site: Site) {
    let scope = ("scope", "openid");
    let hint_of = async |user: &str| {
        let mut browser = Browser::new(&site);
        let answer = browser
            .sign_in_as(user, &site.first, REDIRECT, &[scope])
            .await;
        site.redeem_first(answer.code())
            .await
            .is(200)
            .text("id_token")
    };
    let (alices, bobs) = (hint_of("alice").await, hint_of("bob").await);
    let named = format!(
        r#"{{"id_token":{{"sub":{{"value":"{}"}}}}}}"#,
        site.id_of("bob").await
    );
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    let silent = ("prompt", "none");
    let own = [silent, scope, ("id_token_hint", alices.as_str())];
    code_of(&browser.authorize(&site.first, REDIRECT, &own).await);
    for wrong in [("id_token_hint", bobs.as_str()), ("claims", named.as_str())] {
        let more = [silent, scope, wrong];
        let answer = browser.authorize(&site.first, REDIRECT, &more).await;
        assert_eq!(error_of(&answer), "login_required");
        // with a page, another user than the one who is named gets nothing
        let flow = browser.begin(&site.first, REDIRECT, &[scope, wrong]).await;
        let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        assert!(!page.contains("Continue as alice"));
        let answer = browser.log_in(&flow, "alice", PASSWORD).await;
        assert_eq!(error_of(&answer), "login_required");
    }
    assert!(site.is_signed_in(&mut browser).await);
    for wrong in ["x", "a.b.c", &format!("{bobs}x")] {
        let more = [silent, ("id_token_hint", wrong)];
        let answer = browser.authorize(&site.first, REDIRECT, &more).await;
        assert_eq!(error_of(&answer), "invalid_request");
    }
}

async fn a_request_by_a_form_is_like_one_in_the_query(site: Site) {
    let mut browser = Browser::new(&site);
    let own = [
        ("client_id", site.first.id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
    ];
    // clients send people here from their own pages
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://app.example"),
    ];
    let page = browser.submit_with("/authorize", &own, &foreign).await;
    let flow = page.is(303).header("location").unwrap().to_owned();
    let flow = flow.strip_prefix("/login?flow=").unwrap();
    let answer = browser.log_in(flow, "alice", PASSWORD).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert_eq!(answer.parameters["state"], "s");
    site.redeem_first(answer.code()).await.is(200);
    for method in [Method::PUT, Method::DELETE] {
        site.request(method, "/authorize").send().await.is(405);
    }
}

async fn an_answer_by_a_form_has_the_same_values(site: Site) {
    let mut browser = Browser::new(&site);
    let more = [
        ("response_mode", "form_post"),
        ("state", "\"><script>alert(1)</script>"),
    ];
    let flow = browser.begin(&site.first, REDIRECT, &more).await;
    let page = browser.log_in(&flow, "alice", PASSWORD).await;
    assert_eq!(page.header("location"), None);
    let text = is_page(&page, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.ends_with("form-action 'self' https://app.example"),
        "{policy}"
    );
    assert!(
        text.contains("method=\"post\" action=\"https://app.example/cb\""),
        "{text}"
    );
    assert!(
        !text.contains("<script>") && text.contains("&lt;script&gt;"),
        "{text}"
    );
    let value = |name: &str| {
        let (_, rest) = text
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    site.redeem_first(&value("code")).await.is(200);
    assert_eq!(value("iss"), ISSUER);
}

async fn who_may_not_sign_in_here_is_told_so_by_the_client(site: Site) {
    site.create_role("staff", &[]).await;
    let members = json!({ "consent": "skip", "who": ["staff"] });
    let staff = create_client(&site, "staff only", members).await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&staff, REDIRECT, &[]).await;
    let answer = browser.log_in(&flow, "alice", PASSWORD).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert_eq!(answer.error(), "access_denied");
    // an administrator has it explained
    let why = &answer.parameters["error_description"];
    let receipt = why.split_once("(receipt ").unwrap().1;
    let path = format!("/api/decisions/{}", receipt.trim_end_matches(')'));
    let explained = site.get(&path, site.admin().await).await;
    assert_eq!(explained.is(200).json["allowed"], json!(false));
    assert!(explained.json.to_string().contains("role:staff"));
    assert!(!site.is_signed_in(&mut browser).await);
    site.assign(&site.id_of("alice").await, "staff").await;
    let flow = browser.begin(&staff, REDIRECT, &[]).await;
    let code = code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    // and who may no longer gets no token for a code
    site.unassign(&site.id_of("alice").await, "staff").await;
    let refused = site.redeem(&staff, &code, REDIRECT, &[]).await;
    assert_eq!(refused.status, 400, "{refused:?}");
}

async fn a_role_that_no_sign_in_of_the_user_reaches_is_explained_by_a_receipt(db: Database) {
    let app = TestApp::configured(db, |builder| builder.second_factor(Mfa::Off)).await;
    let site = Site::with(app).await;
    site.create_role("payer", &["items:write"]).await;
    let raised = json!({ "acr": "aal2" });
    let raised = site.patch("/api/roles/payer", site.admin().await, raised);
    raised.await.is(200);
    site.assign(&site.id_of("alice").await, "payer").await;
    let essential = r#"{"id_token":{"acr":{"essential":true,"value":"aal2"}}}"#;
    for (asked, rule) in [
        (("scope", "openid role:payer"), Some("role:payer")),
        (("scope", "openid items:write"), Some("items:write")),
        // no role would help
        (("claims", essential), None),
    ] {
        let mut browser = Browser::new(&site);
        let flow = browser.begin(&site.first, REDIRECT, &[asked]).await;
        let answer = browser.log_in(&flow, "alice", PASSWORD).await;
        let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
        assert_eq!(answer.error(), "unmet_authentication_requirements");
        let why = &answer.parameters["error_description"];
        let Some((_, receipt)) = why.split_once("(receipt ") else {
            assert_eq!(rule, None, "{why}");
            continue;
        };
        let path = format!("/api/decisions/{}", receipt.trim_end_matches(')'));
        let explained = site.get(&path, site.admin().await).await;
        assert_eq!(explained.is(200).json["allowed"], json!(false));
        assert_eq!(explained.json["rule"].as_str(), rule);
        let step =
            json!({ "kind": "assurance", "role": "payer", "needed": "aal2", "present": "aal1" });
        assert_eq!(steps(&explained, "assurance"), [&step]);
    }
}
