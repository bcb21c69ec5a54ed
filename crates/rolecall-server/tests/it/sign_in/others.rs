//! Applications of others: what their tokens may do with the account of a user.

use serde_json::{Value, json};

use super::{REDIRECT, Site, code_of, create_client, error_of, is_page};
use crate::support::{Browser, Credentials, NEW_PASSWORD, PASSWORD, claims, on_both, session_id};

on_both![
    y285_a_token_of_somebody_else_s_application_is_never_for_the_whole_account,
    y285_a_token_of_the_operator_s_own_application_is_for_the_whole_account,
    y284_claims_give_nothing_that_was_not_allowed,
    y289_the_own_account_shows_an_application_what_was_allowed,
];

/// All that the user may do, as far as the application may have it.
const ALL: [(&str, &str); 1] = [("scope", "openid profile roles")];

async fn y285_a_token_of_somebody_else_s_application_is_never_for_the_whole_account(site: Site) {
    let own = site.log_in("alice").await;
    let mut browser = Browser::new(&site);
    let answer = browser.sign_in(&site.other, REDIRECT, &ALL).await;
    let tokens = site.redeem(&site.other, answer.code(), REDIRECT, &[]).await;
    let refreshed = tokens.is(200).text("refresh_token");
    let refreshed = site.refresh_through(&site.other, &refreshed).await;
    for token in [
        tokens.text("access_token"),
        refreshed.is(200).text("access_token"),
    ] {
        assert_eq!(claims(&token)["narrowed"], true);
        site.get("/items/", &token).await.is(200);
        site.get("/userinfo", &token).await.is(200);
        let change = json!({ "email": "mallory@mail.example" });
        site.patch("/api/me", &token, change).await.is(403);
        let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        site.put_json("/api/me/password", &token, body)
            .await
            .is(403);
        let path = format!("/api/me/sessions/{}", session_id(&own));
        site.delete(path, &token).await.is(403);
        let seen = site.get("/api/me/sessions", &token).await;
        assert_eq!(seen.is(200).items("id"), [session_id(&token)]);
        site.get("/api/consents", &token).await.is(403);
        let path = format!("/api/consents/{}", site.first.id);
        site.delete(path, &token).await.is(403);
    }
    let me = site.get("/api/me", &own).await;
    assert_eq!(me.is(200).json["email"], Value::Null);
    // it may log itself out
    let token = refreshed.text("access_token");
    let path = format!("/api/me/sessions/{}", session_id(&token));
    site.delete(path, &token).await.no_content();
    site.get("/items/", &token).await.is(401);
}

async fn y285_a_token_of_the_operator_s_own_application_is_for_the_whole_account(site: Site) {
    let mut browser = Browser::new(&site);
    let answer = browser.sign_in(&site.first, REDIRECT, &ALL).await;
    let token = site.redeem_first(answer.code()).await.text("access_token");
    assert_eq!(claims(&token)["narrowed"], Value::Null);
    let change = json!({ "email": "alice@mail.example" });
    site.patch("/api/me", &token, change).await.is(200);
    // a token for another server says nothing about the account
    let members = json!({ "audiences": ["https://items.example"] });
    let client = create_client(&site, "elsewhere", members).await;
    let answer = Browser::new(&site).sign_in(&client, REDIRECT, &ALL).await;
    let tokens = site.redeem(&client, answer.code(), REDIRECT, &[]).await;
    let token = tokens.is(200).text("access_token");
    assert_eq!(claims(&token)["aud"], "https://items.example");
    assert_eq!(claims(&token)["narrowed"], Value::Null);
    site.get("/api/me", &token).await.is(401);
}

async fn y284_claims_give_nothing_that_was_not_allowed(site: Site) {
    let id = site.id_of("alice").await;
    let change = json!({ "email": "alice@mail.example" });
    let path = format!("/api/users/{id}");
    site.patch(path, site.admin().await, change).await.is(200);
    let mut browser = Browser::new(&site);
    let openid = ("scope", "openid items:read");
    browser
        .sign_in(&site.other, REDIRECT, &[openid])
        .await
        .code();
    let silent = ("prompt", "none");
    for claims in [
        r#"{"userinfo":{"email":null}}"#,
        r#"{"id_token":{"email":null}}"#,
        r#"{"id_token":{"roles":{"essential":true}}}"#,
        r#"{"userinfo":{"preferred_username":null}}"#,
    ] {
        let asked = [openid, silent, ("claims", claims)];
        let answer = browser.authorize(&site.other, REDIRECT, &asked).await;
        assert_eq!(error_of(&answer), "consent_required", "{claims}");
    }
    // the page says so, and what was allowed is given from then on
    let claims = (
        "claims",
        r#"{"userinfo":{"email":null},"id_token":{"email":null}}"#,
    );
    let flow = browser
        .begin(&site.other, REDIRECT, &[openid, claims])
        .await;
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(page.contains("e-mail address"), "{page}");
    browser.decide(&flow, "allow").await.is(303);
    let answer = browser
        .authorize(&site.other, REDIRECT, &[openid, silent, claims])
        .await;
    let code = code_of(&answer);
    let tokens = site.redeem(&site.other, &code, REDIRECT, &[]).await;
    let about = site
        .get("/userinfo", &tokens.is(200).text("access_token"))
        .await;
    assert_eq!(about.is(200).json["email"], "alice@mail.example");
    assert_eq!(about.json["preferred_username"], Value::Null);
    // a claim that nobody has is no reason to ask, and neither is one about no user
    let claims = ("claims", r#"{"userinfo":{"phone_number":null,"sub":null}}"#);
    let answer = browser
        .authorize(&site.other, REDIRECT, &[openid, silent, claims])
        .await;
    code_of(&answer);
}

async fn y289_the_own_account_shows_an_application_what_was_allowed(site: Site) {
    let id = site.id_of("alice").await;
    let change = json!({ "email": "alice@mail.example" });
    let path = format!("/api/users/{id}");
    site.patch(path, site.admin().await, change).await.is(200);
    let email = async |client: &Credentials, more: &[(&str, &str)]| {
        let answer = Browser::new(&site).sign_in(client, REDIRECT, more).await;
        let tokens = site.redeem(client, answer.code(), REDIRECT, &[]).await;
        let me = site
            .get("/api/me", &tokens.is(200).text("access_token"))
            .await;
        assert_eq!(me.is(200).json["username"], "alice");
        me.json["email"].clone()
    };
    let (openid, address) = (("scope", "openid items:read"), json!("alice@mail.example"));
    assert_eq!(email(&site.other, &[openid]).await, Value::Null);
    assert_eq!(email(&site.other, &ALL).await, Value::Null);
    let named = [openid, ("claims", r#"{"userinfo":{"email":null}}"#)];
    assert_eq!(email(&site.other, &named).await, address);
    let by_scope = [("scope", "openid email items:read")];
    assert_eq!(email(&site.other, &by_scope).await, address);
    // an application of the operator's own, and a token that its owner limited
    assert_eq!(email(&site.first, &[openid]).await, address);
    let limited = site.log_in_with_scope("alice", "items:read").await;
    let me = site.get("/api/me", &limited).await;
    assert_eq!(me.is(200).json["email"], address);
}
