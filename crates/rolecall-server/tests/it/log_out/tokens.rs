//! Logout tokens (`OpenID` Connect Back-Channel Logout 1.0 section 2.4).

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::support::{Browser, RelyingParty, Site, all_sent, create_client, is_page};
use crate::support::{ISSUER, claims, on_both, part};

on_both![
    m085_m086_m087_m088_m089_m090_m091_every_client_gets_a_token_of_its_own,
    i104_m094_a_logout_token_is_accepted_as_nothing_else,
];

async fn m085_m086_m087_m088_m089_m090_m091_every_client_gets_a_token_of_its_own(site: Site) {
    let alice = site.id_of("alice").await;
    let mut parties = Vec::new();
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let party = RelyingParty::listen().await;
        let name = algorithm.to_lowercase();
        let client = create_client(&site, &name, Some(&party.url), algorithm).await;
        parties.push((party, client, algorithm));
    }
    let silent = create_client(&site, "silent", None, "RS256").await;
    let mut browser = Browser::default();
    browser.sign_in(&site, &silent, "alice", "openid").await;
    let mut sids = Vec::new();
    for (_, client, algorithm) in &parties {
        let signed_in = browser.sign_in(&site, client, "alice", "openid").await;
        assert_eq!(part(&signed_in.id_token, 0)["alg"], *algorithm);
        sids.push(signed_in.sid);
    }
    let page = browser.log_out(&site, &[]).await;
    is_page(&browser.confirm(&site, &page).await, 200);
    let mut ids = BTreeSet::new();
    for ((party, client, algorithm), sid) in parties.iter().zip(&sids) {
        let received = party.count(1).await.remove(0);
        assert_eq!(received.method, Method::POST);
        assert_eq!(received.path_and_query, "/out");
        assert_eq!(received.content_type, "application/x-www-form-urlencoded");
        let token = received.token();
        let header = part(&token, 0);
        assert_eq!(
            (&header["typ"], &header["alg"]),
            (&json!("logout+jwt"), &json!(algorithm))
        );
        let keys = site.get("/.well-known/jwks.json", "").await;
        let keys = keys.json["keys"].as_array().unwrap().clone();
        assert!(
            keys.iter()
                .any(|key| key["kid"] == header["kid"] && key["alg"] == *algorithm)
        );
        let claims = claims(&token);
        let members: BTreeSet<&str> = claims
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"];
        assert_eq!(members, expected.into(), "no nonce");
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["aud"], client.id());
        assert_eq!(
            (&claims["sub"], &claims["sid"]),
            (&json!(alice), &json!(sid))
        );
        let event = "http://schemas.openid.net/event/backchannel-logout";
        assert_eq!(claims["events"], json!({ event: {} }));
        let seconds = |name: &str| claims[name].as_i64().unwrap();
        assert_eq!(seconds("exp") - seconds("iat"), 120);
        assert_eq!(seconds("iat"), crate::support::START.seconds());
        assert!(ids.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
    assert!(site.party.received().is_empty(), "nobody signed in there");
    all_sent(&site).await;
}

async fn i104_m094_a_logout_token_is_accepted_as_nothing_else(site: Site) {
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    // of an algorithm that signs access tokens too
    let party = RelyingParty::listen().await;
    let client = create_client(&site, "es", Some(&party.url), "ES256").await;
    browser.sign_in(&site, &client, "alice", "openid").await;
    is_page(
        &browser
            .log_out(&site, &[("id_token_hint", &signed_in.id_token)])
            .await,
        200,
    );
    let resource_server = site.create_resource_server("api").await;
    for party in [&site.party, &party] {
        let token = party.count(1).await.remove(0).token();
        for path in ["/userinfo", "/api/me", "/items/", "/edit"] {
            site.get(path, &token).await.invalid_token();
        }
        // nor as an ID token
        let parameters = [
            ("id_token_hint", token.as_str()),
            ("post_logout_redirect_uri", &site.client.after),
        ];
        is_page(&Browser::default().log_out(&site, &parameters).await, 200);
        let answer = site.introspect(&resource_server, &token).await;
        assert_eq!(answer.is(200).json["active"], Value::from(false));
    }
    assert_ne!(part(&signed_in.id_token, 0)["typ"], "logout+jwt");
    assert_eq!(claims(&signed_in.id_token).get("events"), None);
}
