//! `/logout` (`OpenID` Connect RP-Initiated Logout 1.0).

use std::time::Duration;

use serde_json::json;

use super::support::{Browser, Site, create_client, is_page, state_of, try_redeem};
use crate::support::{Database, Fixture as _, eventually, on_both};

on_both![
    i100_m074_m081_a_link_from_elsewhere_ends_nothing_until_somebody_agrees,
    m071_m072_a_hint_of_this_session_ends_it_at_once_by_get_and_post_expired_or_not,
    i101_m078_an_address_that_is_not_registered_for_the_client_is_not_followed,
    i102_m073_a_hint_and_a_client_id_that_differ_lead_nowhere,
    m072_a_hint_that_is_not_ours_is_none,
    m075_a_hint_of_another_session_asks,
    m076_other_parameters_change_nothing,
    m079_without_a_client_there_is_no_redirect,
    m080_errors_are_pages,
    i103_m092_tokens_end_with_the_session_and_those_with_offline_access_do_not,
    m077_m082_m083_the_metadata_names_log_out,
    a_form_of_another_site_comes_without_a_cookie_and_is_followed,
    i039_another_user_in_the_same_browser_ends_the_session_of_the_first,
    a_code_and_a_flow_end_with_the_session,
];

async fn i100_m074_m081_a_link_from_elsewhere_ends_nothing_until_somebody_agrees(site: Site) {
    let mut browser = Browser::default();
    browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let before = state_of(&site).await;
    for parameters in [
        &[][..],
        &[("client_id", site.client.id())],
        &[("confirmed", "yes")],
        &[("id_token_hint", "x")],
        &[("post_logout_redirect_uri", &site.client.after)],
    ] {
        let page = browser.log_out(&site, parameters).await;
        let html = is_page(&page, 200);
        assert!(
            html.contains("alice") && html.contains("<form method=\"post\""),
            "{html}"
        );
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    // an answer that is not of this browser's page
    let page = browser.log_out(&site, &[]).await;
    for wrong in ["yes", "", "a"] {
        let answer = browser
            .post(&site, "/logout", &[("confirmed", wrong)])
            .await;
        assert!(is_page(&answer, 200).contains("alice"));
    }
    let mut other = Browser::default();
    other.sign_in(&site, &site.client, "alice", "openid").await;
    let of_other = other.log_out(&site, &[]).await;
    let answer = browser.confirm(&site, &of_other).await;
    assert!(is_page(&answer, 200).contains("<form"));
    assert_eq!(state_of(&site).await.0, before.0);
    assert!(browser.silently(&site, &site.client).await.is_some());
    let answer = browser.confirm(&site, &page).await;
    assert!(!is_page(&answer, 200).contains("<form"));
    assert!(!browser.has_session());
    assert_eq!(browser.silently(&site, &site.client).await, None);
    assert!(other.silently(&site, &site.client).await.is_some());
}

async fn m071_m072_a_hint_of_this_session_ends_it_at_once_by_get_and_post_expired_or_not(
    site: Site,
) {
    for (by_form, later) in [(false, 0), (true, 0), (false, 2), (true, 2)] {
        let mut browser = Browser::default();
        let signed_in = browser
            .sign_in(&site, &site.client, "alice", "openid")
            .await;
        site.pass_time(Duration::from_hours(later));
        let parameters = [
            ("id_token_hint", signed_in.id_token.as_str()),
            ("post_logout_redirect_uri", &site.client.after),
            ("state", "a&b"),
        ];
        let answer = if by_form {
            browser.post(&site, "/logout", &parameters).await
        } else {
            browser.log_out(&site, &parameters).await
        };
        let location = format!("{}?state=a%26b", site.client.after);
        assert_eq!(answer.is(303).header("location"), Some(location.as_str()));
        assert!(!browser.has_session());
        assert_eq!(site.db.count("browser_sessions").await, 0);
        // once more: nobody is signed in, and the browser still goes back
        let again = browser.log_out(&site, &parameters).await;
        assert_eq!(again.is(303).header("location"), Some(location.as_str()));
    }
}

async fn i101_m078_an_address_that_is_not_registered_for_the_client_is_not_followed(site: Site) {
    let other = create_client(&site, "second", None, "RS256").await;
    let after = site.client.after.as_str();
    let with_query = format!("{after}?a=b");
    for wrong in [
        with_query.as_str(),
        &format!("{after}/"),
        &after.to_uppercase(),
        &other.after,
        &site.client.redirect_uri,
        "https://evil.example/",
        "javascript:alert(1)",
    ] {
        for by_hint in [true, false] {
            let mut browser = Browser::default();
            let signed_in = browser
                .sign_in(&site, &site.client, "alice", "openid")
                .await;
            let named = if by_hint {
                ("id_token_hint", signed_in.id_token.as_str())
            } else {
                ("client_id", site.client.id())
            };
            let parameters = [named, ("post_logout_redirect_uri", wrong), ("state", "s")];
            let mut answer = browser.log_out(&site, &parameters).await;
            if !by_hint {
                is_page(&answer, 200);
                answer = browser.confirm(&site, &answer).await;
            }
            let html = is_page(&answer, 200);
            assert!(
                !html.contains("<form") && !html.contains("evil"),
                "{wrong}: {html}"
            );
            assert!(!browser.has_session());
        }
    }
    // a client that does not exist
    let parameters = [("client_id", "nobody"), ("post_logout_redirect_uri", after)];
    is_page(&Browser::default().log_out(&site, &parameters).await, 200);
}

async fn i102_m073_a_hint_and_a_client_id_that_differ_lead_nowhere(site: Site) {
    let other = create_client(&site, "second", None, "RS256").await;
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    for after in [&site.client.after, &other.after] {
        let parameters = [
            ("id_token_hint", signed_in.id_token.as_str()),
            ("client_id", other.id()),
            ("post_logout_redirect_uri", after),
        ];
        let page = browser.log_out(&site, &parameters).await;
        assert!(is_page(&page, 200).contains("alice"));
        assert!(browser.silently(&site, &site.client).await.is_some());
        let mut agreeing = browser.clone();
        if after == &other.after {
            let answer = agreeing.confirm(&site, &page).await;
            is_page(&answer, 200);
            assert!(!agreeing.has_session());
        }
    }
    assert_eq!(browser.silently(&site, &site.client).await, None);
}

async fn m072_a_hint_that_is_not_ours_is_none(site: Site) {
    let stranger = Site::on(Database::sqlite()).await;
    let mut elsewhere = Browser::default();
    let foreign = elsewhere
        .sign_in(&stranger, &stranger.client, "alice", "openid")
        .await;
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let cut = &signed_in.id_token[..signed_in.id_token.len() - 2];
    let unsigned = {
        let claims = signed_in.id_token.split('.').nth(1).unwrap();
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.")
    };
    for hint in [
        &foreign.id_token,
        &signed_in.access,
        cut,
        &unsigned,
        "x.y.z",
    ] {
        for client in [None, Some(site.client.id())] {
            let mut parameters = vec![
                ("id_token_hint", hint),
                ("post_logout_redirect_uri", &site.client.after),
            ];
            parameters.extend(client.map(|id| ("client_id", id)));
            let page = browser.log_out(&site, &parameters).await;
            assert!(is_page(&page, 200).contains("alice"), "{hint}");
            // nor is anybody led away who is not signed in
            let nobody = Browser::default().log_out(&site, &parameters).await;
            is_page(&nobody, 200);
        }
    }
    assert!(browser.silently(&site, &site.client).await.is_some());
}

async fn m075_a_hint_of_another_session_asks(site: Site) {
    let mut of_alice = Browser::default();
    of_alice
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let mut of_bob = Browser::default();
    let bob = of_bob.sign_in(&site, &site.client, "bob", "openid").await;
    let mut elsewhere = Browser::default();
    let second = elsewhere
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    for hint in [&bob.id_token, &second.id_token] {
        let page = of_alice.log_out(&site, &[("id_token_hint", hint)]).await;
        assert!(is_page(&page, 200).contains("alice"));
        // without the cookie, a hint ends nothing
        is_page(
            &Browser::default()
                .log_out(&site, &[("id_token_hint", hint)])
                .await,
            200,
        );
    }
    for browser in [&mut of_alice, &mut of_bob, &mut elsewhere] {
        assert!(browser.silently(&site, &site.client).await.is_some());
    }
}

async fn m076_other_parameters_change_nothing(site: Site) {
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let page = browser.log_out(
        &site,
        &[("ui_locales", "de fr"), ("other", "1"), ("other", "2")],
    );
    let html = is_page(&page.await, 200);
    assert!(
        html.contains("<html lang=\"de\"") && html.contains("Abmelden"),
        "{html}"
    );
    let parameters = [
        ("id_token_hint", signed_in.id_token.as_str()),
        ("logout_hint", "bob"),
        ("ui_locales", "xx ***"),
        ("unknown", "1"),
    ];
    is_page(&browser.log_out(&site, &parameters).await, 200);
    assert!(!browser.has_session());
}

async fn m079_without_a_client_there_is_no_redirect(site: Site) {
    let after = ("post_logout_redirect_uri", site.client.after.as_str());
    let mut browser = Browser::default();
    browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let page = browser.log_out(&site, &[after]).await;
    let answer = browser.confirm(&site, &page).await;
    is_page(&answer, 200);
    assert!(!browser.has_session());
    // named by its id, the client is known, but somebody has to agree first
    browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let page = browser
        .log_out(&site, &[after, ("client_id", site.client.id())])
        .await;
    is_page(&page, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' https://first.example"),
        "{policy}"
    );
    let answer = browser.confirm(&site, &page).await;
    assert_eq!(
        answer.is(303).header("location"),
        Some(site.client.after.as_str())
    );
}

async fn m080_errors_are_pages(site: Site) {
    let mut browser = Browser::default();
    browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let after = site.client.after.as_str();
    let twice = [
        ("client_id", site.client.id()),
        ("post_logout_redirect_uri", after),
        ("post_logout_redirect_uri", after),
    ];
    is_page(&browser.log_out(&site, &twice).await, 400);
    is_page(&browser.post(&site, "/logout", &twice).await, 400);
    is_page(&browser.log_out(&site, &[("state", "a\0b")]).await, 400);
    assert!(browser.silently(&site, &site.client).await.is_some());
}

async fn i103_m092_tokens_end_with_the_session_and_those_with_offline_access_do_not(site: Site) {
    let second = site.second_node().await;
    let mut browser = Browser::default();
    let brief = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let lasting = browser
        .sign_in(&site, &site.client, "alice", "openid offline_access")
        .await;
    for node in [&*site.app, &second] {
        node.get("/userinfo", &brief.access).await.is(200);
    }
    let before = site.db.revision().await;
    let hint = [("id_token_hint", brief.id_token.as_str())];
    is_page(&browser.log_out(&site, &hint).await, 200);
    assert_eq!(site.db.revision().await, before + 1, "one change");
    site.get("/userinfo", &brief.access).await.ended_token();
    eventually("the other node knows", async || {
        second.get("/userinfo", &brief.access).await.status == 401
    })
    .await;
    let refused = site
        .refresh_through(&site.client.credentials, &brief.refresh)
        .await;
    refused.oauth_error(400, "invalid_grant");
    site.get("/userinfo", &lasting.access).await.is(200);
    let refreshed = site
        .refresh_through(&site.client.credentials, &lasting.refresh)
        .await;
    refreshed.is(200);
}

async fn m077_m082_m083_the_metadata_names_log_out(site: Site) {
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let document = site.get(path, "").await;
        let at = |name: &str| document.is(200).json[name].clone();
        assert_eq!(
            at("end_session_endpoint"),
            format!("{}/logout", crate::support::ISSUER)
        );
        assert_eq!(at("backchannel_logout_supported"), json!(true));
        assert_eq!(at("backchannel_logout_session_supported"), json!(true));
        assert_eq!(at("frontchannel_logout_supported"), json!(null));
    }
    let signed_in = Browser::default()
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    assert_eq!(
        crate::support::session_id(&signed_in.id_token),
        signed_in.sid
    );
}

async fn a_form_of_another_site_comes_without_a_cookie_and_is_followed(site: Site) {
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let parameters = [
        ("id_token_hint", signed_in.id_token.as_str()),
        ("post_logout_redirect_uri", &site.client.after),
        ("state", "s"),
    ];
    // browsers keep cookies that are `SameSite=Lax` from such a form
    let begun = Browser::default().post(&site, "/logout", &parameters).await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    assert!(location.starts_with("/logout?"), "{location}");
    assert!(browser.silently(&site, &site.client).await.is_some());
    let answer = browser.get(&site, &location).await;
    let after = format!("{}?state=s", site.client.after);
    assert_eq!(answer.is(303).header("location"), Some(after.as_str()));
    assert!(!browser.has_session());
}

async fn i039_another_user_in_the_same_browser_ends_the_session_of_the_first(site: Site) {
    let mut browser = Browser::default();
    let alice = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let bob = browser.sign_in(&site, &site.client, "bob", "openid").await;
    assert_ne!(alice.sid, bob.sid);
    site.get("/userinfo", &alice.access).await.ended_token();
    let refused = site
        .refresh_through(&site.client.credentials, &alice.refresh)
        .await;
    refused.oauth_error(400, "invalid_grant");
    site.get("/userinfo", &bob.access).await.is(200);
    let told = site.party.count(1).await;
    assert_eq!(told[0].sid(), alice.sid);
    assert_eq!(site.db.count("browser_sessions").await, 1);
}

async fn a_code_and_a_flow_end_with_the_session(site: Site) {
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let code = browser.silently(&site, &site.client).await.unwrap();
    let page = browser
        .log_out(&site, &[("id_token_hint", &signed_in.id_token)])
        .await;
    is_page(&page, 200);
    let refused = try_redeem(&site, &site.client, &code).await;
    refused.oauth_error(400, "invalid_grant");
    assert_eq!(site.db.count("sign_in_flows").await, 0);
}
