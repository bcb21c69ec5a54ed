//! A mail is sent once, whatever fails in between.

use std::time::Duration;

use super::{ADDRESS, Mailing, create};
use crate::support::{
    Answer, Browser, Database, MASTER_KEY, MailServer, NEW_PASSWORD, PASSWORD, TestApp, command,
    eventually, on_both, output_of, run, run_failing, with_input,
};

on_both![
    a_server_that_refuses_for_now_gets_the_mail_again,
    a_server_that_refuses_for_good_gets_the_mail_once,
    y450_a_server_that_sends_without_end_gets_the_mail_again,
    y442_a_refusal_of_the_login_or_the_server_loses_no_mail,
    what_no_server_takes_is_given_up_after_five_tries,
    a_mail_outlives_the_process_that_wrote_it,
    a_mail_outlives_the_process_that_was_sending_it,
    a_mail_that_is_being_sent_when_the_server_stops_is_sent_once,
    two_nodes_send_a_mail_once,
    y330_one_address_asks_for_some_links_a_minute,
    y331_a_rotated_master_key_opens_the_mails_that_wait,
    y455_a_mail_that_cannot_be_decrypted_is_reported_and_kept_for_its_key,
    a_mail_to_a_user_who_was_deleted_is_not_sent,
    a_server_that_hangs_stops_nothing_else,
    i058_nothing_that_a_server_says_is_in_the_log_or_the_database,
    mails_of_a_recovered_database_and_links_end,
    the_command_tries_the_server,
    y527_the_owner_hears_of_a_password_that_the_command_line_sets,
    y527_the_owner_gets_the_link_of_a_reset_by_the_command_line,
];

async fn tries(site: &Mailing) -> i64 {
    site.db
        .number("SELECT COALESCE(MAX(tries), 0) FROM rolecall_mails")
        .await
}

async fn errors(site: &Mailing) -> Vec<String> {
    let errors = "SELECT last_error FROM rolecall_mails WHERE last_error IS NOT NULL";
    site.db.texts(errors).await
}

async fn a_server_that_refuses_for_now_gets_the_mail_again(site: Mailing) {
    site.server
        .answer(&[Answer::Refuse(451), Answer::Nonsense, Answer::Close]);
    site.ask("alice").await.is(303);
    site.server.tries(1).await;
    eventually("the error is kept", async || {
        errors(&site).await == ["status 451"]
    })
    .await;
    // not before its time
    site.pass_time(Duration::from_secs(59));
    site.ask("nobody").await.is(303);
    eventually("the other request is done", async || {
        site.db.number("SELECT COUNT(*) FROM rolecall_mails").await == 1
    })
    .await;
    assert_eq!((site.server.conversations(), tries(&site).await), (1, 1));
    site.pass_time(Duration::from_secs(1));
    site.server.tries(2).await;
    eventually("the second try has ended", async || {
        errors(&site).await != ["status 451"]
    })
    .await;
    site.pass_time(Duration::from_mins(5));
    site.server.tries(3).await;
    // nobody knows whether the server took it; it is late, and the link still works
    let token = site.server.count(1).await.remove(0).token();
    site.choose(&token, NEW_PASSWORD).await.is(303);
}

async fn a_server_that_refuses_for_good_gets_the_mail_once(site: Mailing) {
    site.server.answer(&[Answer::Refuse(550)]);
    site.ask("alice").await.is(303);
    eventually("it is given up", async || {
        errors(&site).await == ["status 550"]
    })
    .await;
    site.pass_time(Duration::from_hours(2));
    site.ask("nobody").await.is(303);
    site.all_done().await;
    assert_eq!(site.server.conversations(), 1);
    // what it said is forgotten
    let sealed = site.db.texts("SELECT sealed FROM rolecall_mails").await;
    assert_eq!(sealed, [""]);
}

async fn y450_a_server_that_sends_without_end_gets_the_mail_again(site: Mailing) {
    site.server.answer(&[Answer::Endless]);
    site.ask("alice").await.is(303);
    eventually("the try has ended", async || {
        errors(&site).await == ["an answer without end"]
    })
    .await;
    site.pass_time(Duration::from_mins(1));
    site.server.count(1).await;
}

async fn y442_a_refusal_of_the_login_or_the_server_loses_no_mail(site: Mailing) {
    site.server.answer(&[535, 554].map(Answer::Refuse));
    site.ask("alice").await.is(303);
    for (number, pause) in [1, 5].into_iter().enumerate() {
        site.server.tries(number + 1).await;
        eventually("the try has ended", async || {
            tries(&site).await == i64::try_from(number + 1).unwrap()
        })
        .await;
        site.pass_time(Duration::from_mins(pause));
    }
    let token = site.server.count(1).await.remove(0).token();
    site.choose(&token, NEW_PASSWORD).await.is(303);
}

async fn what_no_server_takes_is_given_up_after_five_tries(site: Mailing) {
    site.server.answer(&[Answer::Refuse(451); 9]);
    // a notice is of use for longer than a link
    let tokens = site.log_in("alice").await;
    let body = serde_json::json!({
        "current_password": PASSWORD, "new_password": NEW_PASSWORD,
    });
    site.put_json("/api/me/password", &tokens, body)
        .await
        .no_content();
    for (number, pause) in [1, 5, 30, 30, 60].into_iter().enumerate() {
        site.server.tries(number + 1).await;
        eventually("the try has ended", async || {
            !errors(&site).await.is_empty()
                && tries(&site).await == i64::try_from(number + 1).unwrap()
        })
        .await;
        site.pass_time(Duration::from_mins(pause));
    }
    site.all_done().await;
    assert_eq!(site.server.conversations(), 5);
    assert!(site.server.mails().is_empty());
}

async fn a_mail_outlives_the_process_that_wrote_it(db: Database) {
    // a node whose server cannot be reached
    let server = MailServer::start().await;
    let nowhere = |builder: rolecall_server::EmbeddedBuilder| {
        let settings = rolecall_server::config::Mail {
            url: Some("smtp://127.0.0.1:1".into()),
            ..server.settings()
        };
        builder.mail(settings)
    };
    let app = TestApp::configured(db, nowhere).await;
    super::create(&app, "alice", ADDRESS, true).await;
    Browser::new(&app)
        .submit("/reset", &[("username", "alice")])
        .await
        .is(303);
    let app = app
        .restart_as(|builder| server.configure(builder), async |_: &Database| {})
        .await;
    app.pass_time(Duration::from_mins(1));
    let mail = server.count(1).await.remove(0);
    assert_eq!(mail.to, [format!("<{ADDRESS}>")]);
}

async fn a_mail_outlives_the_process_that_was_sending_it(site: Mailing) {
    site.server.answer(&[Answer::Hang]);
    site.ask("alice").await.is(303);
    site.server.count(1).await;
    let Mailing { app, server, .. } = site;
    let app = app
        .restart_as(|builder| server.configure(builder), async |_: &Database| {})
        .await;
    app.pass_time(Duration::from_mins(1));
    // twice is better than not at all
    let mails = server.count(2).await;
    assert_eq!(mails[0].token(), mails[1].token());
}

async fn two_nodes_send_a_mail_once(site: Mailing) {
    let others = [site.another().await, site.another().await];
    for name in ["alice", ADDRESS, "alice"] {
        Browser::new(&others[0])
            .submit("/reset", &[("username", name)])
            .await
            .is(303);
    }
    site.all_done().await;
    assert_eq!(site.server.mails().len(), 3);
    assert_eq!(site.server.conversations(), 3);
}

async fn a_server_that_hangs_stops_nothing_else(site: Mailing) {
    site.server.answer(&[Answer::Hang; 3]);
    for count in 1..=3 {
        site.ask("alice").await.is(303);
        site.server.count(count).await;
    }
    // sign-ins, changes and other mails go on
    let token = site.server.mails().remove(2).token();
    site.choose(&token, NEW_PASSWORD).await.is(303);
    let notice = site.server.count(4).await.remove(3);
    assert_eq!(notice.header("subject"), "Your password was changed");
}

async fn i058_nothing_that_a_server_says_is_in_the_log_or_the_database(site: Mailing) {
    site.server.answer(&[Answer::Refuse(550)]);
    site.ask("alice").await.is(303);
    eventually("it is given up", async || !errors(&site).await.is_empty()).await;
    let kept = errors(&site).await;
    assert!(
        kept.iter()
            .all(|error| !error.to_lowercase().contains("mail.example")),
        "{kept:?}"
    );
}

async fn mails_of_a_recovered_database_and_links_end(site: Mailing) {
    let token = site.link(1).await;
    site.server.answer(&[Answer::Refuse(451)]);
    site.ask("alice").await.is(303);
    site.server.tries(2).await;
    eventually("the try has ended", async || {
        !errors(&site).await.is_empty()
    })
    .await;
    run(&site.app, &["recover"]).await;
    site.all_done().await;
    assert_eq!(site.links().await, 0);
    site.choose(&token, NEW_PASSWORD).await.is(400);
}

async fn the_command_tries_the_server(site: Mailing) {
    let call = async |url: &str| {
        let mut command = command(&site.app, MASTER_KEY, &["mail", "test", "ops@mail.example"]);
        command
            .env("ROLECALL_MAIL__URL", url)
            .env("ROLECALL_MAIL__FROM", "login@example.com");
        let output = output_of(command).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (is_sent, text) = call(&site.server.url).await;
    let wanted = "has taken a mail from login@example.com to ops@mail.example";
    assert!(is_sent && text.contains(wanted), "{text}");
    let mail = site.server.count(1).await.remove(0);
    assert_eq!(mail.header("subject"), "Test mail");
    site.server.answer(&[Answer::Refuse(550)]);
    let (is_sent, text) = call(&site.server.url).await;
    let wanted = "did not take the mail: 550 no <ops@mail.example> here; check the address";
    assert!(!is_sent && text.contains(wanted), "{text}");
    let (is_sent, text) = call("smtp://user:canary@127.0.0.1:1").await;
    assert!(!is_sent && !text.contains("canary"), "{text}");
    assert!(text.contains("check host and port in `mail.url`"), "{text}");
    let (is_sent, text) = call(&site.server.url.replace("smtp:", "smtps:")).await;
    assert!(!is_sent && text.contains("TLS"), "{text}");
    assert!(text.contains("check that the certificate"), "{text}");
    let error = run_failing(&site.app, &["mail", "test", "ops@mail.example"]).await;
    assert!(error.contains("set `mail.url`"), "{error}");
}

async fn a_mail_that_is_being_sent_when_the_server_stops_is_sent_once(site: Mailing) {
    site.server.answer(&[Answer::Wait]);
    site.ask("alice").await.is(303);
    site.server.count(1).await;
    let release = async {
        // the sender has ended its loop, and waits for the mail
        tokio::task::yield_now().await;
        site.server.go_on.notify_one();
    };
    tokio::join!(site.embedded().finish_mails(), release);
    assert_eq!(
        site.db.number("SELECT COUNT(*) FROM rolecall_mails").await,
        0
    );
    // nothing is sent after that, until the next start
    site.ask("alice").await.is(303);
    let Mailing { app, server, .. } = site;
    let app = app
        .restart_as(|builder| server.configure(builder), async |_: &Database| {})
        .await;
    let mails = server.count(2).await;
    assert_ne!(mails[0].token(), mails[1].token());
    assert_eq!(app.db.number("SELECT COUNT(*) FROM users").await, 3);
}

async fn y330_one_address_asks_for_some_links_a_minute(site: Mailing) {
    let mut asked = 0;
    let refused = loop {
        let mut browser = Browser::at(&site.app, "198.51.100.7");
        let answer = browser.submit("/reset", &[("username", "nobody")]).await;
        if answer.status == 429 {
            break answer;
        }
        answer.is(303);
        asked += 1;
        assert!(asked < 100, "there is no limit");
    };
    super::shows(&refused, 429, "Too many tries");
    assert!(refused.header("retry-after").is_some());
    // and nobody else waits for that
    let mut other = Browser::at(&site.app, "203.0.113.9");
    other
        .submit("/reset", &[("username", "alice")])
        .await
        .is(303);
    site.server.count(1).await;
}

async fn y331_a_rotated_master_key_opens_the_mails_that_wait(site: Mailing) {
    const NEW_KEY: &str = "101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f";
    site.server.answer(&[Answer::Refuse(451)]);
    site.ask("alice").await.is(303);
    site.server.tries(1).await;
    eventually("the try has ended", async || {
        !errors(&site).await.is_empty()
    })
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), NEW_KEY).unwrap();
    let path = file.path().to_str().unwrap();
    run(&site.app, &["key", "rotate-master", "--new-key-file", path]).await;
    let Mailing { app, server, .. } = site;
    let app = app
        .restart_as(
            |builder| server.configure(builder).master_key(NEW_KEY),
            async |_: &Database| {},
        )
        .await;
    app.pass_time(Duration::from_mins(1));
    let token = server.count(1).await.remove(0).token();
    let form = [
        ("token", token.as_str()),
        ("new", NEW_PASSWORD),
        ("again", NEW_PASSWORD),
    ];
    Browser::new(&app)
        .submit("/reset/password", &form)
        .await
        .is(303);
}

async fn y455_a_mail_that_cannot_be_decrypted_is_reported_and_kept_for_its_key(site: Mailing) {
    const NEW_KEY: &str = "101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f";
    site.server.answer(&[Answer::Refuse(451)]);
    site.ask("alice").await.is(303);
    site.server.tries(1).await;
    eventually("the try has ended", async || {
        !errors(&site).await.is_empty()
    })
    .await;
    // as if a node with another key had written it
    let sealed = site.db.texts("SELECT sealed FROM rolecall_mails").await;
    let damage = "UPDATE rolecall_mails SET sealed = 'AAAA' || sealed";
    site.db.execute(damage).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), NEW_KEY).unwrap();
    let path = file.path().to_str().unwrap();
    let rotated = run(
        &site.app,
        &["--json", "key", "rotate-master", "--new-key-file", path],
    )
    .await;
    let id = site
        .db
        .texts("SELECT id FROM rolecall_mails")
        .await
        .remove(0);
    assert!(rotated.contains(&id), "{rotated}");
    let Mailing { app, server, .. } = site;
    let both = |builder: rolecall_server::EmbeddedBuilder| {
        server
            .configure(builder)
            .master_key(NEW_KEY)
            .previous_master_key(MASTER_KEY)
    };
    let app = app.restart_as(both, async |_: &Database| {}).await;
    app.pass_time(Duration::from_mins(1));
    let why = "SELECT last_error FROM rolecall_mails";
    eventually("the error is kept", async || {
        app.db.texts(why).await == ["cannot be decrypted"]
    })
    .await;
    assert_eq!(server.conversations(), 1);
    // once the right key is there, it is sent
    let mend = format!("UPDATE rolecall_mails SET sealed = '{}'", sealed[0]);
    app.db.execute(&mend).await;
    app.pass_time(Duration::from_mins(5));
    server.count(1).await;
}

async fn a_mail_to_a_user_who_was_deleted_is_not_sent(site: Mailing) {
    site.server.answer(&[Answer::Refuse(451)]);
    site.ask("alice").await.is(303);
    site.server.tries(1).await;
    eventually("the try has ended", async || {
        !errors(&site).await.is_empty()
    })
    .await;
    let path = format!("/api/users/{}", site.alice);
    site.delete(path, site.admin().await).await.no_content();
    site.pass_time(Duration::from_mins(1));
    site.all_done().await;
    assert_eq!(site.db.count("rolecall_mails").await, 0);
    assert_eq!(site.server.conversations(), 1);
}

async fn y527_the_owner_hears_of_a_password_that_the_command_line_sets(app: TestApp) {
    create(&app, "alice", ADDRESS, true).await;
    let arguments = ["user", "password", "alice", "--password-stdin"];
    let mut set = command(&app, MASTER_KEY, &arguments);
    set.env("ROLECALL_MAIL__URL", "smtp://127.0.0.1:1")
        .env("ROLECALL_MAIL__FROM", "login@example.com");
    let set = with_input(set, NEW_PASSWORD).await;
    assert!(set.status.success(), "{set:?}");
    // this node sends no mails
    let waiting = app.db.texts("SELECT kind FROM rolecall_mails").await;
    assert_eq!(waiting, ["password-changed"]);
}

async fn y527_the_owner_gets_the_link_of_a_reset_by_the_command_line(app: TestApp) {
    create(&app, "alice", ADDRESS, true).await;
    create(&app, "bob", "bob@mail.example", false).await;
    let reset = async |arguments: &[&str]| {
        let mut reset = command(&app, MASTER_KEY, arguments);
        reset
            .env("ROLECALL_MAIL__URL", "smtp://127.0.0.1:1")
            .env("ROLECALL_MAIL__FROM", "login@example.com");
        let done = output_of(reset).await;
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let kinds = "SELECT kind FROM rolecall_mails ORDER BY kind";
    let code = "current password";
    let printed = reset(&["user", "reset", "alice"]).await;
    assert!(printed.contains("verified address"), "{printed}");
    assert!(!printed.contains(code), "{printed}");
    // this node sends no mails
    assert_eq!(app.db.texts(kinds).await, ["reset-started"]);
    let json = reset(&["--json", "user", "reset", "alice"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["mailed"], true);
    assert!(json.get("reset_code").is_none(), "{json}");
    assert_eq!(app.db.count("rolecall_mails").await, 2);
    // whoever gets no mail there any more, or has proven no address, gets a code
    let printed = reset(&["user", "reset", "alice", "--code"]).await;
    assert!(
        printed.contains(code) && printed.contains("No mail was sent."),
        "{printed}"
    );
    let printed = reset(&["user", "reset", "bob"]).await;
    assert!(
        printed.contains(code) && printed.contains("no verified address"),
        "{printed}"
    );
    assert_eq!(app.db.count("rolecall_mails").await, 2);
}
