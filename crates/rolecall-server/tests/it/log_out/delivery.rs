//! A logout token reaches its client once, whatever fails in between.

use std::time::Duration;

use serde_json::json;

use super::support::{Browser, RelyingParty, Site, all_sent, allowing, create_client, is_page};
use crate::support::{Database, MASTER_KEY, TestApp, command, eventually, on_both, output_of};

on_both![
    m093_a_client_that_refuses_gets_the_token_again_once,
    m093_what_a_client_never_takes_is_given_up_after_six_attempts,
    a_token_outlives_the_process_that_wrote_it,
    a_token_outlives_the_process_that_was_sending_it,
    two_nodes_send_a_token_once,
    i105_no_redirect_is_followed,
    i105_an_address_is_checked_when_it_is_called,
    a_client_that_hangs_delays_no_other,
    y263_clients_that_hang_take_no_place_of_one_that_answers,
    a_client_that_no_longer_wants_to_be_told_is_not_told,
    y387_a_token_that_failed_while_a_clock_was_ahead_is_sent_again_soon,
];

/// Signs alice in and out, and returns her session.
async fn sign_out(site: &Site) -> String {
    let mut browser = Browser::default();
    let signed_in = browser.sign_in(site, &site.client, "alice", "openid").await;
    let hint = [("id_token_hint", signed_in.id_token.as_str())];
    is_page(&browser.log_out(site, &hint).await, 200);
    signed_in.sid
}

async fn attempts(app: &TestApp) -> i64 {
    let attempts = "SELECT COALESCE(MAX(attempts), 0) FROM logout_notices";
    app.db.number(attempts).await
}

async fn m093_a_client_that_refuses_gets_the_token_again_once(site: Site) {
    site.party.answer(&[400]);
    let sid = sign_out(&site).await;
    let first = site.party.count(1).await.remove(0);
    let errors = "SELECT last_error FROM logout_notices WHERE last_error IS NOT NULL";
    eventually("the error is kept", async || {
        site.db.texts(errors).await == ["status 400"]
    })
    .await;
    // not before its time
    site.pass_time(Duration::from_secs(9));
    let mut browser = Browser::default();
    browser.sign_in(&site, &site.client, "bob", "openid").await;
    assert_eq!((site.party.received().len(), attempts(&site).await), (1, 1));
    site.pass_time(Duration::from_secs(1));
    let second = site.party.count(2).await.remove(1);
    all_sent(&site).await;
    assert_eq!((first.sid(), second.sid()), (sid.clone(), sid));
    // made anew, so that it has not expired
    assert_ne!(first.token(), second.token());
    site.pass_time(Duration::from_hours(2));
    assert_eq!(site.party.received().len(), 2);
}

async fn m093_what_a_client_never_takes_is_given_up_after_six_attempts(site: Site) {
    site.party.answer(&[500, 400, 404, 201, 503, 500, 200]);
    sign_out(&site).await;
    for (attempt, minutes) in [(1, 1), (2, 1), (3, 5), (4, 15), (5, 35), (6, 60)] {
        site.party.count(attempt).await;
        eventually("the attempt is over", async || {
            attempts(&site).await == i64::try_from(attempt).unwrap() || attempt == 6
        })
        .await;
        site.pass_time(Duration::from_mins(minutes));
    }
    all_sent(&site).await;
    assert_eq!(site.party.received().len(), 6);
    // the next log-out is told again
    sign_out(&site).await;
    site.party.count(7).await;
    all_sent(&site).await;
}

/// The command line writes the token, and nobody sends it until a server runs.
async fn a_token_outlives_the_process_that_wrote_it(site: Site) {
    let Site { app, party, client } = site;
    let signed_in = Browser::default()
        .sign_in(&app, &client, "alice", "openid")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let mut ending = command(&app, MASTER_KEY, &["session", "end", "alice"]);
    ending.current_dir(folder.path());
    let app = app
        .restart_as(allowing, async |db: &Database| {
            let output = output_of(ending).await;
            assert!(output.status.success(), "{output:?}");
            assert_eq!(db.count("logout_notices").await, 1);
        })
        .await;
    assert_eq!(party.count(1).await[0].sid(), signed_in.sid);
    all_sent(&app).await;
}

async fn a_token_outlives_the_process_that_was_sending_it(site: Site) {
    site.party.answer(&[0]);
    let sid = sign_out(&site).await;
    let Site { app, party, .. } = site;
    party.count(1).await;
    let app = app.restart_as(allowing, async |_: &Database| {}).await;
    assert_eq!(attempts(&app).await, 1);
    app.pass_time(Duration::from_secs(10));
    assert_eq!(party.count(2).await[1].sid(), sid);
    all_sent(&app).await;
}

async fn two_nodes_send_a_token_once(site: Site) {
    let _second = site.node(allowing).await;
    let _third = site.node(allowing).await;
    let mut sids = Vec::new();
    for _ in 0..8 {
        sids.push(sign_out(&site).await);
    }
    // all at once
    let mut browser = Browser::default();
    for _ in 0..8 {
        let signed_in = browser.sign_in(&site, &site.client, "bob", "openid").await;
        sids.push(signed_in.sid);
    }
    let page = browser.log_out(&site, &[]).await;
    is_page(&browser.confirm(&site, &page).await, 200);
    all_sent(&site).await;
    sids.sort_unstable();
    assert_eq!(site.party.sids(), sids);
}

async fn i105_no_redirect_is_followed(site: Site) {
    site.party.answer(&[302, 307]);
    sign_out(&site).await;
    site.party.count(1).await;
    site.pass_time(Duration::from_secs(10));
    site.party.count(2).await;
    site.pass_time(Duration::from_mins(1));
    let received = site.party.count(3).await;
    all_sent(&site).await;
    assert!(
        received.iter().all(|one| one.path_and_query == "/out"),
        "{received:?}"
    );
}

/// What was allowed when the client was registered is not allowed any more.
async fn i105_an_address_is_checked_when_it_is_called(site: Site) {
    let Site { app, party, client } = site;
    let app = app.restart_after(async |_: &Database| {}).await;
    let mut browser = Browser::default();
    let signed_in = browser.sign_in(&app, &client, "alice", "openid").await;
    let hint = [("id_token_hint", signed_in.id_token.as_str())];
    is_page(&browser.log_out(&app, &hint).await, 200);
    eventually("an attempt", async || attempts(&app).await == 1).await;
    app.pass_time(Duration::from_secs(10));
    eventually("another attempt", async || attempts(&app).await == 2).await;
    assert!(party.received().is_empty());
    // and then it is allowed again
    let app = app.restart_as(allowing, async |_: &Database| {}).await;
    app.pass_time(Duration::from_mins(1));
    party.count(1).await;
    all_sent(&app).await;
}

async fn a_client_that_hangs_delays_no_other(site: Site) {
    let hanging = RelyingParty::listen().await;
    let other = create_client(&site, "hanging", Some(&hanging.url), "RS256").await;
    hanging.answer(&[0; 20]);
    let mut browser = Browser::default();
    for _ in 0..6 {
        browser.sign_in(&site, &other, "alice", "openid").await;
    }
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let page = browser.log_out(&site, &[]).await;
    is_page(&browser.confirm(&site, &page).await, 200);
    assert_eq!(site.party.count(1).await[0].sid(), signed_in.sid);
    let to_hanging = hanging.received().len();
    assert!(to_hanging <= 4, "{to_hanging} at once");
}

async fn y263_clients_that_hang_take_no_place_of_one_that_answers(site: Site) {
    let mut browser = Browser::default();
    let mut hanging = Vec::new();
    for number in 0..4 {
        let party = RelyingParty::listen().await;
        party.answer(&[0; 40]);
        let name = format!("hanging-{number}");
        let client = create_client(&site, &name, Some(&party.url), "RS256").await;
        for _ in 0..4 {
            browser.sign_in(&site, &client, "alice", "openid").await;
        }
        hanging.push(party);
    }
    for _ in 0..6 {
        let client = &site.client;
        browser.sign_in(&site, client, "alice", "openid").await;
    }
    let page = browser.log_out(&site, &[]).await;
    is_page(&browser.confirm(&site, &page).await, 200);
    site.party.count(6).await;
    for party in hanging {
        let sent = party.received().len();
        assert!(sent <= 2, "{sent} at once");
    }
}

async fn a_client_that_no_longer_wants_to_be_told_is_not_told(site: Site) {
    site.party.answer(&[500]);
    sign_out(&site).await;
    site.party.count(1).await;
    let path = format!("/api/clients/{}", site.client.id());
    let none = json!({ "backchannel_logout_uri": null });
    site.patch(path, site.admin().await, none).await.is(200);
    site.pass_time(Duration::from_secs(10));
    all_sent(&site).await;
    assert_eq!(site.party.received().len(), 1);
    // neither is one that signs in from now on
    sign_out(&site).await;
    assert_eq!(site.db.count("logout_notices").await, 0);
}

async fn y387_a_token_that_failed_while_a_clock_was_ahead_is_sent_again_soon(site: Site) {
    site.party.answer(&[500]);
    let sid = sign_out(&site).await;
    site.party.count(1).await;
    eventually("the attempt is over", async || {
        let errors = "SELECT last_error FROM logout_notices WHERE last_error IS NOT NULL";
        !site.db.texts(errors).await.is_empty()
    })
    .await;
    // as if the clock had been five hours ahead
    let hours = 5 * 3600 * 1_000_000_i64;
    let ahead = format!("UPDATE logout_notices SET next_attempt_at = next_attempt_at + {hours}");
    site.db.execute(&ahead).await;
    assert_eq!(site.party.count(2).await[1].sid(), sid);
    all_sent(&site).await;
}
