//! Accounts without a second factor whose verified address is replaced or removed: what the password alone does not get by
//! that.

use std::time::Duration;

use rolecall::Clock as _;
use serde_json::{Value, json};

use super::{
    ADDRESS, BY_CODE,
    codes::code_in,
    create, shows,
    verification::{REDIRECT, World, send, type_in},
};
use crate::support::{Browser, PASSWORD, Phone, Response, SignInAnswer, on_both};

on_both![
    y491_whoever_removes_the_address_by_the_password_adds_no_factor,
    y491_whoever_replaces_the_address_by_the_password_adds_no_factor,
    y491_the_address_before_counts_for_a_week,
    y491_another_administrator_can_vouch_for_the_present_address,
    y491_administrators_move_no_address_of_their_own,
    y495_no_text_of_a_user_reaches_an_unproven_address_in_a_sign_in,
];

const THIEF: &str = "thief@evil.example";
const FORMER: &str = "the address that the account had before the last change";

impl World {
    async fn add(&self, token: &str) -> Response {
        let body = json!({ "name": "Phone" });
        self.post("/api/me/factors/totp", token, body).await
    }

    /// A browser in which alice is signed in with her password.
    async fn alice_in_browser(&self) -> Browser<'_> {
        let mut browser = Browser::new(self);
        browser
            .sign_in_as("alice", &self.client, REDIRECT, &[])
            .await;
        browser
    }

    /// Replaces the address of alice as somebody does who knows her password.
    async fn replace(&self, browser: &mut Browser<'_>, address: &str) {
        let form = [("email", address), ("password", PASSWORD)];
        browser.submit("/account/address", &form).await.is(303);
        self.all_done().await;
        let mail = self.server.mails().pop().unwrap();
        assert_eq!(mail.to, [format!("<{address}>")]);
        let form = [("token", mail.token())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        browser.submit("/verify", &form).await.is(303);
        self.all_done().await;
    }

    /// Begins to add the first factor in a browser; returns the flow of the sign-in that asks for a code, and its page.
    async fn begin_to_add(&self, browser: &mut Browser<'_>) -> (String, Response) {
        let form = [("name", "Phone")];
        let led = browser.submit("/account/factors/add", &form).await;
        let location = led.is(303).header("location").unwrap().to_owned();
        let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
        (flow, browser.open(&location).await)
    }

    /// Has a code sent; returns it, and the address that got it.
    async fn sent(&self, browser: &mut Browser<'_>, flow: &str) -> (String, String) {
        self.all_done().await;
        let before = self.server.mails().len();
        send(browser, flow).await.is(303);
        self.all_done().await;
        let mail = self.server.mails().remove(before);
        (code_in(&mail.text()), mail.to.concat())
    }
}

fn is_refused(response: &Response) {
    let challenge = response.is(401).header("www-authenticate").unwrap();
    assert!(challenge.contains("acr_values=\"aal2\""), "{challenge}");
}

fn says_former(page: &Response, address: &str) {
    shows(page, 200, "Verify your address");
    shows(page, 200, address);
    shows(page, 200, FORMER);
}

async fn y491_whoever_removes_the_address_by_the_password_adds_no_factor(world: World) {
    let token = world.log_in("alice").await;
    let removed = json!({ "email": null });
    world.patch("/api/me", &token, removed).await.is(200);
    is_refused(&world.add(&token).await);
    let mut browser = world.alice_in_browser().await;
    let (flow, page) = world.begin_to_add(&mut browser).await;
    says_former(&page, "A\u{2026}@mail.example");
    // no later step before that
    let form = [("flow", flow.as_str()), ("code", "000000")];
    browser.submit("/login/enrol", &form).await.is(303);
    let (code, to) = world.sent(&mut browser, &flow).await;
    assert_eq!(to, format!("<{ADDRESS}>"));
    type_in(&mut browser, &flow, &code).await.is(303);
    let page = browser.open(&format!("/login?flow={flow}")).await;
    shows(&page, 200, "action=\"/login/enrol\"");
    // the owner, who reads that mail, adds the factor, and the sign-in ends well
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let secret = text.split_once("<code>").unwrap().1;
    let phone = Phone::with(secret.split_once('<').unwrap().0);
    let code = phone.code(world.clock.now());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    browser.submit("/login/enrol", &form).await.is(200);
    let done = browser
        .submit("/login/enrol", &[("flow", flow.as_str())])
        .await;
    let location = done.is(303).header("location").unwrap();
    assert!(location.starts_with("/account/factors"), "{location}");
    let confirmed = "SELECT COUNT(*) FROM factors WHERE confirmed";
    assert_eq!(world.db.number(confirmed).await, 1);
    // the code has proven no address that the account has
    assert!(!world.is_verified("alice").await);
}

async fn y491_whoever_replaces_the_address_by_the_password_adds_no_factor(world: World) {
    let mut browser = world.alice_in_browser().await;
    world.replace(&mut browser, THIEF).await;
    // a second one makes the first count no more than before
    world.replace(&mut browser, "other@evil.example").await;
    let (flow, page) = world.begin_to_add(&mut browser).await;
    says_former(&page, "A\u{2026}@mail.example");
    let (_, to) = world.sent(&mut browser, &flow).await;
    assert_eq!(to, format!("<{ADDRESS}>"));
    // nor by a sign-in with a code to the new address
    let mut thief = Browser::new(&world);
    let flow = thief.begin(&world.client, REDIRECT, &[]).await;
    let form = [("flow", flow.as_str()), ("username", "alice")];
    thief.submit("/login/code/send", &form).await.is(303);
    world.all_done().await;
    let mail = world.server.mails().pop().unwrap();
    assert_eq!(mail.to, ["<other@evil.example>"]);
    let code = code_in(&mail.text());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    let answer = thief.submit("/login/code", &form).await;
    assert!(SignInAnswer::of(&answer, REDIRECT).is_some());
    let (_, page) = world.begin_to_add(&mut thief).await;
    says_former(&page, "A\u{2026}@mail.example");
    let token = world.log_in("alice").await;
    world.db.execute(BY_CODE).await;
    is_refused(&world.add(&token).await);
    assert_eq!(world.db.count("factors").await, 0);
}

async fn y491_the_address_before_counts_for_a_week(world: World) {
    let mut browser = world.alice_in_browser().await;
    world.replace(&mut browser, THIEF).await;
    for (hours, is_former) in [(167, true), (2, false)] {
        world.pass_time(Duration::from_hours(hours));
        let mut browser = world.alice_in_browser().await;
        let (flow, page) = world.begin_to_add(&mut browser).await;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        assert_eq!(text.contains(FORMER), is_former, "{hours}");
        let (_, to) = world.sent(&mut browser, &flow).await;
        let expected = if is_former { ADDRESS } else { THIEF };
        assert_eq!(to, format!("<{expected}>"), "{hours}");
    }
}

async fn y491_another_administrator_can_vouch_for_the_present_address(world: World) {
    let mut browser = world.alice_in_browser().await;
    world.replace(&mut browser, "new@mail.example").await;
    let path = format!("/api/users/{}", world.alice);
    let vouched = json!({ "email_verified": true });
    world
        .patch(&path, world.admin().await, vouched)
        .await
        .is(200);
    let (flow, page) = world.begin_to_add(&mut browser).await;
    assert!(!String::from_utf8_lossy(&page.body).contains(FORMER));
    let (_, to) = world.sent(&mut browser, &flow).await;
    assert_eq!(to, "<new@mail.example>");
}

async fn y491_administrators_move_no_address_of_their_own(world: World) {
    let changes: [Value; 3] = [
        json!({ "email": null }),
        json!({ "email_verified": false }),
        json!({ "email": THIEF, "email_verified": true }),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for is_own in [true, false] {
            let name = format!("ann-{number}-{is_own}");
            let id = create(&world, &name, &format!("{name}@mail.example"), true).await;
            world.assign(&id, "rolecall.admin").await;
            let token = world.log_in(&name).await;
            let path = format!("/api/users/{id}");
            let by = if is_own {
                token.as_str()
            } else {
                world.admin().await
            };
            world.patch(&path, by, change.clone()).await.is(200);
            // neither do they vouch for themselves
            if is_own && change.get("email").is_some() {
                let same = json!({ "email": THIEF, "email_verified": true });
                world.patch(&path, &token, same).await.is(200);
            }
            let token = world.log_in(&name).await;
            world.db.execute(BY_CODE).await;
            let added = world.add(&token).await;
            if is_own {
                is_refused(&added);
            } else {
                added.is(201);
            }
            // for the next one
            let free = "UPDATE users SET email = NULL, email_key = NULL, email_verified_at = NULL";
            world.db.execute(&format!("{free} WHERE id = '{id}'")).await;
        }
    }
}

async fn y495_no_text_of_a_user_reaches_an_unproven_address_in_a_sign_in(world: World) {
    let name = "free-money.evil.example";
    create(&world, name, "victim@mail.example", false).await;
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser, name).await;
    send(&mut browser, &flow).await.is(303);
    let mail = world.server.count(1).await.remove(0);
    assert_eq!(mail.to, ["<victim@mail.example>"]);
    for text in [mail.raw.as_str(), &mail.text(), &mail.html()] {
        assert!(!text.contains("evil"), "{text}");
    }
    type_in(&mut browser, &flow, &code_in(&mail.text()))
        .await
        .is(303);
}
