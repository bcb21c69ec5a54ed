//! The outbox on the pages, and a mail that tries the settings.

use super::{has, lacks, page, signed_in};
use crate::{
    mail::Mailing,
    support::{Answer, TestApp, eventually, on_both},
};

on_both![
    mails_that_failed_are_listed_with_their_reason,
    a_test_message_says_what_the_server_answers,
    a_test_message_needs_an_address_and_the_permission_to_change_users,
    one_address_gets_three_test_messages_an_hour,
    without_mail_the_page_says_which_settings_lack,
];

const MAIL: &str = "/admin/mail";

async fn mails_that_failed_are_listed_with_their_reason(site: Mailing) {
    let mut browser = signed_in(&site.app, "admin").await;
    has(
        &page(&browser.open(MAIL).await, 200),
        &["No mail waits.", "Waiting: 0. Given up: 0."],
    );
    site.server
        .answer(&[Answer::Refuse(550), Answer::Refuse(451)]);
    site.ask("alice").await.is(303);
    eventually("it is given up", async || {
        site.db
            .number("SELECT COUNT(*) FROM rolecall_mails WHERE failed_at IS NOT NULL")
            .await
            == 1
    })
    .await;
    for path in ["/admin/mail", "/admin/mail?state=failed"] {
        let shown = page(&browser.open(path).await, 200);
        has(
            &shown,
            &["status 550", "Given up", "Given up: 1.", "reset", "one try"],
        );
    }
    let shown = page(&browser.open("/admin").await, 200);
    has(&shown, &["href=\"/admin/mail?state=failed\""]);
    // those who may not read users see no addresses
    site.create_role("auditor", &["rolecall.audit:read"]).await;
    site.create_user("auditor", &["auditor"]).await;
    let mut auditor = signed_in(&site.app, "auditor").await;
    auditor.open(MAIL).await.is(403);
    lacks(&page(&auditor.open("/admin").await, 200), &[MAIL]);
    let hostile = browser
        .open("/admin/mail?state=%3Cprobe%3E&after=%3Cprobe%3E")
        .await;
    lacks(&page(&hostile, 200), &["<probe"]);
}

async fn a_test_message_says_what_the_server_answers(site: Mailing) {
    let mut browser = signed_in(&site.app, "admin").await;
    let form = [("address", "ops@mail.example")];
    let shown = page(&browser.submit(MAIL, &form).await, 200);
    has(&shown, &["Taken", "ops@mail.example", "(SPF, DKIM, DMARC)"]);
    site.server.count(1).await;
    site.server.answer(&[Answer::Refuse(550)]);
    let shown = page(&browser.submit(MAIL, &form).await, 200);
    has(
        &shown,
        &[
            "Not taken",
            "550 no &lt;ops@mail.example&gt; here",
            "Check the address that the mail goes to",
            "value=\"ops@mail.example\"",
        ],
    );
    // it is sent at once, and waits nowhere
    assert_eq!(site.db.count("rolecall_mails").await, 0);
}

async fn a_test_message_needs_an_address_and_the_permission_to_change_users(site: Mailing) {
    let mut browser = signed_in(&site.app, "admin").await;
    for wrong in ["", "nobody", "a@b@c", "x@y\r\nBcc: z@z.example", "<probe>"] {
        let shown = page(&browser.submit(MAIL, &[("address", wrong)]).await, 422);
        has(&shown, &["href=\"#address\""]);
        lacks(&shown, &["<probe"]);
    }
    site.create_role("reader", &["rolecall.users:read"]).await;
    site.create_user("reader", &["reader"]).await;
    let mut reader = signed_in(&site.app, "reader").await;
    lacks(&page(&reader.open(MAIL).await, 200), &["name=\"address\""]);
    let form = [("address", "ops@mail.example")];
    reader.submit(MAIL, &form).await.is(403);
    let mut nobody = signed_in(&site.app, "alice").await;
    nobody.open(MAIL).await.is(403);
    nobody.submit(MAIL, &form).await.is(403);
    assert_eq!(site.server.conversations(), 0);
}

async fn one_address_gets_three_test_messages_an_hour(site: Mailing) {
    let mut browser = signed_in(&site.app, "admin").await;
    let form = [("address", "ops@mail.example")];
    for _ in 0..3 {
        has(&page(&browser.submit(MAIL, &form).await, 200), &["Taken"]);
    }
    let shown = page(&browser.submit(MAIL, &form).await, 429);
    has(&shown, &["Try again in 3600 seconds."]);
    site.server.count(3).await;
    assert_eq!(site.server.conversations(), 3);
    let other = [("address", "other@mail.example")];
    has(&page(&browser.submit(MAIL, &other).await, 200), &["Taken"]);
}

async fn without_mail_the_page_says_which_settings_lack(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open(MAIL).await, 200);
    has(&shown, &["No mail is sent.", "mail.url", "mail.from"]);
    lacks(&shown, &["name=\"address\"", "Outbox"]);
    let shown = page(
        &browser
            .submit(MAIL, &[("address", "ops@mail.example")])
            .await,
        200,
    );
    has(&shown, &["No mail is sent."]);
    lacks(&shown, &["Taken"]);
}
