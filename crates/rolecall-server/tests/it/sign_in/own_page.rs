//! The page at `/account` of users whose roles may not all be active together.

use serde_json::json;

use super::{REDIRECT, Site, is_page};
use crate::support::{Browser, on_both, session_id};

on_both![
    y380_whoever_has_roles_that_are_kept_apart_ends_what_is_theirs,
    y380_a_user_who_is_gone_or_disabled_ends_nothing,
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
