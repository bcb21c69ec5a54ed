//! The tokens of a sign-in: who may use and refresh them.

use http::Method;
use rolecall_server::SigningAlgorithm;
use serde_json::json;

use super::{REDIRECT, Site, create_client, error_of, is_active};
use crate::support::{Browser, PASSWORD, Response, claims, on_both, part};

on_both![
    i022_a_refresh_ends_with_its_user,
    i023_a_refresh_ends_with_its_consent,
    i025_a_refresh_token_is_for_its_client_alone,
    i026_an_id_token_is_no_access_token,
    i027_a_token_for_another_resource_is_not_for_us,
    the_tokens_of_a_sign_in_say_who_when_and_how,
    m038_userinfo_reads_the_token_in_one_place,
    m038_i026_userinfo_takes_no_other_token_from_the_form,
    y286_a_shared_secret_breaks_no_session_and_signs_no_id_token,
];

/// Signs alice in to the application that is no first party.
async fn tokens_of_other(site: &Site, browser: &mut Browser<'_>, scope: &str) -> Response {
    let answer = browser
        .sign_in(&site.other, REDIRECT, &[("scope", scope)])
        .await;
    let tokens = site.redeem(&site.other, answer.code(), REDIRECT, &[]).await;
    tokens.is(200);
    tokens
}

async fn i022_a_refresh_ends_with_its_user(site: Site) {
    let admin = site.admin().await;
    for (name, status) in [
        ("carol", "disabled"),
        ("dave", "password_change_required"),
        ("erin", ""),
    ] {
        let id = site.create_user(name, &[]).await;
        let mut browser = Browser::new(&site);
        let answer = browser.sign_in_as(name, &site.first, REDIRECT, &[]).await;
        let tokens = site.redeem_first(answer.code()).await;
        let path = format!("/api/users/{id}");
        if status.is_empty() {
            site.delete(&path, admin).await.no_content();
        } else {
            site.patch(&path, admin, json!({ "status": status }))
                .await
                .is(200);
        }
        let refresh = tokens.is(200).text("refresh_token");
        let refused = site.refresh_through(&site.first, &refresh).await;
        refused.oauth_error(400, "invalid_grant");
        if status == "disabled" {
            // the session has ended: an account that is active again has none
            site.patch(&path, admin, json!({ "status": "active" }))
                .await
                .is(200);
            let refused = site.refresh_through(&site.first, &refresh).await;
            refused.oauth_error(400, "invalid_grant");
            assert!(!site.is_signed_in(&mut browser).await);
        }
    }
}

async fn i023_a_refresh_ends_with_its_consent(site: Site) {
    for scope in ["openid", "openid offline_access"] {
        let mut browser = Browser::new(&site);
        let tokens = tokens_of_other(&site, &mut browser, scope).await;
        let access = tokens.text("access_token");
        site.get("/userinfo", &access).await.is(200);
        let alice = site.id_of("alice").await;
        let path = format!("/api/users/{alice}/consents/{}", site.other.id);
        site.delete(path, site.admin().await).await.no_content();
        site.get("/userinfo", &access).await.ended_token();
        let refresh = tokens.text("refresh_token");
        let refused = site.refresh_through(&site.other, &refresh).await;
        refused.oauth_error(400, "invalid_grant");
    }
}

async fn i025_a_refresh_token_is_for_its_client_alone(site: Site) {
    let mut browser = Browser::new(&site);
    let tokens = tokens_of_other(&site, &mut browser, "openid").await;
    let refresh = tokens.text("refresh_token");
    let stolen = site.refresh_through(&site.first, &refresh).await;
    stolen.oauth_error(400, "invalid_grant");
    // nothing has changed for its own client
    let next = site.refresh_through(&site.other, &refresh).await;
    let (before, after) = (
        claims(&tokens.text("id_token")),
        claims(&next.is(200).text("id_token")),
    );
    for claim in ["iss", "sub", "aud", "sid", "auth_time"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    assert_eq!(after["aud"], site.other.id.as_str());
    assert!(after.get("nonce").is_none());
}

async fn i026_an_id_token_is_no_access_token(site: Site) {
    let mut browser = Browser::new(&site);
    let tokens = tokens_of_other(&site, &mut browser, "openid items:read").await;
    let (access, id_token) = (tokens.text("access_token"), tokens.text("id_token"));
    let server = site.create_resource_server("server").await;
    for path in ["/api/me", "/userinfo", "/items/"] {
        site.get(path, &id_token).await.is(401);
    }
    site.get("/items/", &access).await.is(200);
    assert!(!is_active(&site, &server, &id_token).await);
    assert!(is_active(&site, &server, &access).await);
    assert_eq!(part(&access, 0)["typ"], "at+jwt");
    // nor is an access token the hint of anybody
    let more = [("id_token_hint", access.as_str())];
    let answer = browser.authorize(&site.other, REDIRECT, &more).await;
    assert_eq!(error_of(&answer), "invalid_request");
}

async fn i027_a_token_for_another_resource_is_not_for_us(site: Site) {
    let audience = "https://api.example";
    let members = json!({ "audiences": [audience] });
    let client = create_client(&site, "elsewhere", members).await;
    let stranger =
        json!({ "roles": ["rolecall.resource-server"], "audiences": ["https://stranger.example"] });
    let stranger = site.create_client("stranger", stranger).await;
    let own = json!({ "roles": ["rolecall.resource-server"], "audiences": [audience] });
    let own = site.create_client("own", own).await;
    let more = [("scope", "openid items:read"), ("resource", audience)];
    let mut browser = Browser::new(&site);
    let answer = browser.sign_in(&client, REDIRECT, &more).await;
    let tokens = site.redeem(&client, answer.code(), REDIRECT, &[]).await;
    let access = tokens.is(200).text("access_token");
    assert_eq!(claims(&access)["aud"], audience);
    for path in ["/userinfo", "/api/me", "/items/"] {
        site.get(path, &access).await.is(401);
    }
    assert!(!is_active(&site, &stranger, &access).await);
    assert!(is_active(&site, &own, &access).await);
}

async fn the_tokens_of_a_sign_in_say_who_when_and_how(site: Site) {
    let mut browser = Browser::new(&site);
    let more = [("scope", "openid roles"), ("nonce", "n")];
    let flow = browser.begin(&site.first, REDIRECT, &more).await;
    site.pass_time(std::time::Duration::from_secs(5));
    let signed_in_at = site.clock_seconds();
    let code = super::code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    site.pass_time(std::time::Duration::from_secs(5));
    let tokens = site.redeem_first(&code).await;
    let id_token = claims(&tokens.is(200).text("id_token"));
    let expected = json!({
        "iss": crate::support::ISSUER, "aud": site.first.id, "sub": site.id_of("alice").await,
        "auth_time": signed_in_at, "nonce": "n", "acr": "aal1",
    });
    for (claim, value) in expected.as_object().unwrap() {
        assert_eq!(id_token[claim], *value, "{claim}");
    }
    assert_eq!(id_token["amr"], json!(["pwd"]));
    assert_eq!(
        id_token["exp"].as_i64().unwrap() - id_token["iat"].as_i64().unwrap(),
        1800
    );
    let access = claims(&tokens.text("access_token"));
    assert_eq!(access["sid"], id_token["sid"]);
    // another sign-in to the same application is another session of it
    let second = site.sign_in(&mut browser, &more).await.code().to_owned();
    let second = site.redeem_first(&second).await;
    let second = claims(&second.is(200).text("id_token"));
    assert_ne!(second["sid"], id_token["sid"]);
    assert_eq!(second["auth_time"], id_token["auth_time"]);
}

async fn m038_userinfo_reads_the_token_in_one_place(site: Site) {
    let mut browser = Browser::new(&site);
    let tokens = tokens_of_other(&site, &mut browser, "openid").await;
    let token = tokens.text("access_token");
    let alice = site.id_of("alice").await;
    let post = |path: &str| site.request(Method::POST, path);
    let field = [("access_token", token.as_str())];
    for request in [
        post("/userinfo").token(&token),
        post("/userinfo").token(&token).form(&[("a", "b")]),
        post("/userinfo").form(&field),
        // what is no form is not read
        post("/userinfo")
            .token(&token)
            .json(&json!({ "access_token": token })),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.is(200).json["sub"], alice.as_str());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let in_query = format!("/userinfo?access_token={token}");
    let challenge = |answer: &Response| answer.header("www-authenticate").unwrap().to_owned();
    for request in [
        post("/userinfo").token(&token).form(&field),
        post("/userinfo").form(&[field[0], field[0]]),
        post(&in_query).form(&field),
        post(&in_query).token(&token),
        site.request(Method::GET, &in_query).token(&token),
    ] {
        let answer = request.send().await;
        let challenge = challenge(answer.is(400));
        assert!(challenge.contains("invalid_request"), "{challenge}");
    }
    for request in [
        post("/userinfo"),
        post("/userinfo").form(&[("access_token", "")]),
        post("/userinfo").json(&json!({ "access_token": token })),
        post("/userinfo").raw("multipart/form-data", format!("access_token={token}")),
        post(&in_query),
        site.request(Method::GET, &in_query),
        site.request(Method::GET, "/userinfo").form(&field),
    ] {
        let answer = request.send().await;
        let challenge = challenge(answer.is(401));
        assert!(!challenge.contains("error="), "{challenge}");
    }
}

async fn m038_i026_userinfo_takes_no_other_token_from_the_form(site: Site) {
    let mut browser = Browser::new(&site);
    let tokens = tokens_of_other(&site, &mut browser, "openid").await;
    let token = tokens.text("access_token");
    let alice = site.id_of("alice").await;
    let post = |path: &str| site.request(Method::POST, path);
    let challenge = |answer: &Response| answer.header("www-authenticate").unwrap().to_owned();
    // what is no token for this server, has ended, or lacks `openid`
    let whole = site.log_in("alice").await;
    let with = async |token: &str| {
        post("/userinfo")
            .form(&[("access_token", token)])
            .send()
            .await
    };
    with(&whole).await.is(403);
    let id_token = tokens.text("id_token");
    let refresh = tokens.text("refresh_token");
    let changed = format!("{token}A");
    for other in [
        id_token.as_str(),
        &refresh,
        &changed,
        "x",
        &"a".repeat(20_000),
    ] {
        let answer = with(other).await;
        let challenge = challenge(answer.is(401));
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
    let path = format!("/api/users/{alice}/sessions");
    site.delete(&path, site.admin().await).await.no_content();
    with(&token).await.is(401);
}

async fn y286_a_shared_secret_breaks_no_session_and_signs_no_id_token(site: Site) {
    let mut browser = Browser::new(&site);
    let scope = [("scope", "openid items:read")];
    let answer = browser.sign_in(&site.first, REDIRECT, &scope).await;
    let tokens = site.redeem_first(answer.code()).await;
    let refresh = tokens.is(200).text("refresh_token");
    assert!(tokens.json["id_token"].is_string());
    let code = browser.sign_in(&site.first, REDIRECT, &scope).await;
    let Site { app, first, .. } = site;
    let configure =
        |builder: rolecall_server::EmbeddedBuilder| builder.algorithm(SigningAlgorithm::Hs256);
    let app = app.restart_as(configure, async |_| {}).await;
    let next = app.refresh_through(&first, &refresh).await;
    let access = next.is(200).text("access_token");
    assert_eq!(part(&access, 0)["alg"], "HS256");
    assert_eq!(next.json.get("id_token"), None);
    app.get("/items/", &access).await.is(200);
    let refused = app.redeem(&first, code.code(), REDIRECT, &[]).await;
    refused.oauth_error(400, "invalid_scope");
    let mut browser = Browser::new(&app);
    let answer = browser.authorize(&first, REDIRECT, &scope).await;
    assert_eq!(error_of(&answer), "invalid_scope");
}
