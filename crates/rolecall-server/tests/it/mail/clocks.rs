//! Clocks that are wrong neither hold mails back nor let links and codes live longer.

use std::time::Duration;

use rolecall::{Clock as _, ManualClock};
use serde_json::json;

use super::{Mailing, shows};
use crate::support::{Answer, Browser, NEW_PASSWORD, PASSWORD, eventually, on_both};

on_both![
    y452_a_mail_of_a_clock_ahead_is_sent_at_once_and_its_link_works,
    y452_an_invitation_of_a_clock_ahead_waits_for_no_day_and_can_be_accepted,
    y453_a_link_that_a_clock_ahead_has_made_never_works_again,
    y453_a_reset_code_that_a_clock_ahead_has_made_never_works_again,
    y454_links_and_mails_are_timed_by_the_database,
];

const AHEAD: Duration = Duration::from_hours(10 * 24);
const ENDED: &str = "This link does not work any more";

/// Sets the clock of this node and of the database back to where it was.
fn set_right(site: &Mailing) {
    site.clock.set(site.clock.now().minus(AHEAD));
}

async fn fails_once(site: &Mailing, ask: impl AsyncFnOnce()) {
    site.server.answer(&[Answer::Refuse(451)]);
    ask().await;
    site.server.tries(1).await;
    eventually("the try has ended", async || {
        site.db
            .number("SELECT COUNT(*) FROM rolecall_mails WHERE last_error IS NOT NULL")
            .await
            == 1
    })
    .await;
}

async fn y452_a_mail_of_a_clock_ahead_is_sent_at_once_and_its_link_works(site: Mailing) {
    site.pass_time(AHEAD);
    fails_once(&site, async || {
        site.ask("alice").await.is(303);
    })
    .await;
    set_right(&site);
    let token = site.server.count(1).await.remove(0).token();
    site.all_done().await;
    // it lasts as long as others
    site.pass_time(Duration::from_mins(29));
    let page = Browser::new(&site)
        .open(&format!("/reset?token={token}"))
        .await;
    page.is(200);
    site.pass_time(Duration::from_mins(1));
    shows(&site.choose(&token, NEW_PASSWORD).await, 400, ENDED);
}

async fn y452_an_invitation_of_a_clock_ahead_waits_for_no_day_and_can_be_accepted(site: Mailing) {
    site.pass_time(AHEAD);
    fails_once(&site, async || {
        let body = json!({ "email": "guest@mail.example" });
        let token = site.log_in("admin").await;
        site.post("/api/invitations", &token, body).await.is(201);
    })
    .await;
    set_right(&site);
    let token = site.server.count(1).await.remove(0).token();
    let form = [
        ("token", token.as_str()),
        ("username", "guest"),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ];
    let accepted = Browser::new(&site).submit("/invite", &form).await;
    accepted.is(303);
}

async fn y453_a_link_that_a_clock_ahead_has_made_never_works_again(site: Mailing) {
    site.pass_time(AHEAD);
    let token = site.link(1).await;
    let admin = site.log_in("admin").await;
    let body = json!({ "email": "guest@mail.example" });
    site.post("/api/invitations", &admin, body).await.is(201);
    let invitation = site.server.count(2).await.remove(1).token();
    site.all_done().await;
    set_right(&site);
    for path in [
        format!("/reset?token={token}"),
        format!("/invite?token={invitation}"),
    ] {
        shows(&Browser::new(&site).open(&path).await, 400, ENDED);
    }
    shows(&site.choose(&token, NEW_PASSWORD).await, 400, ENDED);
    let listed = site.get("/api/invitations", site.admin().await).await;
    assert_eq!(listed.items("id"), [""; 0]);
    // another one does
    let token = site.link(3).await;
    site.choose(&token, NEW_PASSWORD).await.is(303);
}

async fn y453_a_reset_code_that_a_clock_ahead_has_made_never_works_again(site: Mailing) {
    let bob = site.id_of("bob").await;
    let reset = async || {
        let admin = site.log_in("admin").await;
        let made = site
            .post(format!("/api/users/{bob}/reset"), &admin, json!({}))
            .await;
        made.is(200).text("reset_code")
    };
    site.pass_time(AHEAD);
    let code = reset().await;
    set_right(&site);
    let refused = site.replace_password("bob", &code, NEW_PASSWORD).await;
    refused.wrong_password();
    let code = reset().await;
    let changed = site.replace_password("bob", &code, NEW_PASSWORD).await;
    changed.no_content();
}

async fn y454_links_and_mails_are_timed_by_the_database(site: Mailing) {
    let ahead = ManualClock::at(site.clock.now().plus(AHEAD));
    let of_database = site.clock.clone();
    let node = site
        .app
        .node(|builder| {
            let builder = builder.clock(ahead).database_clock(of_database);
            site.server.configure(builder)
        })
        .await;
    site.server.answer(&[Answer::Refuse(451)]);
    Browser::new(&node)
        .submit("/reset", &[("username", "alice")])
        .await
        .is(303);
    site.server.tries(1).await;
    let now = site.clock.now();
    let limit = now.plus(Duration::from_mins(30)).micros();
    for times in [
        "SELECT MAX(expires_at) FROM rolecall_mail_tokens",
        "SELECT MAX(expires_at) FROM rolecall_mails",
    ] {
        assert_eq!(site.db.number(times).await, limit, "{times}");
    }
    for times in [
        "SELECT MAX(created_at) FROM rolecall_mail_tokens",
        "SELECT MAX(created_at) FROM rolecall_mails",
    ] {
        assert_eq!(site.db.number(times).await, now.micros(), "{times}");
    }
    site.pass_time(Duration::from_mins(1));
    let token = site.server.count(1).await.remove(0).token();
    // the other node takes it as well
    let page = Browser::new(&node)
        .open(&format!("/reset?token={token}"))
        .await;
    page.is(200);
    site.choose(&token, NEW_PASSWORD).await.is(303);
}
