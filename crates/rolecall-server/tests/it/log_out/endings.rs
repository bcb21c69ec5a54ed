//! Whoever ends a session, its clients are told, and in the same transaction.

use http::Method;
use serde_json::json;

use super::support::{
    Browser, RelyingParty, SignedIn, Site, all_sent, create_client, redeem, try_redeem,
};
use crate::support::{NEW_PASSWORD, PASSWORD, on_both, run};

on_both![
    a_user_who_is_disabled_deleted_reset_or_logged_out_everywhere_is_signed_out_of_every_client,
    i063_a_new_password_signs_out_of_every_client_and_a_kept_session_of_none,
    a_single_session_that_ends_tells_its_own_client_alone,
    a_replayed_refresh_token_and_a_replayed_code_tell_the_client,
    what_expires_and_what_is_refused_tells_nobody,
    m085_an_application_without_refresh_tokens_is_told_long_after_its_session,
    the_command_line_tells_the_clients_too,
    the_account_page_tells_the_clients_too,
    a_recovery_tells_the_clients_of_all_users,
    y371_who_may_not_sign_in_any_more_is_signed_out,
];

/// alice and bob, each signed in with two browsers and two clients.
struct Everywhere {
    site: Site,
    second: RelyingParty,
    of_alice: Vec<SignedIn>,
}

impl std::ops::Deref for Everywhere {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Everywhere {
    async fn on(site: Site) -> Self {
        let second = RelyingParty::listen().await;
        let other = create_client(&site, "second", Some(&second.url), "ES256").await;
        let mut of_alice = Vec::new();
        for user in ["alice", "bob"] {
            for _ in 0..2 {
                let mut browser = Browser::default();
                let at_first = browser.sign_in(&site, &site.client, user, "openid").await;
                let at_second = browser
                    .sign_in(&site, &other, user, "openid offline_access")
                    .await;
                if user == "alice" {
                    of_alice.extend([at_first, at_second]);
                }
            }
        }
        Self {
            site,
            second,
            of_alice,
        }
    }

    /// Expects that all clients heard of all of alice's sessions, and of no other.
    async fn are_told_of_alice(&self) {
        all_sent(&self.site).await;
        let mut told = self.party.sids();
        assert_eq!(told.len(), 2);
        told.extend(self.second.sids());
        told.sort_unstable();
        let mut all: Vec<&str> = self.of_alice.iter().map(|one| one.sid.as_str()).collect();
        all.sort_unstable();
        assert_eq!(told, all);
        for one in &self.of_alice {
            assert_eq!(self.get("/userinfo", &one.access).await.status, 401);
        }
    }
}

async fn a_user_who_is_disabled_deleted_reset_or_logged_out_everywhere_is_signed_out_of_every_client(
    site: Site,
) {
    let all = Everywhere::on(site).await;
    let admin = all.admin().await;
    let path = format!("/api/users/{}", all.id_of("alice").await);
    let disabled = json!({ "status": "disabled" });
    all.patch(path, admin, disabled).await.is(200);
    all.are_told_of_alice().await;
    // each of the others, with a user of its own
    for (name, ending) in [("carol", "reset"), ("dave", "sessions"), ("erin", "delete")] {
        let id = all.create_user(name, &[]).await;
        let signed_in = Browser::default()
            .sign_in(&all, &all.client, name, "openid")
            .await;
        let before = all.party.received().len();
        let path = format!("/api/users/{id}");
        let answer = match ending {
            "reset" => all.post(format!("{path}/reset"), admin, json!({})).await,
            "sessions" => all.delete(format!("{path}/sessions"), admin).await,
            _ => all.delete(&path, admin).await,
        };
        assert!(answer.status.is_success(), "{ending}: {answer:?}");
        let told = all.party.count(before + 1).await;
        assert_eq!(told[before].sid(), signed_in.sid, "{ending}");
        all_sent(&all).await;
    }
}

async fn i063_a_new_password_signs_out_of_every_client_and_a_kept_session_of_none(site: Site) {
    let all = Everywhere::on(site).await;
    let kept = all.log_in("alice").await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    all.put_json("/api/me/password", &kept, body)
        .await
        .no_content();
    all.are_told_of_alice().await;
    assert_eq!(
        all.db
            .number("SELECT COUNT(*) FROM browser_sessions b JOIN users u ON u.id = b.subject_id WHERE u.username = 'alice'")
            .await,
        0
    );
}

async fn a_single_session_that_ends_tells_its_own_client_alone(site: Site) {
    let all = Everywhere::on(site).await;
    let [first, second, ..] = &all.of_alice[..] else {
        panic!("four sign-ins");
    };
    // by its owner, with a token of another session
    let own = all.log_in("alice").await;
    let sessions = all.get("/api/me/sessions", &own).await.items("id");
    assert!(sessions.contains(&first.sid) && sessions.contains(&second.sid));
    let path = format!("/api/me/sessions/{}", first.sid);
    all.delete(path, &own).await.no_content();
    all_sent(&all).await;
    assert_eq!(all.party.sids(), std::slice::from_ref(&first.sid));
    assert!(all.second.received().is_empty());
    // and once more: it has ended
    let path = format!("/api/me/sessions/{}", first.sid);
    all.delete(path, &own).await.no_content();
    // its own token
    all.request(Method::POST, "/api/me/logout")
        .token(&second.access)
        .send()
        .await
        .no_content();
    all_sent(&all).await;
    assert_eq!(all.party.sids().len(), 1);
    assert_eq!(all.second.sids(), std::slice::from_ref(&second.sid));
}

async fn a_replayed_refresh_token_and_a_replayed_code_tell_the_client(site: Site) {
    let mut browser = Browser::default();
    let client = &site.client;
    let by_refresh = browser.sign_in(&site, client, "alice", "openid").await;
    let again = async || {
        site.refresh_through(&client.credentials, &by_refresh.refresh)
            .await
    };
    again().await.is(200);
    site.pass_time(std::time::Duration::from_mins(1));
    again().await.oauth_error(400, "invalid_grant");
    assert_eq!(site.party.count(1).await[0].sid(), by_refresh.sid);
    let code = browser.code(&site, client, "alice", "openid").await;
    let by_code = redeem(&site, client, &code).await;
    try_redeem(&site, client, &code)
        .await
        .oauth_error(400, "invalid_grant");
    assert_eq!(site.party.count(2).await[1].sid(), by_code.sid);
    // once
    try_redeem(&site, client, &code)
        .await
        .oauth_error(400, "invalid_grant");
    all_sent(&site).await;
    assert_eq!(site.party.received().len(), 2);
}

async fn what_expires_and_what_is_refused_tells_nobody(site: Site) {
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    let bob = site.log_in("bob").await;
    let id = site.id_of("alice").await;
    site.delete(format!("/api/users/{id}/sessions"), &bob)
        .await
        .is(403);
    site.delete(format!("/api/me/sessions/{}", signed_in.sid), &bob)
        .await
        .no_content();
    assert_eq!(site.db.count("logout_notices").await, 0);
    assert_eq!(site.db.count("signed_in_clients").await, 1);
    // the session of the browser expires, and whoever logs out then is told that nobody is signed in
    site.pass_time(std::time::Duration::from_hours(9));
    let hint = [("id_token_hint", signed_in.id_token.as_str())];
    super::support::is_page(&browser.log_out(&site, &hint).await, 200);
    assert_eq!(site.db.count("logout_notices").await, 0);
    assert!(site.party.received().is_empty());
}

async fn m085_an_application_without_refresh_tokens_is_told_long_after_its_session(site: Site) {
    let mut browser = Browser::default();
    let signed_in = browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    // as clean-up does when the only access token of the session has expired
    site.db
        .execute("DELETE FROM sessions WHERE browser_session IS NOT NULL")
        .await;
    let hint = [("id_token_hint", signed_in.id_token.as_str())];
    super::support::is_page(&browser.log_out(&site, &hint).await, 200);
    assert_eq!(site.party.count(1).await[0].sid(), signed_in.sid);
    // a later sign-in at the same client replaces what is over, and not what lives
    for _ in 0..2 {
        browser
            .sign_in(&site, &site.client, "alice", "openid")
            .await;
    }
    assert_eq!(site.db.count("signed_in_clients").await, 2);
    site.db
        .execute("DELETE FROM sessions WHERE browser_session IS NOT NULL")
        .await;
    browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    assert_eq!(site.db.count("signed_in_clients").await, 1);
}

async fn the_command_line_tells_the_clients_too(site: Site) {
    let signed_in = Browser::default()
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    run(&site, &["session", "end", "alice"]).await;
    assert_eq!(site.party.count(1).await[0].sid(), signed_in.sid);
}

async fn the_account_page_tells_the_clients_too(site: Site) {
    let mut here = Browser::default();
    let mut told = Vec::new();
    let at_page = here.sign_in(&site, &site.client, "alice", "openid").await;
    let kept = here.sign_in(&site, &site.client, "alice", "openid").await;
    let end = [("session", at_page.sid.as_str())];
    here.post(&site, "/account/end", &end).await.is(303);
    told.push(at_page.sid);
    // one that outlives this browser belongs to it all the same
    let offline = here
        .sign_in(&site, &site.client, "alice", "openid offline_access")
        .await;
    for _ in 0..2 {
        let mut elsewhere = Browser::default();
        let signed_in = elsewhere
            .sign_in(&site, &site.client, "alice", "openid")
            .await;
        told.push(signed_in.sid);
        let offline = elsewhere
            .sign_in(&site, &site.client, "alice", "openid offline_access")
            .await;
        told.push(offline.sid);
    }
    // somebody else's are none of hers
    let of_bob = Browser::default()
        .sign_in(&site, &site.client, "bob", "openid")
        .await;
    let end = [("session", of_bob.sid.as_str())];
    here.post(&site, "/account/end", &end).await.is(303);
    here.post(&site, "/account/end", &[("others", "all")])
        .await
        .is(303);
    all_sent(&site).await;
    told.sort_unstable();
    assert_eq!(site.party.sids(), told);
    for lives in [&kept.access, &offline.access, &of_bob.access] {
        site.get("/userinfo", lives).await.is(200);
    }
}

async fn a_recovery_tells_the_clients_of_all_users(site: Site) {
    let everywhere = Everywhere::on(site).await;
    let sessions = everywhere.db.count("signed_in_clients").await;
    assert_eq!(sessions, 8);
    run(&everywhere, &["recover"]).await;
    all_sent(&everywhere).await;
    let mut told = everywhere.party.sids();
    told.extend(everywhere.second.sids());
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 8);
    let of_alice = everywhere.of_alice.iter();
    assert!(of_alice.clone().all(|one| told.contains(&one.sid)));
    assert_eq!(everywhere.db.count("signed_in_clients").await, 0);
    // it is said once
    run(&everywhere, &["recover"]).await;
    all_sent(&everywhere).await;
    assert_eq!(
        everywhere.party.sids().len() + everywhere.second.sids().len(),
        8
    );
}

async fn y371_who_may_not_sign_in_any_more_is_signed_out(site: Site) {
    let admin = site.admin().await;
    let alice = site.id_of("alice").await;
    for role in ["staff", "other"] {
        site.create_role(role, &[]).await;
    }
    let all = json!(["authorization_code", "refresh_token"]);
    for (number, (registered, lost)) in [
        (json!({ "who": ["staff"] }), None),
        (json!({ "tenant": "acme" }), None),
        (json!({ "tenant": "ask" }), None),
        (
            json!({ "who": ["staff"] }),
            Some(json!({ "who": ["other"] })),
        ),
        (
            json!({ "tenant": "acme" }),
            Some(json!({ "tenant": "beta" })),
        ),
        (
            json!({}),
            Some(json!({ "grants": ["refresh_token", "password"] })),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let party = RelyingParty::listen().await;
        let name = format!("client{number}");
        let client = create_client(&site, &name, Some(&party.url), "ES256").await;
        let path = format!("/api/clients/{}", client.id());
        site.patch(&path, admin, registered.clone()).await.is(200);
        let give = async || {
            site.assign(&alice, "staff").await;
            site.assign_in(&alice, "staff", "acme").await;
        };
        give().await;
        let signed_in = Browser::default()
            .sign_in(&site, &client, "alice", "openid")
            .await;
        let is_left = format!(
            "SELECT COUNT(*) FROM sessions WHERE id = '{}'",
            signed_in.sid
        );
        assert_eq!(site.db.number(&is_left).await, 1);
        if let Some(lost) = &lost {
            site.patch(&path, admin, lost.clone()).await.is(200);
        } else {
            // what the user loses ends the session at once, also for applications that never refresh
            site.unassign(&alice, "staff").await;
            site.unassign_in(&alice, "staff", "acme").await;
            assert_eq!(site.db.number(&is_left).await, 0, "{registered}");
            assert_eq!(party.count(1).await[0].sid(), signed_in.sid);
        }
        assert_eq!(site.get("/userinfo", &signed_in.access).await.status, 401);
        let refresh = async || {
            site.refresh_through(&client.credentials, &signed_in.refresh)
                .await
        };
        refresh().await.is(400);
        assert_eq!(site.db.number(&is_left).await, 0, "{registered}");
        assert_eq!(party.count(1).await[0].sid(), signed_in.sid);
        // what is given back opens nothing again
        give().await;
        let mut back = registered;
        back["grants"] = all.clone();
        site.patch(&path, admin, back).await.is(200);
        refresh().await.oauth_error(400, "invalid_grant");
    }
}
