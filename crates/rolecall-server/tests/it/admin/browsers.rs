//! The browsers in which a user is signed in, on the user's page.

use serde_json::json;

use super::{between, is_done, page, signed_in, signed_in_at};
use crate::support::{Browser, TestApp, on_both};

on_both![
    a_browser_is_signed_out_with_what_was_opened_in_it,
    the_browser_that_shows_the_page_is_marked,
    y464_browsers_are_ended_within_the_authority_of_the_caller,
];

const REDIRECT: &str = "https://app.example/cb";

/// Returns the id of the only browser session that a user's page can end.
fn only_browser(text: &str) -> String {
    assert_eq!(text.matches("/sessions?browser=").count(), 1, "{text}");
    between(text, "/sessions?browser=", "\"").to_owned()
}

async fn a_browser_is_signed_out_with_what_was_opened_in_it(app: TestApp) {
    app.create_role("viewer", &["items:read"]).await;
    let id = app.create_user("alice", &["viewer"]).await;
    let members = json!({
        "grants": ["authorization_code", "refresh_token"], "redirect_uris": [REDIRECT], "consent": "skip",
    });
    let client = app.create_client("shop", members).await;
    let mut of_alice = signed_in_at(&app, "alice", "/account").await;
    let answer = of_alice.sign_in(&client, REDIRECT, &[]).await;
    let tokens = app.redeem(&client, answer.code(), REDIRECT, &[]).await;
    let opened = tokens.is(200).text("access_token");
    let elsewhere = app.log_in("alice").await;
    app.get("/items/", &opened).await.is(200);

    let path = format!("/admin/users/{id}");
    let mut browser = signed_in(&app, "admin").await;
    let session = only_browser(&page(&browser.open(&path).await, 200));
    let asked = format!("{path}/sessions?browser={session}");
    let text = page(&browser.open(&asked).await, 200);
    assert!(text.contains("is signed out, and the sessions"), "{text}");
    let form = [("browser", session.as_str())];
    let ended = browser.submit(&format!("{path}/sessions"), &form).await;
    is_done(&ended, &path, "ended");

    of_alice.open("/account").await.is(303);
    app.get("/items/", &opened).await.ended_token();
    app.get("/items/", &elsewhere).await.is(200);
    let text = page(&browser.open(&path).await, 200);
    assert!(text.contains("signed in with no browser"), "{text}");
    let entry = app.newest_entry().await;
    let admin = app.id_of("admin").await;
    let shown = entry.to_string();
    for part in ["browser_session.ended", &session, &admin, &id] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // what has ended before is as good
    let again = browser.submit(&format!("{path}/sessions"), &form).await;
    is_done(&again, &path, "ended");
}

async fn the_browser_that_shows_the_page_is_marked(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("/admin/users/{}", app.id_of("admin").await);
    let text = page(&browser.open(&path).await, 200);
    assert!(text.contains("this browser"), "{text}");
    assert!(!text.contains("/sessions?browser="), "{text}");
    signed_in(&app, "admin").await;
    let text = page(&browser.open(&path).await, 200);
    let form = [("browser", &*only_browser(&text))];
    let ended = browser.submit(&format!("{path}/sessions"), &form).await;
    is_done(&ended, &path, "ended");
    browser.open(&path).await.is(200);
}

async fn y464_browsers_are_ended_within_the_authority_of_the_caller(app: TestApp) {
    let permissions = ["rolecall.users:read", "rolecall.sessions:revoke"];
    app.create_role("guardian", &permissions).await;
    app.create_role("reader", &["rolecall.users:read"]).await;
    let tenants = ["rolecall.assignments:read", "rolecall.assignments:write"];
    app.create_role("chief", &tenants).await;
    app.create_role("viewer", &["items:read"]).await;
    app.create_user("guardian", &["guardian"]).await;
    app.create_user("reader", &["reader"]).await;
    let boss = app.create_user("boss", &[]).await;
    app.assign_in(&boss, "chief", "acme").await;
    let alice = app.create_user("alice", &[]).await;
    app.assign_in(&alice, "viewer", "acme").await;
    let mut of_alice = signed_in_at(&app, "alice", "/account").await;
    let path = format!("/admin/users/{alice}");
    let mut admin = signed_in(&app, "admin").await;
    let session = only_browser(&page(&admin.open(&path).await, 200));
    let form = [("browser", session.as_str())];
    let sessions = format!("{path}/sessions");
    // who cannot give what the user holds cannot end their sessions either
    for caller in ["boss", "reader", "guardian"] {
        let mut browser = signed_in(&app, caller).await;
        let text = page(&browser.open(&path).await, 200);
        assert_eq!(text.contains(&session), caller == "guardian", "{text}");
        browser.submit(&sessions, &form).await.is(403);
    }
    of_alice.open("/account").await.is(200);
    // what cannot be read is not all sessions
    for broken in ["browser", "session"] {
        let form = [(broken, "x\0")];
        admin.submit(&sessions, &form).await.is(303);
        of_alice.open("/account").await.is(200);
    }
    let other = app.create_user("bob", &[]).await;
    let mut guardian = signed_in(&app, "guardian").await;
    // the session of somebody else is none of this user
    let elsewhere = format!("/admin/users/{other}/sessions");
    is_done(
        &guardian.submit(&elsewhere, &form).await,
        &format!("/admin/users/{other}"),
        "ended",
    );
    of_alice.open("/account").await.is(200);
    let unknown = guardian.submit("/admin/users/nobody/sessions", &form).await;
    unknown.is(404);
    Browser::new(&app).submit(&sessions, &form).await.is(303);
}
