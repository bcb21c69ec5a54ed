//! The factors of the own account, by the API.

use std::time::Duration;

use serde_json::{Value, json};

use super::{STALE, STEP, World, asks_for_sign_in};
use crate::support::{Phone, claims, on_both};

on_both![
    a_factor_is_added_shown_renamed_and_removed,
    i129_no_secret_is_ever_read_back,
    i082_an_enrolment_needs_a_fresh_sign_in_with_all_factors,
    i083_a_password_alone_removes_no_factor,
    y432_the_address_needs_a_fresh_sign_in_with_all_factors,
    i082_a_narrowed_token_changes_no_factor,
    i084_the_factor_of_somebody_else_does_not_exist,
    an_enrolment_that_is_not_confirmed_is_none,
    new_recovery_codes_replace_the_old_ones,
    names_and_numbers_of_factors_have_limits,
    wrong_bodies_are_named,
];

const FACTORS: &str = "/api/me/factors";

#[expect(
    clippy::too_many_lines,
    reason = "one factor from its beginning to its end"
)]
async fn a_factor_is_added_shown_renamed_and_removed(world: World) {
    let token = world.log_in("alice").await;
    let none = world.get(FACTORS, &token).await;
    assert_eq!(
        none.is(200).json,
        json!({ "factors": [], "recovery_codes": 0 })
    );
    let begun = world
        .post(
            "/api/me/factors/totp",
            &token,
            json!({ "name": " My phone " }),
        )
        .await;
    let (id, uri) = (begun.is(201).text("id"), begun.text("uri"));
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let secret = begun.text("secret");
    assert_eq!(
        uri,
        format!("otpauth://totp/rolecall:alice?secret={secret}&issuer=rolecall")
    );
    let phone = Phone::with(&secret);
    let confirmed = world.confirm(&token, &id, &world.code(&phone)).await;
    assert_eq!(confirmed.is(200).texts("recovery_codes").len(), 10);
    assert_eq!(confirmed.header("cache-control"), Some("no-store"));
    let added = world.newest_entry().await;
    assert_eq!(added["changes"][0]["action"], "factor.added");
    assert_eq!(added["changes"][1]["action"], "recovery_codes.made");
    world.pass_time(STEP);
    let token = world.token_with("alice", &phone).await;
    let shown = world.get(FACTORS, &token).await;
    let shown = &shown.is(200).json;
    assert_eq!(shown["recovery_codes"], 10);
    let factor = &shown["factors"][0];
    assert_eq!(
        (&factor["kind"], &factor["name"]),
        (&json!("totp"), &json!("My phone"))
    );
    assert_eq!(factor["created_at"], "2030-01-01T00:00:00Z");
    assert_eq!(factor["last_used_at"], "2030-01-01T00:00:30Z");
    let path = format!("{FACTORS}/{id}");
    world
        .patch(&path, &token, json!({ "name": "Tablet" }))
        .await
        .no_content();
    assert_eq!(
        world.newest_entry().await["changes"][0]["action"],
        "factor.renamed"
    );
    let shown = world.get(FACTORS, &token).await;
    assert_eq!(shown.json["factors"][0]["name"], "Tablet");
    // a second one has no codes of its own
    let second = world.enrol_with(&token).await;
    assert!(second.recovery_codes.is_empty());
    world
        .delete(format!("{FACTORS}/{}", second.id), &token)
        .await
        .no_content();
    let removed = world.newest_entry().await;
    assert_eq!(removed["changes"][0]["action"], "factor.removed");
    world.delete(&path, &token).await.no_content();
    assert_eq!(world.db.count("factors").await, 0);
    assert_eq!(world.db.count("recovery_codes").await, 0);
    // the password is enough again
    world.log_in("alice").await;
    let kinds = "SELECT kind FROM audit_events WHERE kind LIKE 'factor%' OR kind LIKE 'recovery%' ORDER BY kind";
    assert_eq!(
        world.db.texts(kinds).await,
        [
            "factor_added",
            "factor_added",
            "factor_removed",
            "factor_removed",
            "recovery_codes_made"
        ]
    );
}

async fn i129_no_secret_is_ever_read_back(world: World) {
    let token = world.log_in("alice").await;
    let begun = world.post("/api/me/factors/totp", &token, json!({})).await;
    let (id, secret) = (begun.is(201).text("id"), begun.text("secret"));
    let phone = Phone::with(&secret);
    let confirmed = world.confirm(&token, &id, &world.code(&phone)).await;
    let codes = confirmed.is(200).texts("recovery_codes");
    world.pass_time(STEP);
    let own = world.token_with("alice", &phone).await;
    let alice = world.id_of("alice").await;
    let admin = world.admin().await;
    let mut texts = Vec::new();
    for (path, token) in [
        (FACTORS.to_owned(), &own[..]),
        (format!("{FACTORS}/{id}"), &own),
        ("/api/me".to_owned(), &own),
        (format!("/api/users/{alice}/factors"), admin),
        (format!("/api/users/{alice}"), admin),
        ("/api/audit".to_owned(), admin),
        ("/api/audit?kind=event".to_owned(), admin),
    ] {
        let answer = world.get(&path, token).await;
        texts.push(String::from_utf8_lossy(&answer.body).into_owned());
    }
    // nor from a copy of the database
    for column in [
        "secret FROM factors",
        "hash FROM recovery_codes",
        "detail FROM audit_events",
    ] {
        texts.extend(world.db.texts(&format!("SELECT {column}")).await);
    }
    for text in texts {
        assert!(!text.contains(&secret), "{text}");
        let has = |code: &String| text.contains(code) || text.contains(&code.replace('-', ""));
        assert!(!codes.iter().any(has), "{text}");
    }
}

async fn i082_an_enrolment_needs_a_fresh_sign_in_with_all_factors(world: World) {
    let old = world.log_in("alice").await;
    world.pass_time(STALE);
    let refused = world.post("/api/me/factors/totp", &old, json!({})).await;
    asks_for_sign_in(&refused, ", max_age=\"300\"");
    assert_eq!(world.db.count("factors").await, 0);
    // an enrolment that was begun in time
    let token = world.log_in("alice").await;
    let (id, phone) = world.begin_enrolment(&token).await;
    world.pass_time(STALE);
    let refused = world.confirm(&token, &id, &world.code(&phone)).await;
    asks_for_sign_in(&refused, ", max_age=\"300\"");
    let fresh = world.log_in("alice").await;
    let before = world.log_in("alice").await;
    world
        .confirm(&fresh, &id, &world.code(&phone))
        .await
        .is(200);
    // from now on a fresh password is not enough
    for token in [&fresh, &before] {
        let refused = world.post("/api/me/factors/totp", token, json!({})).await;
        asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    }
    world.pass_time(STEP);
    let both = world.token_with("alice", &phone).await;
    world.enrol_with(&both).await;
    world.pass_time(STALE);
    let refused = world.post("/api/me/factors/totp", &both, json!({})).await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    assert_eq!(world.db.count("factors").await, 2);
}

async fn i083_a_password_alone_removes_no_factor(world: World) {
    let before = world.log_in("alice").await;
    let enrolled = world.enrol("alice").await;
    let path = format!("{FACTORS}/{}", enrolled.id);
    let refused = world.delete(&path, &before).await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    let refused = world.patch(&path, &before, json!({ "name": "x" })).await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    let refused = world
        .post("/api/me/recovery-codes", &before, json!({}))
        .await;
    asks_for_sign_in(&refused, ", acr_values=\"aal2\", max_age=\"300\"");
    assert_eq!(world.db.count("factors").await, 1);
    assert_eq!(world.db.texts("SELECT name FROM factors").await, ["Phone"]);
    let both = world.token_with("alice", &enrolled.phone).await;
    world.delete(&path, &both).await.no_content();
}

async fn y432_the_address_needs_a_fresh_sign_in_with_all_factors(world: World) {
    let set = json!({ "email": "alice@mail.example" });
    let changes = [
        json!({ "email": "thief@evil.example" }),
        json!({ "email": null }),
        json!({ "email": null, "profile": {} }),
    ];
    let refuses = async |token: &str, parameters: &str| {
        for body in &changes {
            let refused = world.patch("/api/me", token, body.clone()).await;
            asks_for_sign_in(&refused, parameters);
        }
        // what changes nothing needs no proof
        world.patch("/api/me", token, set.clone()).await.is(200);
        let unchanged = world
            .patch("/api/me", token, json!({ "profile": {} }))
            .await;
        assert_eq!(unchanged.is(200).json["email"], set["email"]);
    };
    let token = world.log_in("alice").await;
    world.patch("/api/me", &token, set.clone()).await.is(200);
    world.pass_time(STALE);
    refuses(&token, ", max_age=\"300\"").await;
    let enrolled = world.enrol("alice").await;
    world.pass_time(STEP);
    let both = world.token_with("alice", &enrolled.phone).await;
    for body in changes.iter().chain([&set]) {
        world.patch("/api/me", &both, body.clone()).await.is(200);
    }
    // as a browser gets one without asking its user
    world.pass_time(STALE);
    refuses(&both, ", acr_values=\"aal2\", max_age=\"300\"").await;
}

async fn i082_a_narrowed_token_changes_no_factor(world: World) {
    world
        .create_role("clerk", &["items:read", "items:write"])
        .await;
    world.assign(&world.id_of("alice").await, "clerk").await;
    let narrowed = world.log_in_with_scope("alice", "items:read").await;
    assert_eq!(claims(&narrowed)["narrowed"], true);
    let enrolled = world.enrol("alice").await;
    let path = format!("{FACTORS}/{}", enrolled.id);
    world.get(FACTORS, &narrowed).await.is(403);
    world
        .post("/api/me/factors/totp", &narrowed, json!({}))
        .await
        .is(403);
    world
        .post("/api/me/recovery-codes", &narrowed, json!({}))
        .await
        .is(403);
    world
        .confirm(&narrowed, &enrolled.id, "000000")
        .await
        .is(403);
    world
        .patch(&path, &narrowed, json!({ "name": "x" }))
        .await
        .is(403);
    world.delete(&path, &narrowed).await.is(403);
    // a client has no account
    let machine = json!({ "grants": ["client_credentials"] });
    let machine = world.create_client("machine", machine).await;
    let machine = world.act_as(&machine).await;
    world.get(FACTORS, &machine).await.is(403);
    world
        .post("/api/me/factors/totp", &machine, json!({}))
        .await
        .is(403);
}

async fn i084_the_factor_of_somebody_else_does_not_exist(world: World) {
    let alices = world.enrol("alice").await;
    let bob = world.log_in("bob").await;
    let path = format!("{FACTORS}/{}", alices.id);
    world
        .patch(&path, &bob, json!({ "name": "x" }))
        .await
        .is(404);
    world.delete(&path, &bob).await.no_content();
    let code = world.code(&alices.phone);
    world.confirm(&bob, &alices.id, &code).await.is(404);
    // nor does an enrolment of somebody else
    let alice = world.token_with("alice", &alices.phone).await;
    let (id, phone) = world.begin_enrolment(&alice).await;
    world.confirm(&bob, &id, &world.code(&phone)).await.is(404);
    assert_eq!(
        world.db.texts("SELECT name FROM factors").await,
        ["Phone", "Phone"]
    );
    assert_eq!(world.get(FACTORS, &bob).await.json["factors"], json!([]));
}

async fn an_enrolment_that_is_not_confirmed_is_none(world: World) {
    let token = world.log_in("alice").await;
    let (id, phone) = world.begin_enrolment(&token).await;
    world.log_in("alice").await;
    assert_eq!(world.get(FACTORS, &token).await.json["factors"], json!([]));
    for code in ["", "x", &phone.wrong(world.now(), 0)] {
        world
            .confirm(&token, &id, code)
            .await
            .invalid(&["body", "code"]);
    }
    let path = format!("{FACTORS}/{id}");
    world
        .patch(&path, &token, json!({ "name": "x" }))
        .await
        .is(404);
    world.delete(&path, &token).await.no_content();
    assert_eq!(world.db.count("factors").await, 1);
    // it ends by itself, and a few more end the oldest
    world.pass_time(Duration::from_mins(15));
    let token = world.log_in("alice").await;
    world
        .confirm(&token, &id, &world.code(&phone))
        .await
        .is(404);
    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(world.begin_enrolment(&token).await);
        world.pass_time(Duration::from_secs(1));
    }
    assert_eq!(world.db.count("factors").await, 3);
    let code = world.code(&begun[0].1);
    world.confirm(&token, &begun[0].0, &code).await.is(404);
    let code = world.code(&begun[3].1);
    world.confirm(&token, &begun[3].0, &code).await.is(200);
    world.confirm(&token, &begun[3].0, &code).await.is(401);
}

async fn new_recovery_codes_replace_the_old_ones(world: World) {
    let token = world.log_in("alice").await;
    let refused = world
        .post("/api/me/recovery-codes", &token, json!({}))
        .await;
    refused.violates("no_factor");
    let enrolled = world.enrol("alice").await;
    let token = world.token_with("alice", &enrolled.phone).await;
    let made = world
        .post("/api/me/recovery-codes", &token, json!({}))
        .await;
    let made = made.is(200).texts("recovery_codes");
    assert_eq!(made.len(), 10);
    let all: std::collections::BTreeSet<_> = made.iter().chain(&enrolled.recovery_codes).collect();
    assert_eq!(all.len(), 20);
    for code in &made {
        let parts: Vec<usize> = code.split('-').map(str::len).collect();
        assert_eq!(parts, [5, 5], "{code}");
    }
    let mut browser = crate::support::Browser::new(&world);
    let flow = browser.begin(&world.first, super::REDIRECT, &[]).await;
    browser
        .log_in(&flow, "alice", crate::support::PASSWORD)
        .await
        .is(303);
    browser
        .second(&flow, &enrolled.recovery_codes[0])
        .await
        .is(401);
    super::code_of(&browser.second(&flow, &made[0]).await);
}

async fn names_and_numbers_of_factors_have_limits(world: World) {
    let token = world.log_in("alice").await;
    let add = async |name: &str| {
        let body = json!({ "name": name });
        world.post("/api/me/factors/totp", &token, body).await
    };
    for wrong in ["a\nb", "\u{7}", &"x".repeat(65)] {
        add(wrong).await.invalid(&["body", "name"]);
    }
    let (id, phone) = world.begin_enrolment(&token).await;
    world
        .confirm(&token, &id, &world.code(&phone))
        .await
        .is(200);
    world.pass_time(STEP);
    let token = world.token_with("alice", &phone).await;
    let path = format!("{FACTORS}/{id}");
    for wrong in ["", "  ", "a\tb\u{0}"] {
        let renamed = world.patch(&path, &token, json!({ "name": wrong })).await;
        renamed.invalid(&["body", "name"]);
    }
    for _ in 0..19 {
        world.enrol_with(&token).await;
    }
    let full = world.post("/api/me/factors/totp", &token, json!({})).await;
    full.violates("too_many_factors");
    assert_eq!(world.db.count("factors").await, 20);
}

async fn wrong_bodies_are_named(world: World) {
    let token = world.log_in("alice").await;
    for (path, body) in [
        ("/api/me/factors/totp", json!({ "secret": "MZXW6YTB" })),
        ("/api/me/factors/totp", json!({ "name": 1 })),
        ("/api/me/factors/totp", json!([])),
        ("/api/me/factors/x/confirm", json!({})),
        ("/api/me/factors/x/confirm", json!({ "code": 123_456 })),
        (
            "/api/me/factors/x/confirm",
            json!({ "code": "1", "user": "bob" }),
        ),
        ("/api/me/factors/x/confirm", Value::Null),
    ] {
        world.post(path, &token, body).await.is(422);
    }
    world
        .post("/api/me/factors/totp", "", json!({}))
        .await
        .not_authenticated();
    world.get(FACTORS, "").await.not_authenticated();
    world.confirm(&token, "x", "000000").await.is(404);
}
