//! Verified e-mail addresses: who verifies them, and who signs in with them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{
    Browser, Credentials, Database, Fixture as _, PASSWORD, Response, SignInAnswer, TestApp, WRONG,
    claims, on_both, run, run_failing, without_challenge,
};

on_both![
    i059_a_user_signs_in_with_a_verified_address_and_with_no_other,
    i059_a_name_comes_before_an_address_and_no_name_takes_one,
    i041_a_wrong_address_is_answered_as_a_wrong_name,
    i041_guesses_count_on_one_account_however_it_is_named,
    an_address_is_verified_for_one_user_and_by_an_administrator_only,
    m036_claims_and_views_say_whether_the_address_is_verified,
    y315_an_address_that_is_the_name_of_another_user_is_verified_for_nobody,
    the_password_form_takes_names_only,
    a_forced_change_takes_an_address_too,
    commands_verify_addresses,
];

const REDIRECT: &str = "https://app.example/cb";
const ADDRESS: &str = "Alice@Mail.example";

async fn client(app: &TestApp) -> Credentials {
    let members = json!({
        "grants": ["authorization_code", "refresh_token"], "redirect_uris": [REDIRECT], "consent": "skip",
    });
    app.create_client("app", members).await
}

/// Changes a user as the administrator.
async fn change(app: &TestApp, id: &str, changes: Value) -> Response {
    let path = format!("/api/users/{id}");
    app.patch(&path, app.admin().await, changes).await
}

async fn create(app: &TestApp, username: &str, email: &str, is_verified: bool) -> String {
    let id = app.create_user(username, &[]).await;
    let changes = json!({ "email": email, "email_verified": is_verified });
    change(app, &id, changes).await.is(200);
    id
}

/// Enters a name and a password on the sign-in page.
async fn enter(app: &TestApp, client: &Credentials, name: &str, password: &str) -> Response {
    let mut browser = Browser::new(app);
    let flow = browser
        .begin(client, REDIRECT, &[("scope", "openid email")])
        .await;
    browser.log_in(&flow, name, password).await
}

/// Expects tokens for a user.
async fn signs_in(app: &TestApp, client: &Credentials, name: &str, id: &str) -> String {
    let answer = enter(app, client, name, PASSWORD).await;
    let answer =
        SignInAnswer::of(&answer, REDIRECT).unwrap_or_else(|| panic!("{name}: {answer:?}"));
    let tokens = app.redeem(client, answer.code(), REDIRECT, &[]).await;
    let token = tokens.is(200).text("access_token");
    assert_eq!(claims(&token)["sub"], id, "{name}");
    token
}

async fn is_wrong(app: &TestApp, client: &Credentials, name: &str, password: &str) {
    enter(app, client, name, password).await.is(401);
    app.clear_failures().await;
}

async fn i059_a_user_signs_in_with_a_verified_address_and_with_no_other(app: TestApp) {
    let client = client(&app).await;
    let alice = create(&app, "alice", ADDRESS, false).await;
    is_wrong(&app, &client, ADDRESS, PASSWORD).await;
    change(&app, &alice, json!({ "email_verified": true }))
        .await
        .is(200);
    for name in [
        ADDRESS,
        "alice@mail.example",
        "ALICE@MAIL.EXAMPLE",
        " alice@mail.example\t",
        "alice",
    ] {
        signs_in(&app, &client, name, &alice).await;
    }
    is_wrong(&app, &client, ADDRESS, WRONG).await;
    for other in [
        "alice@mail.example.evil.example",
        "mail.example",
        "@mail.example",
        "%@mail.example",
        "alice@mail_example",
        "alice@mail.example\0",
        "alice@mail.example' --",
    ] {
        is_wrong(&app, &client, other, PASSWORD).await;
    }
    // another address, or none, is not verified
    let path = "/api/me";
    let own = app.log_in("alice").await;
    let changed = app
        .patch(path, &own, json!({ "email": "a@mail.example" }))
        .await;
    assert_eq!(changed.is(200).json["email_verified"], false);
    for name in [ADDRESS, "a@mail.example"] {
        is_wrong(&app, &client, name, PASSWORD).await;
    }
    change(&app, &alice, json!({ "email_verified": true }))
        .await
        .is(200);
    signs_in(&app, &client, "a@mail.example", &alice).await;
    change(&app, &alice, json!({ "email_verified": false }))
        .await
        .is(200);
    is_wrong(&app, &client, "a@mail.example", PASSWORD).await;
    // a disabled user is nobody, by any name
    change(
        &app,
        &alice,
        json!({ "email_verified": true, "status": "disabled" }),
    )
    .await
    .is(200);
    is_wrong(&app, &client, "a@mail.example", PASSWORD).await;
}

async fn i059_a_name_comes_before_an_address_and_no_name_takes_one(app: TestApp) {
    let client = client(&app).await;
    // somebody is called like the address that another user has; in rows of before it is verified
    let mallory = app.create_user("alice@mail.example", &[]).await;
    let alice = create(&app, "alice", ADDRESS, false).await;
    let verify = json!({ "email_verified": true });
    change(&app, &alice, verify).await.is(409);
    app.db
        .execute("UPDATE users SET email_verified_at = created_at WHERE username = 'alice'")
        .await;
    let bob = create(&app, "bob", "bob@mail.example", true).await;
    let changed = app
        .request(http::Method::PUT, "/api/me/password")
        .token(&app.log_in("alice").await)
        .json(&json!({ "current_password": PASSWORD, "new_password": "alice's own pass phrase" }));
    changed.send().await.is(204);
    signs_in(&app, &client, ADDRESS, &mallory).await;
    is_wrong(&app, &client, ADDRESS, "alice's own pass phrase").await;
    change(&app, &mallory, json!({ "username": "mallory" }))
        .await
        .is(200);
    is_wrong(&app, &client, ADDRESS, PASSWORD).await;
    let answer = enter(&app, &client, ADDRESS, "alice's own pass phrase").await;
    let code = SignInAnswer::of(&answer, REDIRECT)
        .unwrap()
        .code()
        .to_owned();
    let tokens = app.redeem(&client, &code, REDIRECT, &[]).await;
    assert_eq!(
        claims(&tokens.is(200).text("access_token"))["sub"],
        alice.as_str()
    );
    // from now on nobody takes such a name
    let admin = app.admin().await;
    for name in ["bob@mail.example", "BOB@mail.example"] {
        let body = json!({ "username": name, "password": PASSWORD });
        app.post("/register", "", body.clone()).await.is(409);
        app.post("/api/users", admin, body).await.is(409);
        change(&app, &mallory, json!({ "username": name }))
            .await
            .is(409);
    }
    // but its owner may, and others when it is not verified any more
    change(&app, &bob, json!({ "username": "bob@mail.example" }))
        .await
        .is(200);
    signs_in(&app, &client, "bob@mail.example", &bob).await;
    change(&app, &bob, json!({ "username": "bob", "email": null }))
        .await
        .is(200);
    let body = json!({ "username": "bob@mail.example", "password": PASSWORD });
    app.post("/register", "", body).await.is(201);
}

async fn i041_a_wrong_address_is_answered_as_a_wrong_name(app: TestApp) {
    let client = client(&app).await;
    create(&app, "alice", ADDRESS, true).await;
    create(&app, "bob", "bob@mail.example", false).await;
    let mut pages = Vec::new();
    for name in [
        "alice",
        "alice@mail.example",
        "bob@mail.example",
        "nobody@mail.example",
        "nobody",
    ] {
        let mut browser = Browser::new(&app);
        let flow = browser.begin(&client, REDIRECT, &[]).await;
        let answer = browser.log_in(&flow, name, WRONG).await;
        assert_eq!(answer.header("set-cookie"), None);
        let page = String::from_utf8(answer.is(401).body.to_vec()).unwrap();
        let page = page.replace(&flow, "FLOW").replace(name, "NAME");
        pages.push(without_challenge(&page));
        app.clear_failures().await;
    }
    for other in &pages {
        assert_eq!(other, &pages[0]);
    }
}

async fn i041_guesses_count_on_one_account_however_it_is_named(app: TestApp) {
    let client = client(&app).await;
    create(&app, "alice", ADDRESS, true).await;
    let names = [ADDRESS, "alice", "ALICE@mail.example", "Alice"];
    for (number, name) in names.into_iter().enumerate() {
        enter(&app, &client, name, &format!("guess {number} of alice"))
            .await
            .is(401);
    }
    assert_eq!(app.db.count("login_failures").await, 1);
    let failures = "SELECT failures FROM login_failures";
    let counted = app.db.number(failures).await;
    assert_eq!(counted, i64::try_from(names.len()).unwrap());
    // an address that nobody has verified is an account of its own, as an unknown name is
    enter(&app, &client, "nobody@mail.example", WRONG)
        .await
        .is(401);
    assert_eq!(app.db.count("login_failures").await, 2);
}

async fn an_address_is_verified_for_one_user_and_by_an_administrator_only(app: TestApp) {
    let alice = create(&app, "alice", ADDRESS, true).await;
    let bob = create(&app, "bob", "alice@mail.EXAMPLE", false).await;
    let verified = json!({ "email_verified": true });
    let taken = change(&app, &bob, verified.clone()).await;
    assert_eq!(taken.is(409).json["rule"], "email_taken");
    let body = json!({ "username": "carol", "email": ADDRESS, "email_verified": true });
    let taken = app.post("/api/users", app.admin().await, body).await;
    assert_eq!(taken.is(409).json["rule"], "email_taken");
    // without an address there is nothing to verify
    change(&app, &alice, json!({ "email": null })).await.is(200);
    change(&app, &alice, verified.clone())
        .await
        .invalid(&["body", "email_verified"]);
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["email_verified"], false, "{entry}");
    change(&app, &bob, verified.clone()).await.is(200);
    let entry = app.newest_entry().await;
    assert_eq!(entry["changes"][0]["email_verified"], true, "{entry}");
    // verifying again changes nothing
    let revision = app.db.revision().await;
    let times =
        "SELECT CAST(email_verified_at AS TEXT) FROM users WHERE email_verified_at IS NOT NULL";
    let before = app.db.texts(times).await;
    app.pass_time(std::time::Duration::from_mins(1));
    change(&app, &bob, verified.clone()).await.is(200);
    assert_eq!(app.db.texts(times).await, before);
    assert!(app.db.revision().await <= revision + 1);
    // nobody says it of themselves
    let own = app.log_in("alice").await;
    for (path, body) in [
        (
            "/api/me",
            json!({ "email": "x@mail.example", "email_verified": true }),
        ),
        ("/api/me", verified.clone()),
    ] {
        app.patch(path, &own, body)
            .await
            .invalid(&["body", "email_verified"]);
    }
    let path = format!("/api/users/{alice}");
    app.patch(&path, &own, verified.clone()).await.is(403);
    let body = json!({
        "username": "dora", "password": PASSWORD, "email": "d@mail.example", "email_verified": true,
    });
    app.post("/register", "", body)
        .await
        .invalid(&["body", "email_verified"]);
    // nor does a help desk of somebody who holds more (the delegation limit)
    app.create_role("desk", &["rolecall.users:write"]).await;
    app.create_user("desk", &["desk"]).await;
    let desk = app.log_in("desk").await;
    let admin = format!("/api/users/{}", app.id_of("admin").await);
    let body = json!({ "email": "desk@mail.example", "email_verified": true });
    app.patch(&admin, &desk, body.clone()).await.is(403);
    app.patch(&path, &desk, body).await.is(200);
}

async fn m036_claims_and_views_say_whether_the_address_is_verified(app: TestApp) {
    let client = client(&app).await;
    let alice = create(&app, "alice", ADDRESS, false).await;
    for is_verified in [false, true, false] {
        change(&app, &alice, json!({ "email_verified": is_verified }))
            .await
            .is(200);
        let token = signs_in(&app, &client, "alice", &alice).await;
        let claims = app.get("/userinfo", &token).await;
        assert_eq!(claims.is(200).json["email_verified"], is_verified);
        assert_eq!(claims.json["email"], ADDRESS);
        for (path, token) in [
            ("/api/me".to_owned(), token.as_str()),
            (format!("/api/users/{alice}"), app.admin().await),
        ] {
            let shown = app.get(path.as_str(), token).await;
            assert_eq!(shown.is(200).json["email_verified"], is_verified, "{path}");
        }
    }
    change(&app, &alice, json!({ "email": null })).await.is(200);
    let token = signs_in(&app, &client, "alice", &alice).await;
    let claims = app.get("/userinfo", &token).await;
    assert_eq!(claims.is(200).json.get("email_verified"), None);
}

async fn the_password_form_takes_names_only(app: TestApp) {
    create(&app, "alice", ADDRESS, true).await;
    app.password_grant(ADDRESS, PASSWORD).await.wrong_password();
    let body = json!({
        "username": ADDRESS, "current_password": PASSWORD, "new_password": "another horse battery",
    });
    app.post("/password", "", body).await.is(401);
    app.log_in("alice").await;
}

async fn a_forced_change_takes_an_address_too(app: TestApp) {
    let client = client(&app).await;
    let alice = create(&app, "alice", ADDRESS, true).await;
    change(
        &app,
        &alice,
        json!({ "status": "password_change_required" }),
    )
    .await
    .is(200);
    let mut browser = Browser::new(&app);
    let flow = browser.begin(&client, REDIRECT, &[]).await;
    browser.log_in(&flow, ADDRESS, PASSWORD).await.is(403);
    let new = "another pass phrase of alice";
    let form = [
        ("flow", flow.as_str()),
        ("username", ADDRESS),
        ("current", PASSWORD),
        ("new", new),
        ("again", new),
    ];
    browser.submit("/login/password", &form).await.is(303);
    let answer = browser.log_in(&flow, ADDRESS, new).await;
    SignInAnswer::of(&answer, REDIRECT).unwrap().code();
}

async fn commands_verify_addresses(app: TestApp) {
    let client = client(&app).await;
    let alice = app.create_user("alice", &[]).await;
    let said = run(&app, &["user", "email", "alice", ADDRESS, "--verified"]).await;
    assert_eq!(
        said,
        format!("e-mail address of `alice`: {ADDRESS} (verified)\n")
    );
    signs_in(&app, &client, ADDRESS, &alice).await;
    assert!(
        run(&app, &["user", "show", "alice"])
            .await
            .contains("(verified)")
    );
    let said = run(&app, &["user", "email", "alice", "a@mail.example"]).await;
    assert_eq!(said, "e-mail address of `alice`: a@mail.example\n");
    for wrong in [
        &["user", "email", "alice", "--verified"][..],
        &["user", "add", "bob", "--verified"],
    ] {
        let said = run_failing(&app, wrong).await;
        assert!(said.contains("required"), "{said}");
    }
}

const USERS: [&str; 3] = ["alice", "bob", "carol"];
const ADDRESSES: [&str; 4] = [
    "a@mail.example",
    "A@Mail.example",
    "b@mail.example",
    "c@mail.example",
];

/// A change of a value that can be one of the addresses.
#[derive(Clone, Copy, Debug)]
enum To {
    /// It stays.
    Same,
    /// No address, or the first name.
    Nothing,
    Address(usize),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    user: usize,
    email: To,
    is_verified: Option<bool>,
    username: To,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let to = |same: u32| {
        prop_oneof![
            same => Just(To::Same),
            1 => Just(To::Nothing),
            9 => (0..ADDRESSES.len()).prop_map(To::Address),
        ]
    };
    let is_verified = prop::option::weighted(0.6, prop::bool::weighted(0.8));
    let step = (0..USERS.len(), to(7), is_verified, to(40));
    let step = step.prop_map(|(user, email, is_verified, username)| Step {
        user,
        email,
        is_verified,
        username,
    });
    prop::collection::vec(step, 1..24)
}

/// The names, addresses and verified addresses, as they ought to be.
#[derive(Default)]
struct Model(BTreeMap<usize, (String, Option<String>, bool)>);

impl Model {
    /// Applies a step, or says that it is refused.
    fn take(&mut self, step: Step) -> u16 {
        let (name, email, was_verified) = self.0[&step.user].clone();
        let after_name = match step.username {
            To::Same => name.clone(),
            To::Nothing => USERS[step.user].to_owned(),
            To::Address(address) => ADDRESSES[address].to_lowercase(),
        };
        let after = match step.email {
            To::Same => email.clone(),
            To::Nothing => None,
            To::Address(address) => Some(ADDRESSES[address].to_owned()),
        };
        if step.is_verified == Some(true) && after.is_none() {
            return 422;
        }
        let is_verified = step
            .is_verified
            .unwrap_or(was_verified && after == email && email.is_some());
        let is_verified = is_verified && after.is_some();
        let others = || self.0.iter().filter(|(user, _)| **user != step.user);
        let verified_elsewhere = |address: &str| {
            others().any(|(_, (_, email, is_verified))| {
                *is_verified
                    && email.as_deref().map(str::to_lowercase) == Some(address.to_lowercase())
            })
        };
        if after_name != name
            && (others().any(|(_, (other, ..))| *other == after_name)
                || verified_elsewhere(&after_name))
        {
            return 409;
        }
        let named_elsewhere =
            |address: &str| others().any(|(_, (name, ..))| *name == address.to_lowercase());
        let is_taken = |address: &str| verified_elsewhere(address) || named_elsewhere(address);
        if is_verified && after.as_deref().is_some_and(is_taken) {
            return 409;
        }
        self.0.insert(step.user, (after_name, after, is_verified));
        200
    }
}

async fn follow(db: Database, steps: Vec<Step>) {
    let app = TestApp::on(db).await;
    let (mut model, mut ids) = (Model::default(), Vec::new());
    for (number, user) in USERS.into_iter().enumerate() {
        ids.push(app.create_user(user, &[]).await);
        model.0.insert(number, (user.to_owned(), None, false));
    }
    for step in steps {
        let mut changes = json!({});
        match step.email {
            To::Same => {}
            To::Nothing => changes["email"] = Value::Null,
            To::Address(address) => changes["email"] = json!(ADDRESSES[address]),
        }
        if let Some(is_verified) = step.is_verified {
            changes["email_verified"] = json!(is_verified);
        }
        match step.username {
            To::Same => {}
            To::Nothing => changes["username"] = json!(USERS[step.user]),
            To::Address(address) => changes["username"] = json!(ADDRESSES[address]),
        }
        let answer = change(&app, &ids[step.user], changes).await;
        assert_eq!(answer.status, model.take(step), "{step:?} {answer:?}");
        for (user, (name, email, is_verified)) in &model.0 {
            let path = format!("/api/users/{}", ids[*user]);
            let shown = app.get(path.as_str(), app.admin().await).await;
            let shown = &shown.is(200).json;
            let found = (
                &shown["username"],
                &shown["email"],
                &shown["email_verified"],
            );
            assert_eq!(found, (&json!(name), &json!(email), &json!(is_verified)));
        }
    }
}

fn run_all(steps: Vec<Step>, is_postgres: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = if is_postgres {
            Database::postgres().await
        } else {
            Some(Database::sqlite())
        };
        if let Some(db) = db {
            follow(db, steps).await;
        }
    });
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn i059_no_address_is_verified_twice_or_becomes_a_name_sqlite(steps in steps()) {
        run_all(steps, false);
    }
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn i059_no_address_is_verified_twice_or_becomes_a_name_postgres(steps in steps()) {
        run_all(steps, true);
    }
}

async fn y315_an_address_that_is_the_name_of_another_user_is_verified_for_nobody(app: TestApp) {
    let squatter = app.create_user("boss@corp.example", &[]).await;
    let boss = app.create_user("boss", &[]).await;
    let changes = json!({ "email": "Boss@Corp.example", "email_verified": true });
    let refused = change(&app, &boss, changes.clone()).await;
    refused.is(409);
    assert!(refused.text("detail").contains("name of another user"));
    let address = ["user", "email", "boss", "boss@corp.example", "--verified"];
    let output = run_failing(&app, &address).await;
    assert!(output.contains("name of another user"), "{output}");
    // as long as nobody has verified it, it may be anybody's
    let unverified = json!({ "email": "Boss@Corp.example" });
    change(&app, &boss, unverified).await.is(200);
    change(&app, &boss, json!({ "email_verified": true }))
        .await
        .is(409);
    // one's own name may be one's address
    let own = json!({ "email": "boss@corp.example", "email_verified": true });
    change(&app, &squatter, own).await.is(200);
    let other = json!({ "username": "other", "email": null });
    change(&app, &squatter, other).await.is(200);
    change(&app, &boss, changes).await.is(200);
}
