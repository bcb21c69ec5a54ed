//! Factors that are gone: what rests on them ends, and administrators help within their limit.

use serde_json::json;

use super::{REDIRECT, STALE, STEP, World, asks_for_sign_in, code_of, leads_to_page, page};
use crate::support::{Browser, PASSWORD, TokenPair, on_both, run, run_failing};

on_both![
    y310_what_rests_on_a_removed_factor_ends,
    y310_a_sign_in_under_way_begins_again_when_a_factor_goes,
    y440_what_rests_on_a_recovery_code_ends_with_the_last_factor,
    y440_what_rests_on_a_recovery_code_ends_with_new_codes_except_the_session_that_makes_them,
    y311_a_factor_that_is_added_under_way_is_asked_for,
    y312_an_administrator_removes_a_lost_factor_within_the_limit,
    y472_administrators_prove_at_their_own_account_what_owners_do,
    y494_administrators_prove_who_they_are_to_delete_their_own_account,
    nobody_adds_a_factor_for_somebody_else,
    factors_on_the_command_line,
    a_deleted_user_leaves_no_factor,
];

async fn y310_what_rests_on_a_removed_factor_ends(world: World) {
    let first = world.enrol("alice").await;
    let token = world.token_with("alice", &first.phone).await;
    let second = world.enrol_with(&token).await;
    world.pass_time(STEP);
    // one browser by each application, one client that outlives its browser, and an unused code
    let mut by_first = Browser::new(&world);
    let offline = [("scope", "openid offline_access")];
    let outlives = world.sign_in_with(&mut by_first, "alice", &first.phone, &offline);
    let outlives = TokenPair::of(&outlives.await);
    let again = by_first.authorize(&world.first, REDIRECT, &[]).await;
    let within = world
        .redeem(&world.first, &code_of(&again), REDIRECT, &[])
        .await;
    let within = TokenPair::of(&within);
    let unused = by_first.authorize(&world.first, REDIRECT, &[]).await;
    let unused = code_of(&unused);
    let mut by_second = Browser::new(&world);
    let kept = world.sign_in_with(&mut by_second, "alice", &second.phone, &[]);
    let kept = TokenPair::of(&kept.await);
    let mut by_recovery = Browser::new(&world);
    let flow = by_recovery.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&by_recovery.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&by_recovery.second(&flow, &first.recovery_codes[0]).await);
    let path = format!("/api/me/factors/{}", first.id);
    world.delete(&path, &kept.access).await.no_content();
    for lost in [&outlives, &within] {
        world.get("/api/me", &lost.access).await.ended_token();
        let refreshed = world.refresh_through(&world.first, &lost.refresh).await;
        refreshed.oauth_error(400, "invalid_grant");
    }
    let redeemed = world.redeem(&world.first, &unused, REDIRECT, &[]).await;
    redeemed.oauth_error(400, "invalid_grant");
    let failed = world.silent_error(&mut by_first, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    world.get("/api/me", &kept.access).await.is(200);
    for browser in [&mut by_second, &mut by_recovery] {
        assert_eq!(world.silent_error(browser, &[]).await, None);
    }
    // removing it once more changes nothing
    let revision = world.db.revision().await;
    world.delete(&path, &kept.access).await.no_content();
    assert_eq!(world.db.revision().await, revision);
}

/// A browser and its tokens after a sign-in with a recovery code.
async fn by_recovery<'a>(world: &'a World, code: &str) -> (Browser<'a>, TokenPair) {
    let mut browser = Browser::new(world);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let code = code_of(&browser.second(&flow, code).await);
    let tokens = world.redeem(&world.first, &code, REDIRECT, &[]).await;
    (browser, TokenPair::of(&tokens))
}

async fn has_ended(world: &World, browser: &mut Browser<'_>, tokens: &TokenPair) {
    world.get("/api/me", &tokens.access).await.ended_token();
    let refreshed = world.refresh_through(&world.first, &tokens.refresh).await;
    refreshed.oauth_error(400, "invalid_grant");
    let failed = world.silent_error(browser, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
}

async fn y440_what_rests_on_a_recovery_code_ends_with_the_last_factor(world: World) {
    let first = world.enrol("alice").await;
    let (mut thief, stolen) = by_recovery(&world, &first.recovery_codes[0]).await;
    let alice = world.id_of("alice").await;
    let path = format!("/api/users/{alice}/factors/{}", first.id);
    world.delete(&path, world.admin().await).await.no_content();
    has_ended(&world, &mut thief, &stolen).await;
}

async fn y440_what_rests_on_a_recovery_code_ends_with_new_codes_except_the_session_that_makes_them(
    world: World,
) {
    let first = world.enrol("alice").await;
    let (mut thief, stolen) = by_recovery(&world, &first.recovery_codes[0]).await;
    let (mut owner, own) = by_recovery(&world, &first.recovery_codes[1]).await;
    let made = world.post("/api/me/recovery-codes", &own.access, json!({}));
    let codes = made.await.is(200).texts("recovery_codes");
    has_ended(&world, &mut thief, &stolen).await;
    world.get("/api/me", &own.access).await.is(200);
    assert_eq!(world.silent_error(&mut owner, &[]).await, None);
    // the last factor is lost: its owner removes it, and adds another one in the same session
    let (mut other, others) = by_recovery(&world, &codes[0]).await;
    let path = format!("/api/me/factors/{}", first.id);
    world.delete(&path, &own.access).await.no_content();
    has_ended(&world, &mut other, &others).await;
    world.enrol_with(&own.access).await;
}

async fn y310_a_sign_in_under_way_begins_again_when_a_factor_goes(world: World) {
    let first = world.enrol("alice").await;
    let token = world.token_with("alice", &first.phone).await;
    let second = world.enrol_with(&token).await;
    world.pass_time(STEP);
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.other, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    leads_to_page(
        &browser.second(&flow, &world.code(&first.phone)).await,
        &flow,
    );
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"decision\""));
    let path = format!("/api/me/factors/{}", first.id);
    world.delete(&path, &token).await.is(204);
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"password\""), "{shown}");
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    leads_to_page(
        &browser.second(&flow, &world.code(&second.phone)).await,
        &flow,
    );
    code_of(&browser.decide(&flow, "allow").await);
}

async fn y311_a_factor_that_is_added_under_way_is_asked_for(world: World) {
    let mut browser = Browser::new(&world);
    let flow = browser.begin(&world.other, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let mut signed_in = Browser::new(&world);
    signed_in.sign_in(&world.first, REDIRECT, &[]).await.code();
    signed_in.open("/account").await.is(200);
    let enrolled = world.enrol("alice").await;
    // the consent is no longer the step that is due
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    assert_eq!(browser.cookie("session"), None);
    let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(shown.contains("name=\"code\""), "{shown}");
    leads_to_page(
        &browser.second(&flow, &world.code(&enrolled.phone)).await,
        &flow,
    );
    code_of(&browser.decide(&flow, "allow").await);
    // and an earlier sign-in is not enough any more
    let failed = world.silent_error(&mut signed_in, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    signed_in.open("/account").await.is(303);
}

async fn y312_an_administrator_removes_a_lost_factor_within_the_limit(world: World) {
    let enrolled = world.enrol("alice").await;
    let alice = world.id_of("alice").await;
    let mut browser = Browser::new(&world);
    let tokens = world.sign_in_with(&mut browser, "alice", &enrolled.phone, &[]);
    let tokens = TokenPair::of(&tokens.await);
    world
        .create_role("helpdesk", &["rolecall.users:read", "rolecall.users:write"])
        .await;
    world.create_role("treasurer", &["money:spend"]).await;
    let carol = world.create_user("carol", &["helpdesk"]).await;
    let helpdesk = world.log_in("carol").await;
    let list = format!("/api/users/{alice}/factors");
    let path = format!("{list}/{}", enrolled.id);
    // readers see them, and nobody else
    let bob = world.log_in("bob").await;
    world.get(&list, &bob).await.is(403);
    world.delete(&path, &bob).await.is(403);
    let shown = world.get(&list, &helpdesk).await;
    assert_eq!(shown.is(200).json["factors"][0]["name"], "Phone");
    assert_eq!(shown.json["recovery_codes"], 10);
    // whoever could act as alice must hold what she holds
    world.assign(&alice, "treasurer").await;
    world.delete(&path, &helpdesk).await.is(403);
    assert_eq!(world.db.count("factors").await, 1);
    world.get("/api/me", &tokens.access).await.is(200);
    world.unassign(&alice, "treasurer").await;
    // under somebody else's name it does not exist
    world
        .delete(
            format!("/api/users/{carol}/factors/{}", enrolled.id),
            &helpdesk,
        )
        .await
        .is(204);
    assert_eq!(world.db.count("factors").await, 1);
    world.delete(&path, &helpdesk).await.no_content();
    let entry = world.newest_entry().await;
    assert_eq!(entry["actor"], format!("user:{carol}"));
    assert_eq!(
        entry["changes"].as_array().unwrap().last().unwrap()["action"],
        "factor.removed"
    );
    assert_eq!(world.db.count("recovery_codes").await, 0);
    world.get("/api/me", &tokens.access).await.ended_token();
    world.log_in("alice").await;
    world.delete(&path, &helpdesk).await.no_content();
    world
        .delete("/api/users/nobody/factors/x", &helpdesk)
        .await
        .is(404);
    world
        .get("/api/users/nobody/factors", &helpdesk)
        .await
        .is(404);
}

async fn nobody_adds_a_factor_for_somebody_else(world: World) {
    let alice = world.id_of("alice").await;
    let admin = world.admin().await;
    for path in ["factors", "factors/totp", "recovery-codes"] {
        let path = format!("/api/users/{alice}/{path}");
        let answer = world.post(&path, admin, json!({})).await;
        assert!(
            [404, 405].contains(&answer.status.as_u16()),
            "{path}: {answer:?}"
        );
    }
    assert_eq!(world.db.count("factors").await, 0);
}

async fn factors_on_the_command_line(world: World) {
    let none = run(&world, &["user", "factors", "alice"]).await;
    assert!(!none.contains("totp"), "{none}");
    let enrolled = world.enrol("alice").await;
    let listed = run(&world, &["user", "factors", "alice"]).await;
    assert!(
        listed.contains("Phone") && listed.contains(&enrolled.id),
        "{listed}"
    );
    let json = run(&world, &["--json", "user", "factors", "alice"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["factors"][0]["id"], enrolled.id.as_str());
    let wrong = run_failing(&world, &["user", "remove-factor", "alice", "x"]).await;
    assert!(wrong.contains("no factor `x`"), "{wrong}");
    run_failing(&world, &["user", "remove-factor", "bob", &enrolled.id]).await;
    let removed = run(&world, &["user", "remove-factor", "alice", &enrolled.id]).await;
    assert!(removed.contains("removed"), "{removed}");
    assert_eq!(world.db.count("factors").await, 0);
    world.log_in("alice").await;
}

async fn a_deleted_user_leaves_no_factor(world: World) {
    world.enrol("alice").await;
    let alice = world.id_of("alice").await;
    let path = format!("/api/users/{alice}");
    world.delete(&path, world.admin().await).await.no_content();
    for table in ["factors", "recovery_codes"] {
        assert_eq!(world.db.count(table).await, 0, "{table}");
    }
}

async fn y472_administrators_prove_at_their_own_account_what_owners_do(world: World) {
    let desk = ["rolecall.users:read", "rolecall.users:write"];
    world.create_role("helpdesk", &desk).await;
    let carol = world.create_user("carol", &["helpdesk"]).await;
    let token = world.log_in("carol").await;
    let user = format!("/api/users/{carol}");
    let address = |text: &str| json!({ "email": text });
    let moved = address("c@mail.example");
    world.patch(&user, &token, moved.clone()).await.is(200);
    world.pass_time(STALE);
    let again = world.patch(&user, &token, moved.clone()).await;
    again.is(200);
    let refused = world.patch(&user, &token, address("d@mail.example")).await;
    asks_for_sign_in(&refused, ", max_age=\"300\"");
    // nor by what proves the password alone
    let before = world.log_in("carol").await;
    let enrolled = world.enrol("carol").await;
    let factor = format!("{user}/factors/{}", enrolled.id);
    let reset = format!("{user}/reset");
    for refused in [
        world.delete(&factor, &before).await,
        world.post(&reset, &before, json!({})).await,
        world.patch(&user, &before, address("e@mail.example")).await,
        world
            .patch(&user, &before, json!({ "username": "carola" }))
            .await,
    ] {
        asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    }
    assert_eq!(world.db.count("factors").await, 1);
    // others are helped as before
    let other = world.enrol("alice").await;
    let alice = world.id_of("alice").await;
    let path = format!("/api/users/{alice}/factors/{}", other.id);
    world.delete(path, &before).await.no_content();
    let name = "SELECT username FROM users WHERE email = 'c@mail.example'";
    assert_eq!(world.db.texts(name).await, ["carol"]);
}

async fn y494_administrators_prove_who_they_are_to_delete_their_own_account(world: World) {
    let desk = ["rolecall.users:read", "rolecall.users:write"];
    world.create_role("helpdesk", &desk).await;
    let carol = world.create_user("carol", &["helpdesk"]).await;
    let user = format!("/api/users/{carol}");
    let stale = world.log_in("carol").await;
    world.pass_time(STALE);
    asks_for_sign_in(&world.delete(&user, &stale).await, ", max_age=\"300\"");
    let password = world.log_in("carol").await;
    let enrolled = world.enrol("carol").await;
    let refused = world.delete(&user, &password).await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    // others are deleted as before
    let bob = format!("/api/users/{}", world.id_of("bob").await);
    world.delete(&bob, &password).await.no_content();
    let both = world.token_with("carol", &enrolled.phone).await;
    world.delete(&user, &both).await.no_content();
}
