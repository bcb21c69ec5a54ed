//! Roles that need a second factor, and sign-ins that ask for one because of them.

use http::Method;
use serde_json::json;

use super::{REDIRECT, World, asks_for_sign_in, code_of, leads_to_page, page};
use crate::support::{Browser, PASSWORD, SignInAnswer, TokenPair, claims, on_both};

on_both![
    y355_a_role_that_is_asked_for_asks_for_the_factor_that_it_needs,
    y355_a_wish_counts_where_a_role_of_the_user_needs_it,
    y356_an_administrator_with_a_factor_is_none_without_it,
    y530_a_first_factor_ends_the_tokens_of_an_administrator_without_it,
];

async fn create_payer(world: &World) {
    world.create_role("payer", &["items:read"]).await;
    let change = json!({ "acr": "aal2" });
    let changed = world.patch("/api/roles/payer", world.admin().await, change);
    changed.await.is(200);
    let bob = world.id_of("bob").await;
    world.assign(&bob, "payer").await;
}

async fn y355_a_role_that_is_asked_for_asks_for_the_factor_that_it_needs(world: World) {
    create_payer(&world).await;
    // nothing asks for the role, so a password is enough, and the token goes without it
    let mut browser = Browser::new(&world);
    let plain = [("scope", "openid")];
    let flow = browser.begin(&world.first, REDIRECT, &plain).await;
    let answer = browser.log_in(&flow, "bob", PASSWORD).await;
    let tokens = world
        .redeem(&world.first, &code_of(&answer), REDIRECT, &[])
        .await;
    let token = claims(&tokens.is(200).text("access_token"));
    assert_eq!(
        (&token["acr"], &token["roles"]),
        (&json!("aal1"), &json!([]))
    );
    // the role is asked for: without a page no, and with one a factor is added
    for scope in ["openid role:payer", "openid items:read"] {
        let asked = [("scope", scope), ("prompt", "none")];
        let silent = browser.authorize(&world.first, REDIRECT, &asked).await;
        let error = SignInAnswer::of(&silent, REDIRECT).unwrap();
        assert!(error.parameters.contains_key("error"), "{scope}");
        let mut browser = Browser::new(&world);
        let asked = [("scope", scope)];
        let flow = browser.begin(&world.first, REDIRECT, &asked).await;
        leads_to_page(&browser.log_in(&flow, "bob", PASSWORD).await, &flow);
        let shown = page(&browser.open(&format!("/login?flow={flow}")).await, 200);
        assert!(shown.contains("/login/enrol"), "{shown}");
    }
    // a role that bob does not have is refused, and no factor is asked for in vain
    world.create_role("boss", &[]).await;
    let mut browser = Browser::new(&world);
    let asked = [("scope", "openid role:boss")];
    let flow = browser.begin(&world.first, REDIRECT, &asked).await;
    let answer = browser.log_in(&flow, "bob", PASSWORD).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert_eq!(answer.error(), "invalid_scope");
}

async fn y355_a_wish_counts_where_a_role_of_the_user_needs_it(world: World) {
    create_payer(&world).await;
    for (user, is_enrolled) in [("bob", true), ("alice", false)] {
        let mut browser = Browser::new(&world);
        let wish = [("acr_values", "aal2"), ("scope", "openid")];
        let flow = browser.begin(&world.first, REDIRECT, &wish).await;
        let answer = browser.log_in(&flow, user, PASSWORD).await;
        if is_enrolled {
            leads_to_page(&answer, &flow);
        } else {
            code_of(&answer);
        }
    }
}

async fn y356_an_administrator_with_a_factor_is_none_without_it(world: World) {
    let alice = world.id_of("alice").await;
    world.assign(&alice, "rolecall.admin").await;
    let session = world.open_session("alice").await;
    world.get("/api/users", &session.access).await.is(200);
    let enrolled = world.enrol_with(&session.access).await;
    world.pass_time(super::STEP);
    let session = TokenPair::of(&world.refresh(&session.refresh).await);
    asks_for_sign_in(
        &world.get("/api/users", &session.access).await,
        ", acr_values=\"aal2\"",
    );
    let body = json!({ "name": "taken" });
    let refused = world
        .request(Method::POST, "/api/roles")
        .token(&session.access);
    refused.json(&body).send().await.is(401);
    let token = world.token_with("alice", &enrolled.phone).await;
    world.get("/api/users", &token).await.is(200);
}

async fn y530_a_first_factor_ends_the_tokens_of_an_administrator_without_it(world: World) {
    let alice = world.id_of("alice").await;
    world.assign(&alice, "rolecall.admin").await;
    let mut browser = Browser::new(&world);
    let answer = browser.sign_in_as("alice", &world.first, REDIRECT, &[]);
    let code = answer.await.code().to_owned();
    let tokens = world.redeem(&world.first, &code, REDIRECT, &[]).await;
    let browsers = TokenPair::of(&tokens);
    let session = world.open_session("alice").await;
    for token in [&browsers.access, &session.access] {
        world.get("/api/users", token).await.is(200);
    }
    // what others have stays, also that of somebody who is no administrator and adds a factor
    let bob = world.open_session("bob").await;
    world.enrol_with(&bob.access).await;
    world.get("/api/me", &bob.access).await.is(200);
    let admin = world.admin().await;
    let enrolled = world.enrol_with(&session.access).await;
    for token in [&browsers.access, &session.access] {
        world.get("/api/users", token).await.ended_token();
    }
    world.get("/api/users", admin).await.is(200);
    world.get("/api/me", &bob.access).await.is(200);
    // nobody is signed out: the sessions get tokens with what they reach
    let without = TokenPair::of(&world.refresh(&session.refresh).await);
    let again = world.refresh_through(&world.first, &browsers.refresh);
    let again = TokenPair::of(&again.await);
    for token in [&without.access, &again.access] {
        world.get("/api/me", token).await.is(200);
        let refused = world.get("/api/users", token).await;
        asks_for_sign_in(&refused, ", acr_values=\"aal2\"");
    }
    // another factor ends nothing
    world.pass_time(super::STEP);
    let both = world.token_with("alice", &enrolled.phone).await;
    world.enrol_with(&both).await;
    world.get("/api/users", &both).await.is(200);
}
