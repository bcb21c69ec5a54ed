//! A new password by a link in a mail.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::{ADDRESS, Mailing, TO_ACCOUNT, create, shows};
use crate::support::{
    Browser, Database, ISSUER, NEW_PASSWORD, PASSWORD, TestApp, WRONG, claims, on_both,
};

on_both![
    i050_i063_a_link_changes_the_password_ends_everything_and_signs_nobody_in,
    i052_a_link_works_once_and_the_newest_only,
    i052_a_link_ends_with_the_address_the_password_and_the_account,
    i052_of_two_that_use_a_link_at_once_one_gets_it,
    i053_opening_a_link_spends_nothing,
    i049_links_begin_with_the_public_url_whatever_a_request_says,
    i041_the_answer_is_the_same_for_all_names,
    i057_i056_mail_goes_to_the_stored_verified_address_only,
    i060_an_address_gets_three_mails_an_hour,
    y434_mails_that_a_clock_ahead_has_counted_keep_none_from_being_sent,
    i018_no_link_can_be_made_of_a_copy_of_the_database,
    a_refused_password_leaves_the_link_and_a_broken_link_changes_nothing,
    an_administrator_s_reset_goes_to_the_owner_of_the_account,
    without_mail_the_pages_are_hidden,
    mails_are_in_the_language_of_the_page,
];

const ENDED: &str = "This link does not work any more";

async fn i050_i063_a_link_changes_the_password_ends_everything_and_signs_nobody_in(site: Mailing) {
    let tokens = site.open_session("alice").await;
    let token = site.link(1).await;
    let page = Browser::new(&site)
        .open(&format!("/reset?token={token}"))
        .await;
    shows(&page, 200, "Choose a new password for the account alice");
    let done = site.choose(&token, NEW_PASSWORD).await;
    assert_eq!(done.is(303).header("location"), Some("/reset?done=1"));
    assert_eq!(done.header("set-cookie"), None, "nobody is signed in");
    let page = Browser::new(&site).open("/reset?done=1").await;
    shows(&page, 200, TO_ACCOUNT);
    site.get("/api/me", &tokens.access).await.is(401);
    site.refresh(&tokens.refresh).await.is(400);
    site.password_grant("alice", PASSWORD).await.is(401);
    site.clear_failures().await;
    site.password_grant("alice", NEW_PASSWORD).await.is(200);
    let entries = site.get("/api/audit?limit=1", site.admin().await).await;
    let entry = entries.json["items"][0].to_string();
    assert!(
        entry.contains("user.password_changed") && entry.contains("\"means\":\"mail\""),
        "{entry}"
    );
    // the owner hears of it
    let notice = site.server.count(2).await.remove(1);
    assert_eq!(notice.header("subject"), "Your password was changed");
    assert!(notice.text().contains("alice") && !notice.raw.contains(NEW_PASSWORD));
}

async fn i052_a_link_works_once_and_the_newest_only(site: Mailing) {
    let first = site.link(1).await;
    let second = site.link(2).await;
    shows(&site.choose(&first, NEW_PASSWORD).await, 400, ENDED);
    shows(&site.choose("", NEW_PASSWORD).await, 400, ENDED);
    site.choose(&second, NEW_PASSWORD).await.is(303);
    shows(&site.choose(&second, PASSWORD).await, 400, ENDED);
    site.password_grant("alice", NEW_PASSWORD).await.is(200);
    assert_eq!(site.links().await, 0);
}

async fn i052_a_link_ends_with_the_address_the_password_and_the_account(site: Mailing) {
    let path = format!("/api/users/{}", site.alice);
    let admin = site.admin().await;
    // another address
    let token = site.link(1).await;
    let other = json!({ "email": "other@mail.example", "email_verified": true });
    site.patch(&path, admin, other).await.is(200);
    shows(&site.choose(&token, NEW_PASSWORD).await, 400, ENDED);
    // an address that is not verified any more; the one before has heard of it
    site.server.count(2).await;
    let token = site.link(3).await;
    site.patch(&path, admin, json!({ "email_verified": false }))
        .await
        .is(200);
    site.server.count(4).await;
    shows(&site.choose(&token, NEW_PASSWORD).await, 400, ENDED);
    site.patch(&path, admin, json!({ "email_verified": true }))
        .await
        .is(200);
    // a password that was changed meanwhile, back to what it was
    let token = site.link(5).await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let own = site.log_in("alice").await;
    site.put_json("/api/me/password", &own, body)
        .await
        .no_content();
    shows(&site.choose(&token, PASSWORD).await, 400, ENDED);
    site.server.count(6).await;
    site.all_done().await;
    site.pass_time(Duration::from_hours(1));
    // a disabled account, and a time that is over
    let token = site.link(7).await;
    let admin = site.log_in("admin").await;
    site.patch(&path, &admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    shows(&site.choose(&token, WRONG).await, 400, ENDED);
    site.patch(&path, &admin, json!({ "status": "active" }))
        .await
        .is(200);
    site.pass_time(Duration::from_mins(30));
    shows(&site.choose(&token, WRONG).await, 400, ENDED);
    site.password_grant("alice", NEW_PASSWORD).await.is(200);
}

async fn i052_of_two_that_use_a_link_at_once_one_gets_it(site: Mailing) {
    let other = site.another().await;
    let token = site.link(1).await;
    let form = [
        ("token", token.as_str()),
        ("new", NEW_PASSWORD),
        ("again", NEW_PASSWORD),
    ];
    let (mut here, mut there) = (Browser::new(&site), Browser::new(&other));
    let (one, two) = tokio::join!(
        here.submit("/reset/password", &form),
        there.submit("/reset/password", &form),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400]);
}

async fn i053_opening_a_link_spends_nothing(site: Mailing) {
    let token = site.link(1).await;
    let path = format!("/reset?token={token}");
    for method in [Method::GET, Method::HEAD, Method::GET, Method::GET] {
        let opened = Browser::new(&site).send(method, &path, None, &[]).await;
        opened.is(200);
        assert_eq!(opened.header("set-cookie"), None);
        assert_eq!(opened.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(opened.header("cache-control"), Some("no-store"));
    }
    // a program that opens the form's address, or sends it from another site
    Browser::new(&site).open("/reset/password").await.is(405);
    let form = [("token", token.as_str()), ("new", WRONG), ("again", WRONG)];
    let foreign = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let refused = Browser::new(&site)
        .submit_with("/reset/password", &form, &foreign)
        .await;
    refused.is(403);
    site.choose(&token, NEW_PASSWORD).await.is(303);
}

async fn i049_links_begin_with_the_public_url_whatever_a_request_says(site: Mailing) {
    let headers = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-host", "evil.example"),
    ];
    let asked = Browser::new(&site)
        .submit_with("/reset", &[("username", "alice")], &headers)
        .await;
    asked.is(303);
    let mail = site.server.count(1).await.remove(0);
    assert!(mail.link().starts_with("/reset?token="));
    assert!(!mail.raw.contains("evil.example"));
    assert!(
        mail.html().contains(&ISSUER.replace('/', "&#x2f;")),
        "{}",
        mail.html()
    );
}

async fn i041_the_answer_is_the_same_for_all_names(site: Mailing) {
    let rows = "SELECT COUNT(*) FROM rolecall_mails";
    let mut answers = Vec::new();
    for name in [
        "alice",
        "bob",
        "nobody",
        "nobody@mail.example",
        ADDRESS,
        "\u{0}",
        &"x".repeat(5000),
    ] {
        let answer = site.ask(name).await;
        answers.push((answer.status, answer.header("location").map(str::to_owned)));
    }
    let (status, location) = answers[0].clone();
    assert_eq!(
        (status.as_u16(), location.as_deref()),
        (303, Some("/reset?sent=1"))
    );
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    site.all_done().await;
    assert_eq!(site.db.number(rows).await, 0);
    // alice by name and by address
    assert_eq!(site.server.mails().len(), 2);
}

async fn i057_i056_mail_goes_to_the_stored_verified_address_only(site: Mailing) {
    // K (Kelvin sign) and the dotless i fold to other letters
    create(&site, "kim", "kim@mail.example", true).await;
    for look_alike in [
        "\u{212a}im@mail.example",
        "k\u{131}m@mail.example",
        "KIM@MAIL.EXAMPLE",
    ] {
        site.ask(look_alike).await.is(303);
    }
    site.all_done().await;
    for mail in site.server.mails() {
        assert_eq!(mail.to, ["<kim@mail.example>"]);
    }
    // a recipient in the form counts for nothing, and an address that is not verified is none
    let form = [
        ("username", "alice"),
        ("email", "evil@evil.example"),
        ("to", "evil@evil.example"),
    ];
    Browser::new(&site).submit("/reset", &form).await.is(303);
    site.ask("bob@mail.example").await.is(303);
    site.ask("bob").await.is(303);
    site.all_done().await;
    let to: Vec<String> = site
        .server
        .mails()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    assert!(to.contains(&format!("<{ADDRESS}>")), "{to:?}");
    assert!(
        !to.iter()
            .any(|to| to.contains("evil") || to.contains("bob")),
        "{to:?}"
    );
}

async fn i060_an_address_gets_three_mails_an_hour(site: Mailing) {
    let mut last = String::new();
    for count in 1..=3 {
        last = site.link(count).await;
        site.pass_time(Duration::from_mins(1));
    }
    for _ in 0..5 {
        assert_eq!(
            site.ask("alice").await.is(303).header("location"),
            Some("/reset?sent=1")
        );
    }
    site.all_done().await;
    assert_eq!(site.server.mails().len(), 3);
    // what was not sent has ended nothing
    site.choose(&last, NEW_PASSWORD).await.is(303);
    site.server.count(4).await;
    site.pass_time(Duration::from_mins(57));
    site.link(5).await;
}

async fn y434_mails_that_a_clock_ahead_has_counted_keep_none_from_being_sent(site: Mailing) {
    for count in 1..=3 {
        site.link(count).await;
    }
    // as if a clock had been ten days ahead, for all of the mails and for the last one
    for (sent, times) in [
        (3, ["newest", "middle", "oldest"].as_slice()),
        (6, &["newest"]),
    ] {
        for time in times {
            let ahead = format!("UPDATE rolecall_mail_counts SET {time} = {time} + 864000000000");
            site.db.execute(&ahead).await;
        }
        for count in sent + 1..=sent + 3 {
            site.link(count).await;
        }
        // as many as ever, and no more
        site.ask("alice").await.is(303);
        site.all_done().await;
        assert_eq!(site.server.mails().len(), sent + 3);
    }
}

async fn i018_no_link_can_be_made_of_a_copy_of_the_database(site: Mailing) {
    site.server.answer(&[crate::support::Answer::Refuse(451)]);
    site.ask("alice").await.is(303);
    site.server.tries(1).await;
    let sealed = "SELECT sealed FROM rolecall_mails";
    let hashes = "SELECT hash FROM rolecall_mail_tokens";
    let (sealed, hashes) = (site.db.texts(sealed).await, site.db.texts(hashes).await);
    assert_eq!((sealed.len(), hashes.len()), (1, 1));
    site.pass_time(Duration::from_mins(1));
    let token = site.server.count(1).await.remove(0).token();
    assert!(!sealed[0].contains(&token) && !sealed[0].contains("alice"));
    assert!(!hashes[0].contains(&token));
    shows(&site.choose(&hashes[0], NEW_PASSWORD).await, 400, ENDED);
    site.choose(&token, NEW_PASSWORD).await.is(303);
}

async fn a_refused_password_leaves_the_link_and_a_broken_link_changes_nothing(site: Mailing) {
    let token = site.link(1).await;
    shows(&site.choose(&token, "short").await, 422, "role=\"alert\"");
    shows(
        &site.choose(&token, "alice alice alice").await,
        422,
        "role=\"alert\"",
    );
    let form = [
        ("token", token.as_str()),
        ("new", NEW_PASSWORD),
        ("again", WRONG),
    ];
    let differ = Browser::new(&site).submit("/reset/password", &form).await;
    shows(&differ, 422, "differ");
    for broken in ["x", &token[1..], &format!("{token}x"), "\u{e4}", "<b>"] {
        let page = site.choose(broken, NEW_PASSWORD).await;
        shows(&page, 400, ENDED);
        assert!(!String::from_utf8_lossy(&page.body).contains("<b>"));
    }
    site.password_grant("alice", PASSWORD).await.is(200);
    site.choose(&token, NEW_PASSWORD).await.is(303);
}

async fn without_mail_the_pages_are_hidden(db: Database) {
    let app = TestApp::configured(db, |builder| builder).await;
    create(&app, "alice", ADDRESS, true).await;
    let mut browser = Browser::new(&app);
    shows(&browser.open("/reset").await, 404, "Not offered here");
    let asked = browser.submit("/reset", &[("username", "alice")]).await;
    shows(&asked, 404, "Not offered here");
    let account = browser.open("/account").await;
    let page = browser
        .open(account.is(303).header("location").unwrap())
        .await;
    assert!(!String::from_utf8_lossy(&page.body).contains("/reset"));
    assert_eq!(
        app.db.number("SELECT COUNT(*) FROM rolecall_mails").await,
        0
    );
}

async fn mails_are_in_the_language_of_the_page(site: Mailing) {
    let german = [("accept-language", "de-AT,en;q=0.5")];
    let asked = Browser::new(&site)
        .submit_with("/reset", &[("username", "alice")], &german)
        .await;
    asked.is(303);
    let mail = site.server.count(1).await.remove(0);
    assert!(mail.text().contains("Guten Tag alice"), "{}", mail.text());
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert_eq!(mail.from, "<login@example.com>");
    // and the page of its link asks in the language of the browser
    let page = Browser::new(&site).open(&mail.link()).await;
    shows(&page, 200, "lang=\"en\"");
    let signed_in = site.log_in("alice").await;
    assert_eq!(claims(&signed_in)["sub"], site.alice);
}

async fn an_administrator_s_reset_goes_to_the_owner_of_the_account(site: Mailing) {
    let tokens = site.open_session("alice").await;
    let path = format!("/api/users/{}/reset", site.alice);
    let reset = site
        .request(Method::POST, &path)
        .token(site.admin().await)
        .send()
        .await;
    assert_eq!(reset.is(200).json["mailed"], true);
    assert_eq!(reset.json.get("reset_code"), None);
    let entry = site.newest_entry().await.to_string();
    assert!(
        entry.contains("user.reset") && entry.contains("\"means\":\"mail\""),
        "{entry}"
    );
    site.get("/api/me", &tokens.access).await.is(401);
    site.password_grant("alice", PASSWORD).await.is(401);
    site.clear_failures().await;
    let mail = site.server.count(1).await.remove(0);
    assert_eq!(
        (mail.to.clone(), mail.header("subject")),
        (
            vec![format!("<{ADDRESS}>")],
            "Choose a new password".to_owned()
        )
    );
    // the user can ask for another link, which ends this one
    let token = site.link(2).await;
    shows(&site.choose(&mail.token(), NEW_PASSWORD).await, 400, ENDED);
    site.choose(&token, NEW_PASSWORD).await.is(303);
    site.password_grant("alice", NEW_PASSWORD).await.is(200);
    // nobody without a verified address gets one
    let path = format!("/api/users/{}/reset", site.id_of("bob").await);
    let reset = site
        .request(Method::POST, &path)
        .token(site.admin().await)
        .send()
        .await;
    assert_eq!(reset.is(200).json.get("mailed"), None);
    assert!(!reset.text("reset_code").is_empty());
}
