//! The page at `/account`: how it describes sessions, and what users whose roles may not all be active together end there.

use http::Method;
use serde_json::json;

use super::{REDIRECT, Site, is_page};
use crate::{
    admin_rules::{page, signed_in},
    support::{Browser, PASSWORD, on_both, session_id},
};

on_both![
    y380_whoever_has_roles_that_are_kept_apart_ends_what_is_theirs,
    y380_a_user_who_is_gone_or_disabled_ends_nothing,
    a_session_is_shown_with_the_browser_and_the_system_that_opened_it,
    a_browser_that_names_nothing_known_has_no_description,
    a_log_in_with_a_password_is_described_too,
    the_address_and_its_state_are_shown_without_mail_too,
];

/// Gives alice two roles of which one may be active at a time.
async fn keep_apart(site: &Site) {
    let admin = site.admin().await;
    let alice = site.id_of("alice").await;
    for role in ["payer", "approver"] {
        site.create_plain_role(role, &[&format!("payments:{role}")])
            .await;
        site.assign(&alice, role).await;
    }
    let body = json!({
        "name": "payments", "kind": "dynamic", "roles": ["payer", "approver"], "at_most": 1,
    });
    site.post("/api/constraints", admin, body).await.is(201);
}

async fn y380_whoever_has_roles_that_are_kept_apart_ends_what_is_theirs(site: Site) {
    keep_apart(&site).await;
    let asked = [("scope", "openid offline_access role:payer")];
    let mut elsewhere = Browser::new(&site);
    let answer = site.sign_in(&mut elsewhere, &asked).await;
    let lost = site.redeem_first(answer.code()).await;
    let lost = lost.is(200).text("access_token");
    let mut browser = Browser::new(&site);
    let answer = browser.sign_in(&site.other, REDIRECT, &asked).await;
    let other = site.redeem(&site.other, answer.code(), REDIRECT, &[]).await;
    let other = other.is(200).text("access_token");
    // one session, the consent to an application, a browser, everything else
    let session = session_id(&lost);
    let end = [("session", session.as_str())];
    browser.submit("/account/end", &end).await.is(303);
    site.get("/api/me", &lost).await.is(401);
    let client = [("client", site.other.id.as_str())];
    browser.submit("/account/withdraw", &client).await.is(303);
    site.get("/api/me", &other).await.is(401);
    assert_eq!(site.db.count("consents").await, 0);
    assert_eq!(site.db.count("browser_sessions").await, 2);
    let page = is_page(&browser.open("/account").await, 200);
    let ids = site.db.texts("SELECT id FROM browser_sessions").await;
    assert!(ids.iter().any(|id| page.contains(id)), "{page}");
    browser
        .submit("/account/end", &[("others", "all")])
        .await
        .is(303);
    assert_eq!(site.db.count("browser_sessions").await, 1);
    assert!(!browser.open("/account").await.status.is_redirection());
}

async fn y380_a_user_who_is_gone_or_disabled_ends_nothing(site: Site) {
    let mut browser = Browser::new(&site);
    let answer = site.sign_in(&mut browser, &[]).await;
    site.redeem_first(answer.code()).await.is(200);
    let alice = site.id_of("alice").await;
    // what a race would leave: the browser is still signed in
    site.db
        .execute("UPDATE users SET disabled = TRUE WHERE username = 'alice'")
        .await;
    let before = site.db.revision().await;
    let end = [("others", "all")];
    let refused = browser.submit("/account/end", &end).await;
    assert!(!refused.status.is_server_error(), "{refused:?}");
    assert_eq!(
        refused
            .header("content-type")
            .unwrap_or("text/html; charset=utf-8"),
        "text/html; charset=utf-8"
    );
    assert_eq!(site.db.revision().await, before);
    let gone = format!("/api/users/{alice}");
    site.delete(gone, site.admin().await).await.is(204);
    let ended = browser.submit("/account/end", &end).await;
    assert!(!ended.status.is_server_error(), "{ended:?}");
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const CHROME: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";

async fn a_session_is_shown_with_the_browser_and_the_system_that_opened_it(site: Site) {
    let mut browser = Browser::new(&site).named(FIREFOX);
    let answer = site.sign_in(&mut browser, &[]).await;
    // the server of the client asks for the tokens, and is not what the user sees
    site.redeem_first(answer.code()).await.is(200);
    site.sign_in(&mut Browser::new(&site).named(CHROME), &[])
        .await;
    let page = is_page(&browser.open("/account").await, 200);
    for shown in [
        "<strong>Firefox on Linux · this browser</strong>",
        "<strong>Chrome on Android</strong>",
        "<small>Firefox on Linux · ",
        "aria-label=\"End Chrome on Android, ",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("Gecko"), "{page}");
    let german = browser.clone().preferring("de").open("/account").await;
    let german = is_page(&german, 200);
    assert!(german.contains("Firefox unter Linux"), "{german}");
    let sql = "SELECT agent FROM browser_sessions ORDER BY agent";
    let stored = site.db.texts(sql).await;
    assert_eq!(stored, ["Chrome on Android", "Firefox on Linux"]);
    let data = browser.open("/account/export").await;
    let data = &data.is(200).json;
    assert_eq!(data["sessions"][0]["agent"], "Firefox on Linux");
    let browsers = data["browser_sessions"].as_array().unwrap();
    let has = |agent: &str| browsers.iter().any(|one| one["agent"] == agent);
    assert!(has("Firefox on Linux") && has("Chrome on Android"));
    // a new sign-in in the same session tells what the browser is now
    let flow = browser
        .begin(&site.first, REDIRECT, &[("prompt", "login")])
        .await;
    let mut updated = browser.named(CHROME);
    updated.log_in(&flow, "alice", PASSWORD).await.is(303);
    let stored = site.db.texts(sql).await;
    assert_eq!(stored, ["Chrome on Android", "Chrome on Android"]);
}

async fn a_browser_that_names_nothing_known_has_no_description(site: Site) {
    for odd in ["Firefox-like <b>program</b>/1.0", "\u{1f980}", ""] {
        let mut browser = Browser::new(&site).named(odd);
        let answer = site.sign_in(&mut browser, &[]).await;
        site.redeem_first(answer.code()).await.is(200);
        let page = is_page(&browser.open("/account").await, 200);
        assert!(!page.contains("Firefox"), "{page}");
        let data = browser.open("/account/export").await;
        for list in ["sessions", "browser_sessions"] {
            let one = &data.is(200).json[list][0];
            assert!(one["address"].is_string(), "{one}");
            assert_eq!(one.get("agent"), None, "{one}");
        }
    }
}

async fn a_log_in_with_a_password_is_described_too(site: Site) {
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let request = site.request(Method::POST, "/token").form(&form);
    let request = request.header("user-agent", "curl/8.14.1");
    let token = request.send().await.is(200).text("access_token");
    let sessions = site.get("/api/me/sessions", &token).await;
    assert_eq!(sessions.is(200).json["items"][0]["agent"], "curl");
    site.log_in("alice").await;
    let sessions = site.get("/api/me/sessions", &token).await;
    let items = sessions.is(200).json["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let other = items.iter().find(|one| one["current"] == false).unwrap();
    assert_eq!(other.get("agent"), None, "{other}");
    // whoever ends sessions of others sees it too
    let mut admin = signed_in(&site.app, "admin").await;
    let path = format!("/admin/users/{}", site.id_of("alice").await);
    let shown = page(&admin.open(&path).await, 200);
    assert!(shown.contains("<small>curl · "), "{shown}");
}

async fn the_address_and_its_state_are_shown_without_mail_too(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await;
    let path = format!("/api/users/{}", site.id_of("alice").await);
    for (change, shown) in [
        (json!({ "email": null }), "You have no e-mail address."),
        (
            json!({ "email": "alice@mail.example" }),
            "alice@mail.example is not verified yet.",
        ),
        (
            json!({ "email_verified": true }),
            "alice@mail.example is verified: you can sign in with it.",
        ),
    ] {
        let changed = site.patch(&path, site.admin().await, change);
        changed.await.is(200);
        let page = is_page(&browser.open("/account").await, 200);
        assert!(page.contains(shown), "{shown} in {page}");
        // no link can be sent
        assert!(!page.contains("name=\"email\""), "{page}");
    }
}
