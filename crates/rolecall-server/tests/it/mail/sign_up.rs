//! Sign-up by a page: the address is proven before there is an account.

use std::time::Duration;

use serde_json::json;

use super::{ADDRESS, Mailing, shows};
use crate::support::{
    Browser, Credentials, Database, Fixture as _, MailServer, NEW_PASSWORD, PASSWORD, Response,
    SignInAnswer, TestApp, command, on_both, output_of, run,
};

on_both![
    i066_an_account_is_made_when_its_address_is_proven,
    i041_the_answer_is_the_same_whether_there_is_an_account,
    i060_an_address_gets_three_mails_of_a_kind_an_hour,
    y433_no_mail_of_one_kind_keeps_those_of_another_from_being_sent,
    y435_whoever_proves_an_address_is_not_hidden_behind_a_name,
    i064_a_link_to_sign_up_works_once_and_ends_with_registration,
    y533_a_link_to_sign_up_tells_of_thirty_names_a_minute,
    an_invitation_of_a_person_outlives_a_request_of_a_stranger,
    where_nobody_can_sign_up_the_page_is_hidden,
    domains_limit_the_addresses,
    an_application_leads_to_the_page_by_prompt_create,
    y412_a_link_to_sign_up_leads_back_to_no_sign_in_of_another_browser,
    where_nobody_can_sign_up_prompt_create_is_an_error,
];

const GUEST: &str = "guest@mail.example";

async fn ask(app: &TestApp, address: &str) -> Response {
    Browser::new(app)
        .submit("/signup", &[("email", address)])
        .await
}

async fn accept(app: &TestApp, token: &str, name: &str) -> Response {
    accept_by(Browser::new(app), token, name).await
}

async fn accept_by(mut browser: Browser<'_>, token: &str, name: &str) -> Response {
    let form = [
        ("token", token),
        ("username", name),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ];
    browser.submit("/invite", &form).await
}

async fn link(site: &Mailing, address: &str, count: usize) -> String {
    ask(&site.app, address).await.is(303);
    site.server.count(count).await[count - 1].token()
}

async fn i066_an_account_is_made_when_its_address_is_proven(site: Mailing) {
    // the API would make an account with any address
    let body = json!({ "username": "mallory", "password": PASSWORD, "email": GUEST });
    let request = site.request(http::Method::POST, "/register").json(&body);
    request.send().await.problem(
        403,
        "Register at /signup, where your e-mail address is proven first",
    );
    let token = link(&site, GUEST, 1).await;
    let users = site.db.number("SELECT COUNT(*) FROM users").await;
    accept(&site.app, &token, "guest").await.is(303);
    assert_eq!(
        site.db.number("SELECT COUNT(*) FROM users").await,
        users + 1
    );
    let id = site.id_of("guest").await;
    let user = site
        .get(format!("/api/users/{id}"), site.admin().await)
        .await;
    assert_eq!(
        (user.text("email"), &user.json["email_verified"]),
        (GUEST.to_owned(), &json!(true))
    );
    assert_eq!(user.texts("roles"), ["user"]);
    site.log_in("guest").await;
    // the page is reached from the sign-in page
    let mut browser = Browser::new(&site.app);
    let account = browser.open("/account").await;
    let page = browser
        .open(account.is(303).header("location").unwrap())
        .await;
    shows(&page, 200, "/signup?flow=");
}

async fn i041_the_answer_is_the_same_whether_there_is_an_account(site: Mailing) {
    let mut answers = Vec::new();
    for address in [ADDRESS, GUEST, "bob@mail.example"] {
        let answer = ask(&site.app, address).await;
        answers.push((answer.status, answer.header("location").map(str::to_owned)));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let mails = site.server.count(3).await;
    let subject = |to: &str| {
        let mail = mails.iter().find(|mail| mail.to == [format!("<{to}>")]);
        mail.unwrap().header("subject")
    };
    assert_eq!(subject(ADDRESS), "You have an account");
    assert_eq!(subject(GUEST), "Make your account");
    // an address that was never proven is nobody's
    assert_eq!(subject("bob@mail.example"), "Make your account");
}

async fn i060_an_address_gets_three_mails_of_a_kind_an_hour(site: Mailing) {
    for address in [ADDRESS, &ADDRESS.to_uppercase(), GUEST] {
        for _ in 0..4 {
            ask(&site.app, address).await.is(303);
            site.ask("alice").await.is(303);
        }
    }
    site.all_done().await;
    let mails = site.server.mails();
    let count = |subject: &str| {
        let same = mails
            .iter()
            .filter(|mail| mail.header("subject") == subject);
        same.count()
    };
    assert_eq!(count("You have an account"), 3);
    assert_eq!(count("Make your account"), 3);
    assert_eq!(count("Reset your password"), 3);
    assert_eq!(mails.len(), 9);
}

async fn y433_no_mail_of_one_kind_keeps_those_of_another_from_being_sent(site: Mailing) {
    // a user who wants to have the address of another one, and a stranger who signs up with it
    let token = site.log_in("bob").await;
    for count in 0..4 {
        let body = json!({ "email": ADDRESS });
        let asked = site.patch("/api/me", &token, body).await;
        asked.is(if count < 3 { 200 } else { 429 });
        ask(&site.app, ADDRESS).await.is(303);
    }
    // nor does a stranger who asks for links keep people from being invited
    for _ in 0..4 {
        ask(&site.app, GUEST).await.is(303);
    }
    site.all_done().await;
    assert_eq!(site.server.mails().len(), 9);
    let body = json!({ "email": GUEST });
    site.post("/api/invitations", site.admin().await, body)
        .await
        .is(201);
    site.ask("alice").await.is(303);
    site.all_done().await;
    let mails = site.server.mails();
    assert_eq!(mails.len(), 11);
    let link = mails
        .iter()
        .find(|mail| mail.header("subject") == "Reset your password");
    site.choose(&link.unwrap().token(), NEW_PASSWORD)
        .await
        .is(303);
}

async fn y435_whoever_proves_an_address_is_not_hidden_behind_a_name(site: Mailing) {
    const VICTIM: &str = "victim@corp.example";
    // mallory wants the address of somebody else as a name
    let token = link(&site, GUEST, 1).await;
    for name in [VICTIM, "Victim@Corp.Example", "bob@mail.example"] {
        let refused = accept(&site.app, &token, name).await;
        shows(
            &refused,
            422,
            "An address can be the user name of its owner only",
        );
    }
    // one that is no address, and the own one
    accept(&site.app, &token, &GUEST.to_uppercase())
        .await
        .is(303);
    // a user who has such a name from before
    let mallory = site.create_user("VICTIM@corp.example", &[]).await;
    let refused = site
        .post(
            "/api/invitations",
            site.admin().await,
            json!({ "email": VICTIM }),
        )
        .await;
    assert_eq!(refused.is(409).json["rule"], "email_taken");
    let token = link(&site, VICTIM, 2).await;
    let refused = accept(&site.app, &token, "victim").await;
    shows(
        &refused,
        409,
        "or a user name that is the same, belongs to another account",
    );
    // the link waits until that is done
    let path = format!("/api/users/{mallory}");
    let renamed = json!({ "username": "mallory" });
    site.patch(&path, site.admin().await, renamed).await.is(200);
    accept(&site.app, &token, "victim").await.is(303);
    site.ask(VICTIM).await.is(303);
    let mail = site.server.count(3).await.remove(2);
    assert_eq!(mail.to, [format!("<{VICTIM}>")]);
    assert!(mail.text().contains("victim,"), "{}", mail.text());
}

async fn i064_a_link_to_sign_up_works_once_and_ends_with_registration(site: Mailing) {
    let first = link(&site, GUEST, 1).await;
    let second = link(&site, "Guest@mail.example", 2).await;
    shows(
        &accept(&site.app, &first, "guest").await,
        400,
        "does not work any more",
    );
    accept(&site.app, &second, "guest").await.is(303);
    shows(
        &accept(&site.app, &second, "guest2").await,
        400,
        "does not work any more",
    );
    let third = link(&site, "third@mail.example", 3).await;
    // none of these is an invitation of the administrators
    assert!(
        site.get("/api/invitations", site.admin().await)
            .await
            .items("id")
            .is_empty()
    );
    let Mailing { app, server, .. } = site;
    let closed = app
        .restart_as(
            |builder| {
                server
                    .configure(builder)
                    .registration(rolecall_server::Registration::Closed)
            },
            async |_: &Database| {},
        )
        .await;
    shows(
        &accept(&closed, &third, "third").await,
        400,
        "does not work any more",
    );
}

async fn y533_a_link_to_sign_up_tells_of_thirty_names_a_minute(site: Mailing) {
    let token = link(&site, GUEST, 1).await;
    let accept = async |token: &str, name: &str| {
        accept_by(Browser::at(&site.app, "198.51.100.7"), token, name).await
    };
    for _ in 0..30 {
        accept(&token, "alice").await.is(409);
    }
    let refused = accept(&token, "alice").await;
    shows(&refused, 429, "name=\"token\"");
    let seconds = refused.header("retry-after").unwrap();
    assert!((1..=60).contains(&seconds.parse::<u64>().unwrap()));
    // also with a link that does not work, from which nobody learns more
    accept("unknown", "alice").await.is(400);
    site.clock.advance(Duration::from_mins(1));
    accept(&token, "guest").await.is(303);
}

async fn an_invitation_of_a_person_outlives_a_request_of_a_stranger(site: Mailing) {
    site.create_role("editor", &["items:write"]).await;
    let body = json!({ "email": GUEST, "roles": ["editor"] });
    site.post("/api/invitations", site.admin().await, body)
        .await
        .is(201);
    let invitation = site.server.count(1).await.remove(0).token();
    link(&site, GUEST, 2).await;
    accept(&site.app, &invitation, "guest").await.is(303);
    let user = site
        .get(
            format!("/api/users/{}", site.id_of("guest").await),
            site.admin().await,
        )
        .await;
    assert_eq!(user.texts("roles"), ["editor"]);
}

async fn where_nobody_can_sign_up_the_page_is_hidden(db: Database) {
    let server = MailServer::start().await;
    let app = TestApp::configured(db, |builder| {
        server
            .configure(builder)
            .registration(rolecall_server::Registration::Closed)
    })
    .await;
    let mut browser = Browser::new(&app);
    shows(
        &browser.open("/signup").await,
        404,
        "Nobody can make an account",
    );
    shows(&ask(&app, GUEST).await, 404, "Nobody can make an account");
    let account = browser.open("/account").await;
    let page = browser
        .open(account.is(303).header("location").unwrap())
        .await;
    assert!(!String::from_utf8_lossy(&page.body).contains("/signup"));
    app.pass_time(Duration::from_secs(1));
    assert!(server.mails().is_empty());
}

async fn domains_limit_the_addresses(db: Database) {
    let app = TestApp::on(db).await;
    let call = async |domains: &str, mail: bool| {
        let mut command = command(&app, crate::support::MASTER_KEY, &["config", "check"]);
        command.env("ROLECALL_REGISTRATION__DOMAINS", domains);
        if mail {
            command
                .env("ROLECALL_MAIL__URL", "smtps://mx.example")
                .env("ROLECALL_MAIL__FROM", "login@example.com");
        }
        let output = output_of(command).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    assert!(call("example.com,example.org", true).await.0);
    let (is_valid, text) = call("example.com", false).await;
    assert!(
        !is_valid && text.contains("`registration.domains`") && text.contains("`mail.url`"),
        "{text}"
    );
    let (is_valid, text) = call("exa mple", true).await;
    assert!(!is_valid && text.contains("is no domain"), "{text}");
    assert!(run(&app, &["user", "list"]).await.contains("admin"));
}

const REDIRECT: &str = "https://app.example/cb";
const CREATE: &[(&str, &str)] = &[("prompt", "create")];

async fn client(app: &TestApp) -> Credentials {
    let members = json!({
        "grants": ["authorization_code"], "redirect_uris": [REDIRECT], "consent": "skip",
    });
    app.create_client("app", members).await
}

/// Begins with `prompt=create`, and returns the flow of the page.
async fn begin(browser: &mut Browser<'_>, client: &Credentials) -> String {
    let answer = browser.authorize(client, REDIRECT, CREATE).await;
    let location = answer.is(303).header("location").unwrap().to_owned();
    let page = browser.open(&location).await;
    let flow = location.strip_prefix("/signup?flow=").unwrap().to_owned();
    shows(&page, 200, &format!("name=\"flow\" value=\"{flow}\""));
    flow
}

/// Accepts an invitation in a browser, with the flow that the link names.
async fn accept_in(browser: &mut Browser<'_>, token: &str, flow: &str, name: &str) -> String {
    let page = browser
        .open(&format!("/invite?token={token}&flow={flow}"))
        .await;
    shows(&page, 200, &format!("name=\"flow\" value=\"{flow}\""));
    let form = [
        ("token", token),
        ("flow", flow),
        ("username", name),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ];
    let answer = browser.submit("/invite", &form).await;
    answer.is(303).header("location").unwrap().to_owned()
}

async fn an_application_leads_to_the_page_by_prompt_create(site: Mailing) {
    let client = client(&site.app).await;
    let metadata = site.get("/.well-known/openid-configuration", "").await;
    let prompts = metadata.texts("prompt_values_supported");
    assert!(prompts.contains(&"create".to_owned()), "{prompts:?}");
    let mut browser = Browser::new(&site.app);
    // also for somebody who is signed in
    browser.sign_in(&client, REDIRECT, &[]).await;
    let flow = begin(&mut browser, &client).await;
    let form = [("flow", flow.as_str()), ("email", GUEST)];
    browser.submit("/signup", &form).await.is(303);
    let mail = site.server.count(1).await.remove(0);
    assert!(
        mail.text().contains(&format!("&flow={flow}")),
        "{}",
        mail.text()
    );
    // the sign-in goes on with the new account
    let back = accept_in(&mut browser, &mail.token(), &flow, "guest").await;
    assert_eq!(back, format!("/login?flow={flow}&notice=account-made"));
    shows(&browser.open(&back).await, 200, "Your account is there");
    let answer = browser.log_in(&flow, "guest", PASSWORD).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert!(!answer.code().is_empty());
}

async fn y412_a_link_to_sign_up_leads_back_to_no_sign_in_of_another_browser(site: Mailing) {
    let client = client(&site.app).await;
    let mut browser = Browser::new(&site.app);
    let flow = begin(&mut browser, &client).await;
    // what is no flow of the browser that asks is not written into the mail
    let mut other = Browser::new(&site.app);
    for (count, foreign) in [&*flow, "x&token=y", "https://evil.example"]
        .iter()
        .enumerate()
    {
        let address = format!("guest{count}@mail.example");
        let form = [("flow", *foreign), ("email", address.as_str())];
        other.submit("/signup", &form).await.is(303);
    }
    let mails = site.server.count(3).await;
    for mail in &mails {
        assert!(!mail.text().contains("flow"), "{}", mail.text());
    }
    // the link of the right browser, opened in another one
    let back = accept_in(&mut other, &mails[0].token(), &flow, "guest").await;
    assert_eq!(back, "/invite?done=1");
    // and in the right one, too late
    site.pass_time(Duration::from_secs(601));
    let back = accept_in(&mut browser, &mails[1].token(), &flow, "guest2").await;
    assert_eq!(back, "/invite?done=1");
}

async fn where_nobody_can_sign_up_prompt_create_is_an_error(app: TestApp) {
    // without mails, no page makes accounts
    let client = client(&app).await;
    let metadata = app.get("/.well-known/openid-configuration", "").await;
    let prompts = metadata.texts("prompt_values_supported");
    assert!(!prompts.contains(&"create".to_owned()), "{prompts:?}");
    let answer = Browser::new(&app)
        .authorize(&client, REDIRECT, CREATE)
        .await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    assert_eq!(answer.error(), "invalid_request");
}
