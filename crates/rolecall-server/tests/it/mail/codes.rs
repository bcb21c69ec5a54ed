//! Codes by mail to sign in with (`login.mail_code`).

use std::time::Duration;

use serde_json::json;

use super::{ADDRESS, BY_CODE, Mailing, shows};

use crate::support::{
    Browser, Credentials, Database, Fixture, PASSWORD, Phone, ReceivedMail, Response, SignInAnswer,
    claims, command, eventually, on_both, output_of,
};
use crate::throttle::join_all;

on_both![
    i054_a_code_signs_in_where_it_was_asked_for_and_nowhere_else,
    i041_the_pages_are_the_same_whether_there_is_an_account,
    i055_five_codes_end_the_flow_and_count_on_the_account,
    i055_many_codes_at_once_are_five_tries,
    i055_a_code_expires_works_once_and_the_newest_only,
    i056_i057_a_code_goes_to_the_stored_verified_address_only,
    i060_an_address_gets_three_codes_an_hour,
    y490_strangers_use_up_no_codes_of_a_known_device,
    i018_a_code_is_no_link_and_a_link_no_code,
    i095_a_code_by_mail_is_no_second_factor_and_reaches_no_assurance,
    a_factor_of_the_account_is_asked_for_after_the_code,
    y413_a_code_ends_with_the_address_and_the_account,
    codes_are_off_unless_they_are_configured,
];

pub(super) const REDIRECT: &str = "https://app.example/cb";
pub(super) const WRONG: &str = "The code is wrong or has expired";
const ENDED: &str = "begin again";

/// A server that lets people sign in with codes, and an application.
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
        let site = Mailing::configured(db, |builder| builder.mail_code(true)).await;
        let members = json!({
            "grants": ["authorization_code"], "redirect_uris": [REDIRECT], "consent": "skip",
        });
        let client = site.create_client("app", members).await;
        Self { site, client }
    }
}

impl World {
    pub(super) async fn begin(&self, browser: &mut Browser<'_>) -> String {
        browser
            .begin(&self.client, REDIRECT, &[("scope", "openid")])
            .await
    }

    /// The mails with codes that have come.
    pub(super) fn codes(&self) -> Vec<ReceivedMail> {
        let mut mails = self.server.mails();
        mails.retain(|mail| mail.header("subject") == "Your code to sign in");
        mails
    }

    /// Asks for a code for a user who has an address; returns it. `count` codes have come then, beside notices.
    pub(super) async fn code(&self, browser: &mut Browser<'_>, flow: &str, count: usize) -> String {
        send(browser, flow, "alice").await.is(303);
        eventually("the code comes", async || self.codes().len() >= count).await;
        self.all_done().await;
        let mut codes = self.codes();
        assert_eq!(codes.len(), count);
        let mail = codes.remove(count - 1);
        assert_eq!(mail.to, [format!("<{ADDRESS}>")]);
        code_in(&mail.text())
    }

    pub(super) async fn claims_of(&self, answer: &Response) -> serde_json::Value {
        let answer = SignInAnswer::of(answer, REDIRECT).unwrap();
        let tokens = self
            .redeem(&self.client, answer.code(), REDIRECT, &[])
            .await;
        claims(&tokens.is(200).text("id_token"))
    }
}

pub(super) fn code_in(text: &str) -> String {
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    let code = words.find(|word| word.len() == 8);
    code.unwrap_or_else(|| panic!("no code in {text}"))
        .to_owned()
}

/// A code that is not this one.
pub(super) fn other_than(code: &str) -> &'static str {
    if code == "00000000" {
        "00000001"
    } else {
        "00000000"
    }
}

pub(super) async fn send(browser: &mut Browser<'_>, flow: &str, name: &str) -> Response {
    let form = [("flow", flow), ("username", name)];
    browser.submit("/login/code/send", &form).await
}

pub(super) async fn type_in(browser: &mut Browser<'_>, flow: &str, code: &str) -> Response {
    let form = [("flow", flow), ("code", code)];
    browser.submit("/login/code", &form).await
}

async fn i054_a_code_signs_in_where_it_was_asked_for_and_nowhere_else(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let page = browser.open(&format!("/login?flow={flow}")).await;
    shows(&page, 200, &format!("/login?flow={flow}&amp;by=mail"));
    let page = browser.open(&format!("/login?flow={flow}&by=mail")).await;
    shows(&page, 200, "/login/code/send");
    let code = world.code(&mut browser, &flow, 1).await;
    // the mail has no link that a scanner could open
    let mail = world.server.mails().remove(0);
    for text in [mail.text(), mail.html()] {
        assert!(
            !text.contains("token=") && !text.contains("flow="),
            "{text}"
        );
    }
    // another browser, with a flow of its own
    let mut other = Browser::new(&world);
    let foreign = world.begin(&mut other).await;
    send(&mut other, &foreign, "nobody").await.is(303);
    shows(&type_in(&mut other, &foreign, &code).await, 401, WRONG);
    shows(&type_in(&mut other, &flow, &code).await, 400, ENDED);
    // and another flow of the same browser
    let second = world.begin(&mut browser).await;
    let shown = type_in(&mut browser, &second, &code).await;
    assert_eq!(
        shown.is(303).header("location"),
        Some(&*format!("/login?flow={second}"))
    );
    let spaced = format!("{} {}", &code[..4], &code[4..]);
    let answer = type_in(&mut browser, &flow, &spaced).await;
    let claims = world.claims_of(&answer).await;
    assert_eq!(claims["sub"], world.alice.as_str());
    assert_eq!(
        (&claims["amr"], &claims["acr"]),
        (&json!(["otp"]), &json!("aal1"))
    );
    // the session is one as others are
    let again = browser
        .authorize(&world.client, REDIRECT, &[("prompt", "none")])
        .await;
    assert!(
        !SignInAnswer::of(&again, REDIRECT)
            .unwrap()
            .code()
            .is_empty()
    );
    let details = format!(
        "SELECT detail FROM audit_events WHERE kind = 'log_in' AND subject_id = '{}'",
        world.alice
    );
    assert_eq!(
        world.db.texts(&details).await,
        ["code by mail in a browser"]
    );
}

async fn i041_the_pages_are_the_same_whether_there_is_an_account(world: World) {
    let mut answers = Vec::new();
    for name in [
        "alice",
        ADDRESS,
        "bob",
        "bob@mail.example",
        "nobody",
        "no@body.example",
        "",
    ] {
        let mut browser = Browser::new(&world);
        let flow = world.begin(&mut browser).await;
        let sent = send(&mut browser, &flow, name).await;
        let location = sent.is(303).header("location").unwrap().to_owned();
        let page = browser.open(&location).await;
        let rows = world.db.count("rolecall_mail_codes").await;
        let mut texts = vec![
            location,
            String::from_utf8(page.is(200).body.to_vec()).unwrap(),
        ];
        let wrong = type_in(&mut browser, &flow, "no code").await;
        texts.push(String::from_utf8(wrong.is(401).body.to_vec()).unwrap());
        // the name stays in the form for another code
        let kept = format!("maxlength=\"256\" value=\"{name}\"");
        assert!(texts[1].contains(&kept) && texts[2].contains(&kept));
        let texts = texts.iter().map(|text| {
            let text = text.replace(&flow, "FLOW");
            text.replace(&kept, "maxlength=\"256\" value=\"NAME\"")
        });
        let texts: Vec<String> = texts.collect();
        answers.push((texts, rows));
        world.all_done().await;
    }
    // encrypted: it can be an address
    let typed = "SELECT typed FROM rolecall_mail_codes";
    let kept = world.db.texts(typed).await;
    assert!(
        kept.iter()
            .all(|one| !one.contains("alice") && one.len() > 20)
    );
    for (place, (texts, rows)) in answers.iter().enumerate() {
        assert_eq!(*texts, answers[0].0);
        assert_eq!(usize::try_from(*rows).unwrap(), place + 1);
    }
    // alice by two names; bob has proven no address
    assert_eq!(world.server.mails().len(), 2);
}

async fn i055_five_codes_end_the_flow_and_count_on_the_account(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, 1).await;
    for _ in 0..4 {
        shows(
            &type_in(&mut browser, &flow, other_than(&code)).await,
            401,
            WRONG,
        );
        // another mail brings no further tries
        world.pass_time(Duration::from_mins(1));
    }
    shows(
        &type_in(&mut browser, &flow, other_than(&code)).await,
        400,
        ENDED,
    );
    shows(&type_in(&mut browser, &flow, &code).await, 400, ENDED);
    let failures = "SELECT failures FROM login_failures";
    assert_eq!(world.db.number(failures).await, 5);
    // the password is one more, and waits
    world.password_grant("alice", "wrong").await.is(401);
    world.password_grant("alice", PASSWORD).await.is(429);
    // and a name that nobody has
    let flow = world.begin(&mut browser).await;
    send(&mut browser, &flow, "nobody").await.is(303);
    for _ in 0..4 {
        shows(&type_in(&mut browser, &flow, "00000000").await, 401, WRONG);
        world.pass_time(Duration::from_mins(1));
    }
    shows(&type_in(&mut browser, &flow, "00000000").await, 400, ENDED);
    assert_eq!(world.db.count("login_failures").await, 2);
    assert_eq!(world.db.count("rolecall_mail_codes").await, 0);
}

async fn i055_many_codes_at_once_are_five_tries(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, 1).await;
    let cookie = browser.cookie("flow").unwrap().to_owned();
    let guesses = (0..12).map(|_| {
        let mut guesser = Browser::new(&world);
        guesser.set_cookie("flow", &cookie);
        let (flow, wrong) = (flow.clone(), other_than(&code));
        Box::pin(async move { type_in(&mut guesser, &flow, wrong).await })
    });
    let answers = join_all(guesses.collect()).await;
    let statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    let compared = statuses.iter().filter(|status| **status == 401).count();
    assert!(compared < 5, "{statuses:?}");
    assert!(
        world
            .db
            .number("SELECT COALESCE(MAX(tries), 0) FROM rolecall_mail_codes")
            .await
            <= 5
    );
}

async fn i055_a_code_expires_works_once_and_the_newest_only(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let first = world.code(&mut browser, &flow, 1).await;
    let second = world.code(&mut browser, &flow, 2).await;
    if first != second {
        shows(&type_in(&mut browser, &flow, &first).await, 401, WRONG);
    }
    world
        .db
        .execute("UPDATE rolecall_mail_codes SET made_at = made_at - 600000000")
        .await;
    shows(&type_in(&mut browser, &flow, &second).await, 401, WRONG);
    let third = world.code(&mut browser, &flow, 3).await;
    world.pass_time(Duration::from_secs(599));
    let answer = type_in(&mut browser, &flow, &third).await;
    assert!(SignInAnswer::of(&answer, REDIRECT).is_some(), "{answer:?}");
    shows(&type_in(&mut browser, &flow, &third).await, 400, ENDED);
}

async fn i056_i057_a_code_goes_to_the_stored_verified_address_only(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    for form in [
        vec![("username", "alice"), ("email", "mallory@evil.example")],
        vec![("username", "alice"), ("username", "mallory@evil.example")],
        vec![("username", "al\u{131}ce@mail.example")],
        vec![(
            "username",
            "alice@mail.example\r\nBcc: mallory@evil.example",
        )],
    ] {
        let form = [&[("flow", flow.as_str())], &form[..]].concat();
        browser.submit("/login/code/send", &form).await.is(303);
        world.all_done().await;
    }
    let mails = world.server.mails();
    assert!(!mails.is_empty());
    for mail in mails {
        assert_eq!(mail.to, [format!("<{ADDRESS}>")]);
    }
}

async fn i060_an_address_gets_three_codes_an_hour(world: World) {
    for name in ["alice", ADDRESS, "ALICE@mail.example", "alice", "alice"] {
        let mut browser = Browser::new(&world);
        let flow = world.begin(&mut browser).await;
        send(&mut browser, &flow, name).await.is(303);
        world.all_done().await;
    }
    assert_eq!(world.server.mails().len(), 3);
    // they do not use up the links to a new password
    world.ask("alice").await.is(303);
    world.all_done().await;
    assert_eq!(world.server.mails().len(), 4);
}

async fn y490_strangers_use_up_no_codes_of_a_known_device(world: World) {
    let home = "192.0.2.1";
    let mut browser = Browser::at(&world, home);
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, 1).await;
    let answer = type_in(&mut browser, &flow, &code).await;
    world.claims_of(&answer).await;
    for number in 0..4 {
        let mut stranger = Browser::at(&world, &format!("198.51.100.{number}"));
        let flow = world.begin(&mut stranger).await;
        send(&mut stranger, &flow, "alice").await.is(303);
        world.all_done().await;
    }
    assert_eq!(world.codes().len(), 3, "with that before the first sign-in");
    for count in 4..=6 {
        let mut browser = Browser::at(&world, home);
        let flow = world.begin(&mut browser).await;
        world.code(&mut browser, &flow, count).await;
    }
    let mut browser = Browser::at(&world, home);
    let flow = world.begin(&mut browser).await;
    send(&mut browser, &flow, "alice").await.is(303);
    world.all_done().await;
    assert_eq!(world.codes().len(), 6, "three an hour there too");
}

async fn i018_a_code_is_no_link_and_a_link_no_code(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, 1).await;
    shows(
        &world.choose(&code, PASSWORD).await,
        400,
        "does not work any more",
    );
    let bound = format!("{flow}-{code}");
    shows(
        &world.choose(&bound, PASSWORD).await,
        400,
        "does not work any more",
    );
    let link = world.link(2).await;
    shows(&type_in(&mut browser, &flow, &link).await, 401, WRONG);
    // nor is it in a copy of the database
    let stored = "SELECT hash FROM rolecall_mail_codes";
    let hash = world.db.texts(stored).await.remove(0);
    assert!(!hash.contains(&code));
    shows(&type_in(&mut browser, &flow, &hash).await, 401, WRONG);
}

/// Adds an authenticator application to the account of alice.
async fn enrol(world: &World) -> Phone {
    let token = world.log_in("alice").await;
    world.db.execute(BY_CODE).await;
    let body = json!({ "name": "Phone" });
    let begun = world.post("/api/me/factors/totp", &token, body).await;
    let (id, phone) = (begun.is(201).text("id"), Phone::with(&begun.text("secret")));
    let code = json!({ "code": phone.code(world.clock_now()) });
    let path = format!("/api/me/factors/{id}/confirm");
    world.post(path, &token, code).await.is(200);
    world.pass_time(Duration::from_secs(30));
    phone
}

impl World {
    fn clock_now(&self) -> rolecall::Timestamp {
        use rolecall::Clock as _;
        self.app.clock.now()
    }
}

async fn i095_a_code_by_mail_is_no_second_factor_and_reaches_no_assurance(world: World) {
    let phone = enrol(&world).await;
    let mails = world.codes().len();
    let mut browser = Browser::new(&world);
    // after the password, no code by mail is sent or taken
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, mails + 1).await;
    browser.log_in(&flow, "alice", PASSWORD).await.is(303);
    let page = browser.open(&format!("/login?flow={flow}&by=mail")).await;
    shows(&page, 200, "/login/second");
    let to_page = format!("/login?flow={flow}");
    let answer = type_in(&mut browser, &flow, &code).await;
    assert_eq!(answer.is(303).header("location"), Some(&*to_page));
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    browser.submit("/login/second", &form).await.is(401);
    send(&mut browser, &flow, "alice").await.is(303);
    world.all_done().await;
    assert_eq!(world.codes().len(), mails + 1);
    // and what asks for aal2 gets it by the password only
    let mut browser = Browser::new(&world);
    world.pass_time(Duration::from_mins(1));
    let more = [("acr_values", "aal2"), ("scope", "openid")];
    let flow = browser.begin(&world.client, REDIRECT, &more).await;
    let to_page = format!("/login?flow={flow}");
    let code = world.code(&mut browser, &flow, mails + 2).await;
    let answer = type_in(&mut browser, &flow, &code).await;
    assert_eq!(answer.is(303).header("location"), Some(&*to_page));
    let code = phone.code(world.clock_now());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    let answer = browser.submit("/login/second", &form).await;
    assert_eq!(answer.is(303).header("location"), Some(&*to_page));
    let page = browser.open(&to_page).await;
    let text = String::from_utf8_lossy(&page.is(200).body).into_owned();
    assert!(
        text.contains("name=\"password\"") && !text.contains("by=mail"),
        "{text}"
    );
    browser.log_in(&flow, "alice", PASSWORD).await.is(303);
    world.pass_time(Duration::from_secs(30));
    let code = phone.code(world.clock_now());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    let answer = browser.submit("/login/second", &form).await;
    let claims = world.claims_of(&answer).await;
    assert_eq!(claims["acr"], "aal2");
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
}

async fn a_factor_of_the_account_is_asked_for_after_the_code(world: World) {
    let phone = enrol(&world).await;
    let mails = world.codes().len();
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let to_page = format!("/login?flow={flow}");
    let code = world.code(&mut browser, &flow, mails + 1).await;
    let answer = type_in(&mut browser, &flow, &code).await;
    assert_eq!(answer.is(303).header("location"), Some(&*to_page));
    shows(&browser.open(&to_page).await, 200, "/login/second");
    let code = phone.code(world.clock_now());
    let form = [("flow", flow.as_str()), ("code", code.as_str())];
    let answer = browser.submit("/login/second", &form).await;
    let claims = world.claims_of(&answer).await;
    assert_eq!(
        (&claims["amr"], &claims["acr"]),
        (&json!(["otp"]), &json!("aal1"))
    );
    // the factor is not asked for at each application
    let again = browser
        .authorize(&world.client, REDIRECT, &[("prompt", "none")])
        .await;
    assert!(
        SignInAnswer::of(&again, REDIRECT)
            .unwrap()
            .parameters
            .contains_key("code")
    );
    // and a request for more asks for the password
    let more = [("acr_values", "aal2"), ("prompt", "none")];
    let again = browser.authorize(&world.client, REDIRECT, &more).await;
    let again = SignInAnswer::of(&again, REDIRECT).unwrap();
    assert_eq!(again.error(), "login_required");
}

async fn y413_a_code_ends_with_the_address_and_the_account(world: World) {
    let path = format!("/api/users/{}", world.alice);
    let admin = world.admin().await;
    for (count, change) in [
        json!({ "email": "other@mail.example", "email_verified": true }),
        json!({ "email": ADDRESS, "email_verified": false }),
        json!({ "status": "disabled" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = Browser::new(&world);
        let flow = world.begin(&mut browser).await;
        let code = world.code(&mut browser, &flow, count + 1).await;
        world.patch(&path, admin, change).await.is(200);
        shows(&type_in(&mut browser, &flow, &code).await, 401, WRONG);
        let back = json!({ "email": ADDRESS, "email_verified": true, "status": "active" });
        world.patch(&path, admin, back).await.is(200);
        world.clear_failures().await;
        world.all_done().await;
    }
}

async fn codes_are_off_unless_they_are_configured(site: Mailing) {
    let members = json!({
        "grants": ["authorization_code"], "redirect_uris": [REDIRECT], "consent": "skip",
    });
    let client = site.create_client("app", members).await;
    let mut browser = Browser::new(&site.app);
    let flow = browser.begin(&client, REDIRECT, &[]).await;
    for query in ["", "&by=mail"] {
        let page = browser.open(&format!("/login?flow={flow}{query}")).await;
        let text = String::from_utf8_lossy(&page.is(200).body).into_owned();
        assert!(text.contains("name=\"password\""), "{text}");
        assert!(
            !text.contains("by=mail") && !text.contains("/login/code"),
            "{text}"
        );
    }
    send(&mut browser, &flow, "alice").await.is(303);
    type_in(&mut browser, &flow, "00000000").await.is(303);
    assert_eq!(site.db.count("rolecall_mail_codes").await, 0);
    site.all_done().await;
    assert!(site.server.mails().is_empty());
    // and they need a server that takes mails
    let mut check = command(&site.app, crate::support::MASTER_KEY, &["config", "check"]);
    check.env("ROLECALL_LOGIN__MAIL_CODE", "true");
    let output = output_of(check).await;
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        !output.status.success() && text.contains("`login.mail_code`"),
        "{text}"
    );
}
