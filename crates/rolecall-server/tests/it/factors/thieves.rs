//! Somebody who knows the password of another, has a remembered device of theirs, or a copy of a cookie.

use std::time::Duration;

use rolecall_server::config::Quotas;
use serde_json::json;

use super::{REDIRECT, World, code_of, leads_to_page, page};
use crate::support::{
    Browser, Database, Fixture, NEW_PASSWORD, PASSWORD, Response, SignInAnswer, TestApp, on_both,
};

on_both![
    y484_a_remembered_device_forgives_no_wrong_code,
    y481_a_copy_of_an_earlier_cookie_gets_no_later_proof,
    y482_the_only_tenant_of_a_user_may_ask_for_a_second_factor,
    y483_whoever_knows_the_password_alone_leaves_the_owner_sign_ins,
    y492_password_grants_that_stop_before_the_factor_leave_the_owner_sign_ins,
    y493_changes_that_stop_before_the_factor_leave_the_owner_changes,
    y512_password_grants_leave_the_owner_sign_ins_with_a_remembered_device,
];

/// A world in which devices can be remembered, and somebody may sign in and change what is theirs ten times an hour.
struct Guarded(World);

impl std::ops::Deref for Guarded {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

const SIGN_INS: u32 = 10;

impl Fixture for Guarded {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let app = TestApp::configured(db, |builder| {
            let quotas = Quotas {
                log_ins_per_hour: SIGN_INS,
                own_changes_per_hour: SIGN_INS,
                ..Quotas::default()
            };
            let device = Some(Duration::from_hours(24));
            builder.remember_device(device).quotas(quotas)
        });
        Self(World::with(app.await).await)
    }
}

impl World {
    /// Types the password of alice in a browser, and returns the flow that asks for the second factor.
    async fn half(&self, browser: &mut Browser<'_>) -> String {
        let more = [("acr_values", "aal2"), ("prompt", "login")];
        let flow = browser.begin(&self.first, REDIRECT, &more).await;
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        flow
    }
}

async fn y484_a_remembered_device_forgives_no_wrong_code(world: Guarded) {
    let enrolled = world.enrol("alice").await;
    let mut owner = Browser::new(&world);
    let flow = world.half(&mut owner).await;
    let code = world.code(&enrolled.phone);
    let form = [("flow", flow.as_str()), ("code", &code), ("remember", "on")];
    code_of(&owner.submit("/login/second", &form).await);
    let remembered = owner.cookie("remembered").unwrap().to_owned();
    let mut refused = None;
    for round in 0..4 {
        // a new browser each time, with nothing but the copied cookie
        let mut thief = Browser::new(&world);
        thief.set_cookie("remembered", &remembered);
        let flow = world.half(&mut thief).await;
        for guess in 0..3 {
            let wrong = enrolled.phone.wrong(world.now(), 3 * round + guess);
            let answer = thief.second(&flow, &wrong).await;
            if answer.status == 429 {
                refused = Some(3 * round + guess);
                break;
            }
            page(&answer, 401);
        }
        if refused.is_some() {
            break;
        }
        // the password and the remembered device are a whole sign-in, and no factor
        let flow = thief.begin(&world.first, REDIRECT, &[]).await;
        code_of(&thief.log_in(&flow, "alice", PASSWORD).await);
        assert_eq!(thief.cookie("device"), None);
    }
    assert!(refused.is_some_and(|guesses| guesses < 8), "{refused:?}");
}

async fn y481_a_copy_of_an_earlier_cookie_gets_no_later_proof(world: World) {
    let mut owner = Browser::new(&world);
    let flow = owner.begin(&world.first, REDIRECT, &[]).await;
    code_of(&owner.log_in(&flow, "bob", PASSWORD).await);
    let mut thief = Browser::new(&world);
    thief.set_cookie("session", owner.cookie("session").unwrap());
    assert_eq!(world.silent_error(&mut owner, &[]).await, None);
    // for a moment, both cookies count: another tab may still send the earlier one
    assert_eq!(world.silent_error(&mut thief, &[]).await, None);
    world.pass_time(Duration::from_secs(2));
    let flow = owner
        .begin(&world.first, REDIRECT, &[("prompt", "login")])
        .await;
    code_of(&owner.log_in(&flow, "bob", PASSWORD).await);
    let failed = world.silent_error(&mut thief, &[]).await;
    assert_eq!(failed.as_deref(), Some("login_required"));
    assert_eq!(world.silent_error(&mut owner, &[]).await, None);
}

async fn y482_the_only_tenant_of_a_user_may_ask_for_a_second_factor(world: World) {
    let enrolled = world.enrol("alice").await;
    let admin = world.admin().await;
    world.create_role("payer", &["money:send"]).await;
    let path = "/api/roles/payer";
    let change = json!({ "acr": "aal2" });
    world.patch(path, admin, change).await.is(200);
    for user in ["alice", "bob"] {
        let id = world.id_of(user).await;
        world.assign_in(&id, "payer", "acme").await;
    }
    let mut bob = Browser::new(&world);
    let flow = bob.begin(&world.first, REDIRECT, &[]).await;
    code_of(&bob.log_in(&flow, "bob", PASSWORD).await);
    let path = format!("/api/clients/{}", world.first.id);
    let change = json!({ "tenant": "ask" });
    world.patch(&path, admin, change).await.is(200);
    let mut browser = Browser::new(&world);
    let scope = [("scope", "role:payer")];
    let flow = browser.begin(&world.first, REDIRECT, &scope).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
    // a session from before cannot reach the role
    let silent = [scope[0], ("prompt", "none")];
    let answer = bob.authorize(&world.first, REDIRECT, &silent).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    let error = answer.parameters.get("error").map(String::as_str);
    assert_eq!(error, Some("login_required"));
}

async fn y483_whoever_knows_the_password_alone_leaves_the_owner_sign_ins(world: Guarded) {
    let enrolled = world.enrol("alice").await;
    let mut owner = Browser::new(&world);
    let flow = world.half(&mut owner).await;
    code_of(&owner.second(&flow, &world.code(&enrolled.phone)).await);
    world.pass_time(super::STEP);
    // the first sign-in of the owner came from elsewhere too
    let mut thief = Browser::at(&world, "203.0.113.9");
    for _ in 1..SIGN_INS {
        world.half(&mut thief).await;
    }
    let flow = thief.begin(&world.first, REDIRECT, &[]).await;
    page(&thief.log_in(&flow, "alice", PASSWORD).await, 429);
    // the owner comes from a device that is known
    let flow = world.half(&mut owner).await;
    code_of(&owner.second(&flow, &world.code(&enrolled.phone)).await);
}

/// Types the right password until that is refused for the rest of the hour.
async fn until_refused(statuses: [u16; 2], request: impl AsyncFn() -> Response) {
    let mut count = 0;
    loop {
        let status = request().await.status.as_u16();
        assert!(statuses.contains(&status), "{status}");
        count += 1;
        if status == statuses[1] {
            break;
        }
        assert!(count <= SIGN_INS);
    }
    assert!(count > 5, "{count}");
}

async fn y492_password_grants_that_stop_before_the_factor_leave_the_owner_sign_ins(world: Guarded) {
    let enrolled = world.enrol("alice").await;
    until_refused([400, 429], async || {
        world.password_grant("alice", PASSWORD).await
    })
    .await;
    let mut owner = Browser::new(&world);
    let flow = world.half(&mut owner).await;
    code_of(&owner.second(&flow, &world.code(&enrolled.phone)).await);
}

async fn y512_password_grants_leave_the_owner_sign_ins_with_a_remembered_device(world: Guarded) {
    let enrolled = world.enrol("alice").await;
    let mut owner = Browser::new(&world);
    let flow = world.half(&mut owner).await;
    let code = world.code(&enrolled.phone);
    let form = [("flow", flow.as_str()), ("code", &code), ("remember", "on")];
    code_of(&owner.submit("/login/second", &form).await);
    until_refused([400, 429], async || {
        world.password_grant("alice", PASSWORD).await
    })
    .await;
    let mut again = Browser::new(&world);
    for cookie in ["remembered", "device"] {
        again.set_cookie(cookie, owner.cookie(cookie).unwrap());
    }
    let flow = again.begin(&world.first, REDIRECT, &[]).await;
    code_of(&again.log_in(&flow, "alice", PASSWORD).await);
}

async fn y493_changes_that_stop_before_the_factor_leave_the_owner_changes(world: Guarded) {
    let enrolled = world.enrol("alice").await;
    until_refused([422, 429], async || {
        let changed = world.replace_password("alice", PASSWORD, NEW_PASSWORD);
        changed.await
    })
    .await;
    let token = world.token_with("alice", &enrolled.phone).await;
    world
        .post("/api/me/recovery-codes", &token, json!({}))
        .await
        .is(200);
    let body = json!({
        "username": "alice", "current_password": PASSWORD, "new_password": NEW_PASSWORD,
        "code": world.code(&enrolled.phone),
    });
    world.post("/password", "", body).await.no_content();
}
