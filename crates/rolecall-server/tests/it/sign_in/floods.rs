//! Floods of sign-ins: what strangers store, what one user stores, and who goes on.

use std::time::Duration;

use rolecall_server::config::Quotas;
use serde_json::json;

use super::{REDIRECT, Site, code_of, create_client, error_of, has_ended, is_page};
use crate::support::{
    Browser, Database, Fixture, PASSWORD, Response, TestApp, on_both, session_id,
};

on_both![
    y260_sign_ins_that_strangers_begin_are_limited_by_address,
    y260_a_new_sign_in_of_a_browser_replaces_the_oldest_of_many,
    y260_no_request_takes_much_room,
    y260_a_user_begins_so_many_sign_ins_and_no_more,
    y314_an_application_that_signs_in_again_and_again_ends_its_own_sessions_only,
    y314_windows_beside_each_other_keep_their_sessions,
    y261_signing_in_by_a_session_has_a_quota,
    y262_a_code_that_is_sent_again_and_again_is_one_event,
    y262_what_has_ended_is_no_change,
    y264_all_others_end_whether_the_page_shows_them_or_not,
    y266_a_client_with_a_new_algorithm_is_known_to_every_node_at_once,
];

/// A site on which each quota of a user is ten an hour.
struct Few(Site);

impl Fixture for Few {
    async fn on(db: Database) -> Self {
        let quotas = Quotas {
            log_ins_per_hour: 10,
            ..Quotas::default()
        };
        let app = TestApp::configured(db, |builder| builder.quotas(quotas)).await;
        Self(Site::with(app).await)
    }
}

/// Expects a page that says when to come back.
#[track_caller]
fn is_too_many(response: &Response) {
    let page = is_page(response, 429);
    let seconds = response.header("retry-after").unwrap();
    assert!((1..=360).contains(&seconds.parse::<u64>().unwrap()));
    assert!(page.contains(seconds), "{page}");
}

async fn y260_sign_ins_that_strangers_begin_are_limited_by_address(site: Site) {
    let stranger = |address: &'static str| Browser::at(&site, address);
    let mut known = stranger("203.0.113.7");
    site.sign_in(&mut known, &[]).await.code();
    for number in 1..300 {
        let begun = if number % 100 == 0 {
            stranger("203.0.113.7").open("/account").await
        } else {
            let mut browser = stranger("203.0.113.7");
            browser.authorize(&site.other, REDIRECT, &[]).await
        };
        begun.is(303);
    }
    let flows = site.db.count("sign_in_flows").await;
    assert_eq!(flows, 299);
    let refused = stranger("203.0.113.7")
        .authorize(&site.other, REDIRECT, &[])
        .await;
    is_too_many(&refused);
    is_too_many(&stranger("203.0.113.7").open("/account").await);
    assert_eq!(site.db.count("sign_in_flows").await, flows);
    // others go on, and so does whoever is signed in
    for mut browser in [stranger("203.0.113.8"), stranger("198.51.100.7"), known] {
        browser
            .begin(&site.other, REDIRECT, &[("prompt", "login")])
            .await;
    }
    // who asks for no page stores nothing
    let silent = [("prompt", "none")];
    let answer = stranger("203.0.113.7")
        .authorize(&site.other, REDIRECT, &silent)
        .await;
    assert_eq!(error_of(&answer), "login_required");
    site.clock.advance(Duration::from_secs(1));
    stranger("203.0.113.7")
        .begin(&site.other, REDIRECT, &[])
        .await;
}

async fn y260_a_new_sign_in_of_a_browser_replaces_the_oldest_of_many(site: Site) {
    let mut bystander = Browser::new(&site);
    let of_bystander = bystander.begin(&site.other, REDIRECT, &[]).await;
    let mut browser = Browser::new(&site);
    let mut flows = Vec::new();
    for _ in 0..25 {
        flows.push(browser.begin(&site.other, REDIRECT, &[]).await);
        site.pass_time(Duration::from_secs(1));
    }
    assert_eq!(site.db.count("sign_in_flows").await, 21);
    for (place, flow) in flows.iter().enumerate() {
        let page = browser.open(&format!("/login?flow={flow}")).await;
        if place < 5 {
            has_ended(&page);
        } else {
            is_page(&page, 200);
        }
    }
    let page = bystander.open(&format!("/login?flow={of_bystander}")).await;
    is_page(&page, 200);
}

async fn y260_no_request_takes_much_room(site: Site) {
    let (plain, escaped) = ("s".repeat(4096), "\u{1}".repeat(4000));
    let mut browser = Browser::new(&site);
    for (state, hint, fits) in [
        (&*plain, "", true),
        (&escaped, "", false),
        ("s", &escaped, false),
        (&plain, &plain, false),
    ] {
        let more = [("state", state), ("login_hint", hint)];
        let answer = browser.authorize(&site.other, REDIRECT, &more).await;
        if fits {
            answer.is(303);
            assert!(answer.header("location").unwrap().starts_with("/login"));
        } else {
            assert_eq!(error_of(&answer), "invalid_request");
        }
    }
    assert_eq!(site.db.count("sign_in_flows").await, 1);
    let longest = "SELECT CAST(MAX(LENGTH(request)) AS BIGINT) FROM sign_in_flows";
    assert!(site.db.number(longest).await <= 8192);
}

async fn y260_a_user_begins_so_many_sign_ins_and_no_more(site: Few) {
    let site = site.0;
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    let again = [("prompt", "login")];
    for _ in 0..10 {
        browser.begin(&site.first, REDIRECT, &again).await;
    }
    is_too_many(&browser.authorize(&site.first, REDIRECT, &again).await);
    // the session alone does, and strangers go on
    code_of(&browser.authorize(&site.first, REDIRECT, &[]).await);
    Browser::new(&site).begin(&site.first, REDIRECT, &[]).await;
    site.clock.advance(Duration::from_mins(6));
    browser.begin(&site.first, REDIRECT, &again).await;
}

/// The ids of a user's sessions through a client, the oldest first.
async fn sessions_through(site: &Site, client: &str) -> Vec<String> {
    let sql =
        format!("SELECT id FROM sessions WHERE client_id = '{client}' ORDER BY created_at, id");
    site.db.texts(&sql).await
}

async fn y314_an_application_that_signs_in_again_and_again_ends_its_own_sessions_only(
    db: Database,
) {
    let app = TestApp::configured(db, |builder| builder.sessions_per_user(5)).await;
    let site = Site::with(app).await;
    let mut phone = Browser::new(&site);
    let answer = site.sign_in(&mut phone, &[]).await;
    let on_phone = site.redeem_first(answer.code()).await;
    let on_phone = on_phone.is(200).text("refresh_token");
    let mut browser = Browser::new(&site);
    let client = create_client(&site, "noisy", json!({ "consent": "skip" })).await;
    let mut noisy = async || {
        site.pass_time(Duration::from_secs(1));
        let answer = browser.sign_in(&client, REDIRECT, &[]).await;
        let tokens = site.redeem(&client, answer.code(), REDIRECT, &[]).await;
        tokens.is(200).text("access_token")
    };
    let mut tokens = Vec::new();
    for _ in 0..8 {
        tokens.push(noisy().await);
    }
    // four beside that of the phone
    for (place, token) in tokens.iter().enumerate() {
        let expected = if place < 4 { 401 } else { 200 };
        assert_eq!(site.get("/items/", token).await.status, expected, "{place}");
    }
    site.refresh_through(&site.first, &on_phone).await.is(200);
}

async fn y314_windows_beside_each_other_keep_their_sessions(site: Site) {
    let mut browser = Browser::new(&site);
    let mut open = async || {
        site.pass_time(Duration::from_secs(1));
        let answer = site.sign_in(&mut browser, &[]).await;
        let tokens = site.redeem_first(answer.code()).await;
        tokens.is(200).text("access_token")
    };
    let mut tokens = Vec::new();
    let before = site.db.revision().await;
    for _ in 0..20 {
        tokens.push(open().await);
    }
    // no sign-in waits for other changes
    assert_eq!(site.db.revision().await, before);
    assert_eq!(sessions_through(&site, &site.first.id).await.len(), 20);
    tokens.push(open().await);
    assert_eq!(site.db.revision().await, before + 1);
    assert_eq!(sessions_through(&site, &site.first.id).await.len(), 10);
    for (place, token) in tokens.iter().enumerate() {
        let expected = if place < 11 { 401 } else { 200 };
        assert_eq!(site.get("/items/", token).await.status, expected, "{place}");
    }
    // another browser has its own
    let mut other = Browser::new(&site);
    let answer = site.sign_in(&mut other, &[]).await;
    site.redeem_first(answer.code()).await.is(200);
    assert_eq!(sessions_through(&site, &site.first.id).await.len(), 11);
}

async fn y261_signing_in_by_a_session_has_a_quota(site: Few) {
    let site = site.0;
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    for _ in 0..10 {
        let answer = browser.authorize(&site.first, REDIRECT, &[]).await;
        site.redeem_first(&code_of(&answer)).await.is(200);
    }
    let stored = async || {
        (
            site.db.count("authorization_codes").await,
            site.db.revision().await,
        )
    };
    let before = stored().await;
    is_too_many(&browser.authorize(&site.first, REDIRECT, &[]).await);
    let silent = [("prompt", "none")];
    let answer = browser.authorize(&site.first, REDIRECT, &silent).await;
    assert_eq!(error_of(&answer), "temporarily_unavailable");
    assert_eq!(stored().await, before);
    // the password does, so that nothing keeps anybody out who knows it
    let again = [("prompt", "login")];
    site.sign_in(&mut browser, &again).await.code();
    // so does somebody else's session
    let mut other = Browser::new(&site);
    other
        .sign_in_as("bob", &site.first, REDIRECT, &[])
        .await
        .code();
    code_of(&other.authorize(&site.first, REDIRECT, &[]).await);
    site.clock.advance(Duration::from_mins(6));
    code_of(&browser.authorize(&site.first, REDIRECT, &[]).await);
    // a page that waits says so, too
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    is_too_many(&browser.decide(&flow, "allow").await);
    site.clock.advance(Duration::from_mins(6));
    code_of(&browser.decide(&flow, "allow").await);
}

async fn y262_a_code_that_is_sent_again_and_again_is_one_event(site: Site) {
    let mut browser = Browser::new(&site);
    let answer = site.sign_in(&mut browser, &[("scope", "openid")]).await;
    let tokens = site.redeem_first(answer.code()).await;
    let access = tokens.is(200).text("access_token");
    let refused = site.redeem_first(answer.code()).await;
    refused.oauth_error(400, "invalid_grant");
    let stored = async || {
        (
            site.db.revision().await,
            site.db.count("audit").await,
            site.db.count("audit_events").await,
        )
    };
    let after_first = stored().await;
    let replayed = "audit_events WHERE kind = 'code_replayed'";
    assert_eq!(site.db.count(replayed).await, 1);
    site.get("/userinfo", &access).await.is(401);
    for _ in 0..5 {
        let refused = site.redeem_first(answer.code()).await;
        refused.oauth_error(400, "invalid_grant");
    }
    assert_eq!(stored().await, after_first);
    // the event is written although the session has ended before
    let answer = site.sign_in(&mut browser, &[("scope", "openid")]).await;
    let tokens = site.redeem_first(answer.code()).await;
    let session = session_id(&tokens.is(200).text("access_token"));
    let end = [("session", session.as_str())];
    browser.submit("/account/end", &end).await.is(303);
    let before = site.db.revision().await;
    site.redeem_first(answer.code()).await.is(400);
    assert_eq!(site.db.count(replayed).await, 2);
    assert_eq!(site.db.revision().await, before);
}

async fn y262_what_has_ended_is_no_change(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    // every change waits for this row
    let mut other = Browser::new(&site);
    other
        .sign_in_as("bob", &site.first, REDIRECT, &[])
        .await
        .code();
    let sql = "SELECT id FROM browser_sessions ORDER BY id";
    let all = site.db.texts(sql).await;
    let before = site.db.revision().await;
    for id in all.iter().map(String::as_str).chain(["none"]) {
        let end = [("session", id)];
        browser.submit("/account/end", &end).await.is(303);
    }
    browser
        .submit("/account/end", &[("browser", "none")])
        .await
        .is(303);
    assert_eq!(site.db.revision().await, before);
    assert_eq!(site.db.texts(sql).await, all);
    assert!(site.is_signed_in(&mut browser).await);
}

async fn y264_all_others_end_whether_the_page_shows_them_or_not(site: Site) {
    let mut elsewhere = Browser::new(&site);
    let answer = site.sign_in(&mut elsewhere, &[]).await;
    site.redeem_first(answer.code()).await.is(200);
    let of_bob = site.open_session("bob").await;
    // more than the page shows, and more than a list of them would hold
    site.db
        .execute(
            "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at) \
             SELECT 'copy-' || CAST(numbers.n AS TEXT), s.subject_id, s.client_id, s.address, s.created_at, s.last_used_at, \
                 s.expires_at \
             FROM sessions s CROSS JOIN (WITH RECURSIVE numbers (n) AS \
                 (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 11999) SELECT n FROM numbers) numbers \
             WHERE s.browser_session IS NOT NULL",
        )
        .await;
    site.pass_time(Duration::from_secs(1));
    let mut browser = Browser::new(&site);
    let answer = site.sign_in(&mut browser, &[]).await;
    let tokens = site.redeem_first(answer.code()).await;
    let own = session_id(&tokens.is(200).text("access_token"));
    let page = is_page(&browser.open("/account").await, 200);
    assert!(page.contains(&own), "the newest session is shown");
    let end = [("others", "all")];
    browser.submit("/account/end", &end).await.is(303);
    let of_alice = "SELECT s.id FROM sessions s JOIN users u ON u.id = s.subject_id WHERE u.username = 'alice'";
    assert_eq!(site.db.texts(of_alice).await, [own]);
    assert!(!site.is_signed_in(&mut elsewhere).await);
    assert!(site.is_signed_in(&mut browser).await);
    let refreshed = site
        .refresh_through(&site.first, &tokens.text("refresh_token"))
        .await;
    let access = refreshed.is(200).text("access_token");
    site.get("/api/me", &access).await.is(200);
    site.get("/api/me", &of_bob.access).await.is(200);
    // it is done, so that there is nothing more to change
    let before = site.db.revision().await;
    browser.submit("/account/end", &end).await.is(303);
    assert_eq!(site.db.revision().await, before);
}

async fn y266_a_client_with_a_new_algorithm_is_known_to_every_node_at_once(site: Site) {
    let second = site.node(|builder| builder).await;
    let members = json!({ "consent": "skip", "id_token_alg": "EdDSA" });
    let client = create_client(&site, "new", members).await;
    let mut browser = Browser::new(&second);
    let asked = [("scope", "openid")];
    let flow = browser.begin(&client, REDIRECT, &asked).await;
    let code = code_of(&browser.log_in(&flow, "alice", PASSWORD).await);
    let tokens = second.redeem(&client, &code, REDIRECT, &[]).await;
    assert!(!tokens.is(200).text("id_token").is_empty());
}
