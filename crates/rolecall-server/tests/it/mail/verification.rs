//! Addresses that are proven by a code during a sign-in.

use std::time::Duration;

use rolecall::Clock as _;
use rolecall_server::{EmbeddedBuilder, config::Mfa};
use serde_json::json;

use super::{
    ADDRESS, BY_CODE, Mailing,
    codes::{code_in, other_than},
    shows,
};
use crate::support::{
    Browser, Credentials, Database, Fixture, PASSWORD, Phone, Response, SignInAnswer, claims,
    on_both,
};

on_both![
    whoever_must_verify_an_address_does_so_in_the_sign_in,
    an_open_browser_is_asked_too_and_others_are_not,
    i056_a_code_goes_to_the_address_of_the_account_whatever_the_form_says,
    i055_five_codes_end_the_sign_in,
    i082_a_forced_enrolment_begins_with_a_code_to_the_verified_address,
    y478_the_password_alone_adds_no_first_factor_at_any_door,
    what_was_to_be_added_on_the_own_page_is_preselected_in_the_sign_in,
    y414_a_code_to_verify_is_bound_to_its_sign_in_and_address,
];

pub(super) const REDIRECT: &str = "https://app.example/cb";
const BOB: &str = "bob@mail.example";

/// A server where addresses have to be verified, and an application.
pub(super) struct World {
    site: Mailing,
    pub(super) client: Credentials,
}

impl std::ops::Deref for World {
    type Target = Mailing;

    fn deref(&self) -> &Mailing {
        &self.site
    }
}

impl Fixture for World {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let site = Mailing::configured(db, |builder| with(builder, Mfa::Optional)).await;
        let members = json!({
            "grants": ["authorization_code"], "redirect_uris": [REDIRECT], "consent": "skip",
        });
        let client = site.create_client("app", members).await;
        Self { site, client }
    }
}

fn with(builder: EmbeddedBuilder, mfa: Mfa) -> EmbeddedBuilder {
    let builder = builder.verified_address(true).mail_code(true);
    builder.second_factor(mfa)
}

impl World {
    /// Asks everybody for a second factor from now on.
    async fn require_factors(self) -> Self {
        let Mailing { app, server, alice } = self.site;
        let configure = |builder| with(server.configure(builder), Mfa::Required);
        let app = app.restart_as(configure, async |_: &Database| {}).await;
        let site = Mailing { app, server, alice };
        Self { site, ..self }
    }

    /// Signs in with the password, which must lead to the page for the address; returns the flow.
    pub(super) async fn begin(&self, browser: &mut Browser<'_>, name: &str) -> String {
        let flow = browser
            .begin(&self.client, REDIRECT, &[("scope", "openid")])
            .await;
        let answer = browser.log_in(&flow, name, PASSWORD).await;
        let location = answer.is(303).header("location").unwrap();
        assert_eq!(location, format!("/login?flow={flow}"));
        flow
    }

    /// Asks for a code; returns it. `count` mails have come then.
    async fn code(&self, browser: &mut Browser<'_>, flow: &str, count: usize) -> String {
        send(browser, flow).await.is(303);
        let mail = self.server.count(count).await.remove(count - 1);
        self.all_done().await;
        assert_eq!(mail.header("subject"), "Your code to verify this address");
        code_in(&mail.text())
    }

    pub(super) async fn is_verified(&self, name: &str) -> bool {
        let sql = format!(
            "SELECT COUNT(*) FROM users WHERE username = '{name}' AND email_verified_at IS NOT NULL"
        );
        self.db.number(&sql).await == 1
    }
}

pub(super) async fn send(browser: &mut Browser<'_>, flow: &str) -> Response {
    browser
        .submit("/login/verify/send", &[("flow", flow)])
        .await
}

pub(super) async fn type_in(browser: &mut Browser<'_>, flow: &str, code: &str) -> Response {
    let form = [("flow", flow), ("code", code)];
    browser.submit("/login/verify", &form).await
}

/// Expects a code for the client.
fn is_answered(answer: &Response) {
    let answer = SignInAnswer::of(answer, REDIRECT);
    assert!(answer.is_some_and(|answer| answer.parameters.contains_key("code")));
}

async fn whoever_must_verify_an_address_does_so_in_the_sign_in(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser, "bob").await;
    let path = format!("/login?flow={flow}");
    // opening the page sends nothing
    for _ in 0..2 {
        let page = browser.open(&path).await;
        shows(&page, 200, "Verify your address");
        shows(&page, 200, "b\u{2026}@mail.example");
        assert!(!String::from_utf8_lossy(&page.body).contains(BOB));
    }
    type_in(&mut browser, &flow, "00000000").await.is(303);
    let code = world.code(&mut browser, &flow, 1).await;
    let wrong = type_in(&mut browser, &flow, other_than(&code)).await;
    shows(&wrong, 401, "The code is wrong or has expired");
    assert!(!world.is_verified("bob").await);
    let revision = world.db.revision().await;
    let answer = type_in(&mut browser, &flow, &code).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    let tokens = world
        .redeem(&world.client, answer.code(), REDIRECT, &[])
        .await;
    let claims = claims(&tokens.is(200).text("id_token"));
    // an address is no factor
    assert_eq!(
        (&claims["amr"], &claims["acr"]),
        (&json!(["pwd"]), &json!("aal1"))
    );
    assert!(world.is_verified("bob").await);
    assert_eq!(world.db.revision().await, revision + 1);
    let entry = world.newest_entry().await.to_string();
    assert!(
        entry.contains("user.email_verified") && entry.contains("mail_code"),
        "{entry}"
    );
    // once is enough
    let mut again = Browser::new(&world);
    let flow = again.begin(&world.client, REDIRECT, &[]).await;
    is_answered(&again.log_in(&flow, "bob", PASSWORD).await);
}

async fn an_open_browser_is_asked_too_and_others_are_not(world: World) {
    let mut browser = Browser::new(&world);
    browser.sign_in(&world.client, REDIRECT, &[]).await;
    let path = format!("/api/users/{}", world.alice);
    let unproven = json!({ "email_verified": false });
    world
        .patch(&path, world.admin().await, unproven)
        .await
        .is(200);
    let silent = [("prompt", "none")];
    let answer = browser.authorize(&world.client, REDIRECT, &silent).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert_eq!(answer.error(), "login_required");
    let answer = browser.authorize(&world.client, REDIRECT, &[]).await;
    let location = answer.is(303).header("location").unwrap().to_owned();
    shows(&browser.open(&location).await, 200, "Verify your address");
    // whoever has no address is asked for nothing
    world.create_user("carol", &[]).await;
    let mut other = Browser::new(&world);
    let flow = other.begin(&world.client, REDIRECT, &[]).await;
    is_answered(&other.log_in(&flow, "carol", PASSWORD).await);
}

async fn i056_a_code_goes_to_the_address_of_the_account_whatever_the_form_says(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser, "bob").await;
    let evil = "mallory@evil.example";
    let form = [
        ("flow", flow.as_str()),
        ("email", evil),
        ("address", evil),
        ("username", "alice"),
    ];
    browser.submit("/login/verify/send", &form).await.is(303);
    let mail = world.server.count(1).await.remove(0);
    assert_eq!(mail.to, [format!("<{BOB}>")]);
}

async fn i055_five_codes_end_the_sign_in(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser, "bob").await;
    let code = world.code(&mut browser, &flow, 1).await;
    for _ in 0..4 {
        type_in(&mut browser, &flow, other_than(&code))
            .await
            .is(401);
        world.pass_time(Duration::from_mins(1));
    }
    type_in(&mut browser, &flow, other_than(&code))
        .await
        .is(400);
    type_in(&mut browser, &flow, &code).await.is(400);
    assert!(!world.is_verified("bob").await);
    assert_eq!(
        world.db.number("SELECT failures FROM login_failures").await,
        5
    );
}

async fn i082_a_forced_enrolment_begins_with_a_code_to_the_verified_address(world: World) {
    let world = world.require_factors().await;
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser, "alice").await;
    let path = format!("/login?flow={flow}");
    shows(&browser.open(&path).await, 200, "Verify your address");
    // the form of the next step adds nothing
    let form = [("flow", flow.as_str()), ("code", "000000")];
    browser.submit("/login/enrol", &form).await.is(303);
    assert_eq!(world.db.count("factors").await, 0);
    let code = world.code(&mut browser, &flow, 1).await;
    assert_eq!(world.server.mails()[0].to, [format!("<{ADDRESS}>")]);
    let answer = type_in(&mut browser, &flow, &code).await;
    assert_eq!(answer.is(303).header("location"), Some(path.as_str()));
    let page = browser.open(&path).await;
    shows(&page, 200, "action=\"/login/enrol\"");
    // a code to sign in with is one
    let mut other = Browser::new(&world);
    let flow = other.begin(&world.client, REDIRECT, &[]).await;
    let form = [("flow", flow.as_str()), ("username", "alice")];
    other.submit("/login/code/send", &form).await.is(303);
    let code = code_in(&world.server.count(2).await[1].text());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    other.submit("/login/code", &form).await.is(303);
    let page = other.open(&format!("/login?flow={flow}")).await;
    shows(&page, 200, "action=\"/login/enrol\"");
}

async fn y414_a_code_to_verify_is_bound_to_its_sign_in_and_address(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser, "bob").await;
    let code = world.code(&mut browser, &flow, 1).await;
    // another sign-in of the same user
    let mut other = Browser::new(&world);
    let second = world.begin(&mut other, "bob").await;
    type_in(&mut other, &flow, &code).await.is(400);
    world.code(&mut other, &second, 2).await;
    type_in(&mut other, &second, &code).await.is(401);
    // nobody signs in with it
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    browser.submit("/login/code", &form).await.is(303);
    assert!(!world.is_verified("bob").await);
    // another address of the account
    let path = format!("/api/users/{}", world.id_of("bob").await);
    let moved = json!({ "email": "moved@mail.example" });
    world.patch(&path, world.admin().await, moved).await.is(200);
    type_in(&mut browser, &flow, &code).await.is(401);
    assert!(!world.is_verified("bob").await);
}

async fn y478_the_password_alone_adds_no_first_factor_at_any_door(world: World) {
    use rolecall::Clock as _;
    let token = world.log_in("alice").await;
    let add = async |token: &str| {
        let body = json!({ "name": "Phone" });
        world.post("/api/me/factors/totp", token, body).await
    };
    let refused = add(&token).await;
    let challenge = refused.is(401).header("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("aal2"),
        "{challenge}"
    );
    // the second step asks as the first one does
    world.db.execute(BY_CODE).await;
    let begun = add(&token).await;
    let phone = Phone::with(&begun.is(201).text("secret"));
    world.db.execute("UPDATE sessions SET amr = 'pwd'").await;
    let path = format!("/api/me/factors/{}/confirm", begun.text("id"));
    let code = json!({ "code": phone.code(world.clock.now()) });
    world.post(path, &token, code).await.is(401);
    let confirmed = "SELECT COUNT(*) FROM factors WHERE confirmed";
    assert_eq!(world.db.number(confirmed).await, 0);
    // nobody has proven the address of bob, who has nothing else
    let bob = world.log_in("bob").await;
    add(&bob).await.is(201);
    // on the page, a sign-in sends the code and adds the factor
    let mut browser = Browser::new(&world);
    browser
        .sign_in_as("alice", &world.client, REDIRECT, &[])
        .await;
    let form = [("name", "Phone")];
    let led = browser.submit("/account/factors/add", &form).await;
    let location = led.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    shows(&browser.open(&location).await, 200, "Verify your address");
    let code = world.code(&mut browser, &flow, 1).await;
    type_in(&mut browser, &flow, &code).await.is(303);
    let page = browser.open(&location).await;
    shows(&page, 200, "action=\"/login/enrol\"");
}

async fn what_was_to_be_added_on_the_own_page_is_preselected_in_the_sign_in(world: World) {
    let mut browser = Browser::new(&world);
    browser
        .sign_in_as("alice", &world.client, REDIRECT, &[])
        .await;
    // what no factor can be called is refused before anybody signs in for it
    let long = "x".repeat(65);
    let form = [("name", long.as_str())];
    let refused = browser.submit("/account/factors/add", &form).await;
    shows(&refused, 422, "action=\"/account/factors/add\"");
    let form = [("name", " My <phone> ")];
    let led = browser.submit("/account/factors/add", &form).await;
    let location = led.is(303).header("location").unwrap().to_owned();
    assert!(!location.contains("phone"), "{location}");
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    let code = world.code(&mut browser, &flow, 1).await;
    // another user in the same browser was about to add nothing
    let mut other = browser.clone();
    type_in(&mut browser, &flow, &code).await.is(303);
    let page = browser.open(&location).await;
    let named = "The app will be named \u{201c}My &lt;phone&gt;\u{201d}.";
    shows(&page, 200, named);
    shows(&page, 200, "Add an authenticator app");
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let secret = text.split_once("<code>").unwrap().1;
    let phone = Phone::with(secret.split_once("</code>").unwrap().0);
    let code = phone.code(world.clock.now());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    browser.submit("/login/enrol", &form).await.is(200);
    let stored = world.db.texts("SELECT name FROM factors").await;
    assert_eq!(stored, ["My <phone>"]);
    other.submit("/login/other", &[("flow", &flow)]).await;
    other.log_in(&flow, "bob", PASSWORD).await;
    let page = other.open(&location).await;
    assert!(!String::from_utf8_lossy(&page.body).contains("phone"));
}
