//! The signing keys on the pages.

use std::time::Duration;

use super::{asks_to_sign_in, has, lacks, leads_to, page, signed_in};
use crate::{
    keys::{keys_of, kid, published},
    support::{Database, TestApp, eventually, on_both},
};

on_both![
    the_ring_is_shown_and_rotated_when_every_service_has_the_next_key,
    a_forced_rotation_says_what_it_breaks,
    a_retired_key_refuses_its_tokens_and_the_next_one_signs,
    keys_need_a_fresh_proof,
    who_reads_keys_changes_none,
    a_key_that_does_not_exist_is_not_found,
];

const KEYS: &str = "/admin/keys";
const ROTATE: &str = "/admin/keys/rotate";

async fn the_ring_is_shown_and_rotated_when_every_service_has_the_next_key(app: TestApp) {
    let active = keys_of(&app, "active").await;
    let next = keys_of(&app, "next").await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open(KEYS).await, 200);
    has(
        &shown,
        &[&active[0], &next[0], "Signs", "Next", "access tokens"],
    );
    // the first keys may sign at once
    has(&shown, &["href=\"/admin/keys/rotate\""]);
    let asked = page(&browser.open(ROTATE).await, 200);
    has(
        &asked,
        &[
            &format!("The key {} signs new tokens from now on.", next[0]),
            &format!("Tokens of the key {} stay valid", active[0]),
            "This cannot be undone.",
        ],
    );
    leads_to(
        &browser.submit(ROTATE, &[]).await,
        "/admin/keys?done=key-rotated",
    );
    let shown = page(&browser.open("/admin/keys?done=key-rotated").await, 200);
    has(
        &shown,
        &["The keys are rotated.", "Verifies only", "Rotate at once"],
    );
    assert_eq!(keys_of(&app, "active").await, next);
    assert_eq!(keys_of(&app, "retiring").await, active);
    // the next one was published a moment ago
    let refused = page(&browser.submit(ROTATE, &[]).await, 409);
    has(&refused, &["the next key may sign from"]);
    assert_eq!(keys_of(&app, "active").await, next);
}

async fn a_forced_rotation_says_what_it_breaks(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    browser.submit(ROTATE, &[]).await.is(303);
    let next = keys_of(&app, "next").await;
    let asked = page(&browser.open("/admin/keys/rotate?force=on").await, 200);
    has(
        &asked,
        &[
            "refuse new tokens until they do",
            "name=\"force\" value=\"on\"",
        ],
    );
    leads_to(
        &browser.submit(ROTATE, &[("force", "on")]).await,
        "/admin/keys?done=key-early",
    );
    assert_eq!(keys_of(&app, "active").await, next);
}

async fn a_retired_key_refuses_its_tokens_and_the_next_one_signs(app: TestApp) {
    let token = app.log_in("admin").await;
    let signed_by = kid(&token);
    let next = keys_of(&app, "next").await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("{KEYS}/{signed_by}/retire");
    let asked = page(&browser.open(&path).await, 200);
    has(
        &asked,
        &[
            &format!("Every token that the key {signed_by} signed is refused at once"),
            &format!("The key {} signs new tokens", next[0]),
        ],
    );
    leads_to(
        &browser.submit(&path, &[]).await,
        "/admin/keys?done=key-retired",
    );
    eventually("the key is out of the set", async || {
        !published(&app).await.contains(&signed_by)
    })
    .await;
    app.get("/api/me", &token).await.is(401);
    assert_eq!(keys_of(&app, "active").await, next);
    let shown = page(&browser.open(KEYS).await, 200);
    has(&shown, &[&signed_by, "Retired"]);
    lacks(&shown, &[&path]);
    // once is enough
    browser.submit(&path, &[]).await.is(404);
    browser.open(&path).await.is(404);
    // one that never signed
    let unused = keys_of(&app, "next").await;
    let path = format!("{KEYS}/{}/retire", unused[0]);
    has(
        &page(&browser.open(&path).await, 200),
        &["never signs anything"],
    );
    browser.submit(&path, &[]).await.is(303);
    assert_ne!(keys_of(&app, "next").await, unused);
}

async fn keys_need_a_fresh_proof(app: TestApp) {
    let active = keys_of(&app, "active").await;
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(Duration::from_secs(15 * 60 + 1));
    browser.open(KEYS).await.is(200);
    for path in [ROTATE.to_owned(), format!("{KEYS}/{}/retire", active[0])] {
        asks_to_sign_in(&browser.open(&path).await);
        asks_to_sign_in(&browser.submit(&path, &[("force", "on")]).await);
    }
    assert_eq!(keys_of(&app, "active").await, active);
}

async fn who_reads_keys_changes_none(app: TestApp) {
    app.create_role("reader", &["rolecall.keys:read"]).await;
    app.create_role("other", &["rolecall.users:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_user("other", &["other"]).await;
    app.create_user("alice", &[]).await;
    let boss = app.create_user("boss", &[]).await;
    app.create_role(
        "chief",
        &[
            "rolecall.keys:read",
            "rolecall.keys:rotate",
            "rolecall.assignments:read",
        ],
    )
    .await;
    app.assign_in(&boss, "chief", "acme").await;
    let active = keys_of(&app, "active").await;
    let retire = format!("{KEYS}/{}/retire", active[0]);
    let mut reader = signed_in(&app, "reader").await;
    let shown = page(&reader.open(KEYS).await, 200);
    has(&shown, &[&active[0]]);
    lacks(&shown, &["/retire", "/rotate"]);
    for username in ["reader", "other", "alice", "boss"] {
        let mut browser = signed_in(&app, username).await;
        if username != "reader" {
            browser.open(KEYS).await.is(403);
        }
        for path in [ROTATE, retire.as_str()] {
            browser.open(path).await.is(403);
            browser.submit(path, &[("force", "on")]).await.is(403);
        }
    }
    assert_eq!(keys_of(&app, "active").await, active);
}

async fn a_key_that_does_not_exist_is_not_found(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    for kid in ["nobody", "%3Cprobe%3E", "-x", "a%2Fb"] {
        let path = format!("{KEYS}/{kid}/retire");
        lacks(&page(&browser.open(&path).await, 404), &["<probe"]);
        browser.submit(&path, &[]).await.is(404);
    }
    browser.open("/admin/keys?after=%3Cprobe%3E").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_of_keys_holds_a_private_half() {
    let app = TestApp::configured(Database::sqlite(), |builder| builder).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open(KEYS).await, 200);
    let sealed = app.db.texts("SELECT sealed FROM signing_keys").await;
    for sealed in &sealed {
        lacks(&shown, &[sealed]);
    }
    assert_eq!(sealed.len(), 2);
}
