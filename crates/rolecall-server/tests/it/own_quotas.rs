//! Quotas of what users do on the pages of their own account.

use rolecall_server::{ProfileField, config::Quotas};

use crate::support::{Browser, Database, Fixture, PASSWORD, Response, TestApp, on_both};

on_both![
    y531_changes_on_the_own_pages_have_a_quota,
    y531_what_does_not_exist_waits_for_no_change,
];

/// A node on which a user can change the own account ten times in an hour.
struct Few(TestApp);

impl Fixture for Few {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let quotas = Quotas {
            own_changes_per_hour: 10,
            ..Quotas::default()
        };
        let app = TestApp::configured(db, |builder| {
            let nickname = ProfileField::string("nickname").max_length(40);
            builder.quotas(quotas).profile_field(nickname)
        });
        Self(app.await)
    }
}

/// Signs a user in to the page of the account.
async fn signed_in<'a>(app: &'a TestApp, username: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let begun = browser.open("/account").await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    browser.log_in(flow, username, PASSWORD).await.is(303);
    browser
}

async fn rename(browser: &mut Browser<'_>, number: u32) -> Response {
    let name = format!("name {number}");
    let form = [("field-nickname", name.as_str())];
    browser.submit("/account/profile", &form).await
}

async fn y531_changes_on_the_own_pages_have_a_quota(app: Few) {
    let app = app.0;
    app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    let mut browser = signed_in(&app, "alice").await;
    for number in 0..10 {
        rename(&mut browser, number).await.is(303);
    }
    let entries = app.db.count("audit").await;
    let refused = rename(&mut browser, 10).await;
    let seconds = refused.is(429).header("retry-after").unwrap();
    assert!((1..=360).contains(&seconds.parse::<u64>().unwrap()));
    // another browser has no quota of its own
    let mut second = signed_in(&app, "alice").await;
    rename(&mut second, 11).await.is(429);
    assert_eq!(app.db.count("audit").await, entries);
    // what changes nothing costs nothing, and others have their own
    rename(&mut second, 9).await.is(303);
    let mut other = signed_in(&app, "bob").await;
    rename(&mut other, 0).await.is(303);
    // nothing keeps anybody from ending what is theirs
    let end = [("others", "all")];
    second.submit("/account/end", &end).await.is(303);
    browser.open("/account").await.is(303);
    second.open("/account").await.is(200);
    app.clock.advance(std::time::Duration::from_mins(6));
    rename(&mut second, 12).await.is(303);
}

async fn y531_what_does_not_exist_waits_for_no_change(app: Few) {
    let app = app.0;
    app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "alice").await;
    let others = [("others", "all")];
    browser.submit("/account/end", &others).await.is(303);
    let held = app.db.lock_head().await;
    browser.submit("/account/end", &others).await.is(303);
    let client = [("client", "none")];
    browser.submit("/account/withdraw", &client).await.is(303);
    let factor = [("factor", "none"), ("name", "x")];
    let renamed = browser.submit("/account/factors/rename", &factor).await;
    renamed.is(303);
    held.release().await;
}
