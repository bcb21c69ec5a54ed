//! Authorization codes: who may redeem them, when, and how often.

use std::time::Duration;

use rolecall::{Clock as _, ManualClock};
use serde_json::json;

use super::{REDIRECT, Site, authorize_as_is, code_of, create_client, error_of, has_ended};
use crate::support::{
    Browser, CHALLENGE, Credentials, PASSWORD, SignInAnswer, VERIFIER, claims, on_both,
};

on_both![
    i013_without_its_verifier_a_code_is_refused_and_spent,
    i014_a_verifier_without_a_challenge_is_refused,
    i015_a_challenge_is_s256,
    i016_a_form_changes_nothing_of_the_request,
    i017_a_code_is_for_its_client_alone,
    i018_a_secret_of_one_kind_is_no_other,
    o076_i020_a_code_lasts_a_minute,
    i020_a_code_is_worth_no_more_than_its_user,
    i021_the_query_of_a_token_request_is_not_read,
    a_redirect_uri_that_is_sent_is_that_of_the_request,
    a_scope_that_is_repeated_with_the_code_changes_nothing,
    y387_a_code_lasts_a_minute_on_nodes_whose_clocks_differ,
];

async fn i013_without_its_verifier_a_code_is_refused_and_spent(site: Site) {
    let mut browser = Browser::new(&site);
    let other = "a".repeat(43);
    for verifier in [
        None,
        Some(""),
        Some(&*other),
        Some(CHALLENGE),
        Some(&VERIFIER[..42]),
    ] {
        let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
        ];
        form.extend(verifier.map(|one| ("code_verifier", one)));
        let refused = site.send_as(&site.first, &form).await;
        refused.oauth_error(400, "invalid_grant");
        let again = site.redeem_first(&code).await;
        again.oauth_error(400, "invalid_grant");
    }
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    site.redeem_first(&code).await.is(200);
}

/// An authorization request without a code challenge.
fn without_challenge(client: &Credentials) -> Vec<(&str, &str)> {
    vec![
        ("client_id", &client.id),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
    ]
}

async fn i014_a_verifier_without_a_challenge_is_refused(site: Site) {
    let members = json!({ "consent": "skip", "pkce": "optional" });
    let lax = create_client(&site, "lax", members).await;
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    for challenge in [None, Some("")] {
        let mut own = without_challenge(&site.first);
        own.extend(challenge.map(|empty| ("code_challenge", empty)));
        let answer = authorize_as_is(&mut browser, &own).await;
        assert_eq!(error_of(&answer), "invalid_request");
    }
    for (verifier, status) in [(Some(VERIFIER), 400), (None, 200)] {
        let own = without_challenge(&lax);
        let code = code_of(&authorize_as_is(&mut browser, &own).await);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
        ];
        form.extend(verifier.map(|one| ("code_verifier", one)));
        site.send_as(&lax, &form).await.is(status);
    }
}

async fn i015_a_challenge_is_s256(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    let long = format!("{CHALLENGE}A");
    for (challenge, method) in [
        (CHALLENGE, Some("plain")),
        (CHALLENGE, None),
        (CHALLENGE, Some("")),
        (CHALLENGE, Some("s256")),
        (CHALLENGE, Some("S512")),
        (CHALLENGE, Some("S256 ")),
        (&CHALLENGE[..42], Some("S256")),
        (&long, Some("S256")),
        ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", Some("S256")),
    ] {
        let mut own = vec![
            ("client_id", site.first.id.as_str()),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", "s"),
            ("code_challenge", challenge),
        ];
        own.extend(method.map(|one| ("code_challenge_method", one)));
        let answer = authorize_as_is(&mut browser, &own).await;
        assert_eq!(
            error_of(&answer),
            "invalid_request",
            "{challenge} {method:?}"
        );
        let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
        assert_eq!(answer.parameters["state"], "s");
        assert!(!answer.parameters.contains_key("code"));
    }
}

async fn i016_a_form_changes_nothing_of_the_request(site: Site) {
    let more = [("scope", "openid"), ("state", "mine"), ("nonce", "n")];
    let evil = [
        ("scope", "openid items:read"),
        ("redirect_uri", "https://evil.example/cb"),
        ("client_id", site.first.id.as_str()),
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
        ("state", "other"),
        ("nonce", "other"),
        ("response_mode", "form_post"),
    ];
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &more).await;
    let typed = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let next = browser
        .submit("/login", &[&typed[..], &evil].concat())
        .await;
    super::leads_to_page(&next, &flow);
    // nor does the address of a page
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&evil)
        .finish();
    browser
        .open(&format!("/login?flow={flow}&{query}"))
        .await
        .is(200);
    let decided = [("flow", flow.as_str()), ("decision", "allow")];
    let answer = browser
        .submit("/consent", &[&decided[..], &evil].concat())
        .await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert_eq!(answer.parameters["state"], "mine");
    let tokens = site.redeem(&site.other, answer.code(), REDIRECT, &[]).await;
    assert_eq!(claims(&tokens.is(200).text("id_token"))["nonce"], "n");
    let access = tokens.text("access_token");
    site.get("/userinfo", &access).await.is(200);
    site.get("/items/", &access).await.forbidden("items:read");
}

async fn i017_a_code_is_for_its_client_alone(site: Site) {
    let mut browser = Browser::new(&site);
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let stolen = site.redeem(&site.other, &code, REDIRECT, &[]).await;
    stolen.oauth_error(400, "invalid_grant");
    let late = site.redeem_first(&code).await;
    late.oauth_error(400, "invalid_grant");
    // whoever does not know the client's secret spends nothing
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let mixed = Credentials::new(&site.first.id, &site.other.secret);
    let refused = site.redeem(&mixed, &code, REDIRECT, &[]).await;
    refused.oauth_error(401, "invalid_client");
    let public = Credentials::new(&site.first.id, "");
    let refused = site.redeem(&public, &code, REDIRECT, &[]).await;
    refused.oauth_error(401, "invalid_client");
    site.redeem_first(&code).await.is(200);
}

async fn i018_a_secret_of_one_kind_is_no_other(site: Site) {
    let body = json!({ "username": "carol" });
    let reset_code = site.post("/api/users", site.admin().await, body).await;
    let reset_code = reset_code.is(201).text("reset_code");
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let tokens = site.redeem_first(&code).await;
    let refresh = tokens.is(200).text("refresh_token");
    let unused = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let session = browser.cookie("session").unwrap().to_owned();
    let secret = browser.cookie("flow").unwrap().to_owned();
    for wrong in [
        &refresh,
        &reset_code,
        &flow,
        &session,
        &secret,
        &tokens.text("access_token"),
    ] {
        let refused = site.redeem_first(wrong).await;
        refused.oauth_error(400, "invalid_grant");
    }
    for wrong in [&unused, &session, &secret] {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", wrong.as_str()),
        ];
        let refused = site.send_as(&site.first, &form).await;
        refused.oauth_error(400, "invalid_grant");
        let reset = site
            .replace_password("carol", wrong, "a new password of carol")
            .await;
        assert!(reset.status.is_client_error(), "{reset:?}");
    }
    for wrong in [&unused, &secret, &refresh] {
        let mut thief = Browser::new(&site);
        thief.set_cookie("session", wrong);
        assert!(!site.is_signed_in(&mut thief).await);
    }
    for wrong in [&unused, &session, &flow] {
        let mut thief = Browser::new(&site);
        thief.set_cookie("flow", wrong);
        has_ended(&thief.open(&format!("/login?flow={flow}")).await);
    }
    // all that was tried above has spent nothing
    site.redeem_first(&unused).await.is(200);
    browser.open(&format!("/login?flow={flow}")).await.is(200);
}

async fn o076_i020_a_code_lasts_a_minute(site: Site) {
    let mut browser = Browser::new(&site);
    for (seconds, status) in [(59, 200), (60, 400), (3600, 400)] {
        let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
        site.pass_time(Duration::from_secs(seconds));
        let answer = site.redeem_first(&code).await;
        answer.is(status);
        if status == 400 {
            answer.oauth_error(400, "invalid_grant");
        }
    }
}

async fn i020_a_code_is_worth_no_more_than_its_user(site: Site) {
    let admin = site.admin().await;
    for (name, status) in [
        ("carol", "disabled"),
        ("dave", "password_change_required"),
        ("erin", ""),
    ] {
        let id = site.create_user(name, &["reader"]).await;
        let mut browser = Browser::new(&site);
        let code = browser.sign_in_as(name, &site.first, REDIRECT, &[]).await;
        let path = format!("/api/users/{id}");
        if status.is_empty() {
            site.delete(&path, admin).await.no_content();
        } else {
            site.patch(&path, admin, json!({ "status": status }))
                .await
                .is(200);
        }
        let refused = site.redeem_first(code.code()).await;
        refused.oauth_error(400, "invalid_grant");
    }
    // a role that is lost is not in the token
    let alice = site.id_of("alice").await;
    let mut browser = Browser::new(&site);
    let kept = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let kept = site.redeem_first(&kept).await.is(200).text("access_token");
    site.get("/items/", &kept).await.is(200);
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    site.unassign(&alice, "reader").await;
    let tokens = site.redeem_first(&code).await;
    let access = tokens.is(200).text("access_token");
    site.get("/items/", &access).await.forbidden("items:read");
    site.get("/items/", &kept).await.ended_token();
}

async fn i021_the_query_of_a_token_request_is_not_read(site: Site) {
    let mut browser = Browser::new(&site);
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    for (path, form) in [
        (format!("/token?code={code}"), &form[..]),
        (
            format!("/token?code={code}&code_verifier={VERIFIER}"),
            &form[..2],
        ),
    ] {
        let refused = site.form_as(&site.first, &path, form).send().await;
        refused.oauth_error(400, "invalid_request");
    }
    site.redeem_first(&code).await.is(200);
}

async fn a_redirect_uri_that_is_sent_is_that_of_the_request(site: Site) {
    let second = "https://app.example/second";
    let members = json!({ "consent": "skip", "redirect_uris": [REDIRECT, second] });
    let two = create_client(&site, "two", members).await;
    let mut browser = Browser::new(&site);
    for (redirect_uri, status) in [
        (second, 400),
        ("https://app.example/cb/", 400),
        (REDIRECT, 200),
    ] {
        let answer = browser.sign_in(&two, REDIRECT, &[]).await;
        let tokens = site.redeem(&two, answer.code(), redirect_uri, &[]).await;
        tokens.is(status);
    }
    // RFC 9700: the code challenge binds the code as well
    let answer = browser.sign_in(&two, REDIRECT, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", answer.code()),
        ("code_verifier", VERIFIER),
    ];
    site.send_as(&two, &form).await.is(200);
}

async fn a_scope_that_is_repeated_with_the_code_changes_nothing(site: Site) {
    let mut browser = Browser::new(&site);
    for scope in ["openid", "openid profile", "items:read", "NO SUCH"] {
        let more = [("scope", "openid")];
        let answer = site.sign_in(&mut browser, &more).await;
        let repeated = [("scope", scope)];
        let tokens = site
            .redeem(&site.first, answer.code(), REDIRECT, &repeated)
            .await;
        let access = tokens.is(200).text("access_token");
        site.get("/items/", &access).await.forbidden("items:read");
    }
}

async fn y387_a_code_lasts_a_minute_on_nodes_whose_clocks_differ(site: Site) {
    let ahead = ManualClock::at(site.clock.now().plus(Duration::from_mins(2)));
    let of_database = site.clock.clone();
    let other = site
        .node(|builder| builder.clock(ahead).database_clock(of_database))
        .await;
    for (first, second) in [(&*site.app, &other), (&other, &*site.app)] {
        let code = async || {
            let mut browser = Browser::new(first);
            let answer = site.sign_in(&mut browser, &[]).await;
            answer.code().to_owned()
        };
        let fresh = code().await;
        let redeemed = second.redeem(&site.first, &fresh, REDIRECT, &[]).await;
        redeemed.is(200);
        let old = code().await;
        site.pass_time(Duration::from_mins(1));
        let refused = second.redeem(&site.first, &old, REDIRECT, &[]).await;
        refused.oauth_error(400, "invalid_grant");
    }
}
