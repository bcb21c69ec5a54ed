//! The time that everything about a sign-in lasts.

use std::time::Duration;

use super::{REDIRECT, Site, code_of, error_of, has_ended, is_page, leads_to_page};
use crate::support::{Browser, PASSWORD, SignInAnswer, on_both};

on_both![
    a_flow_ends_after_ten_idle_minutes,
    a_flow_ends_after_half_an_hour,
    a_browser_session_ends_after_eight_idle_hours,
    a_browser_session_ends_after_a_day,
    who_stays_signed_in_stays_for_thirty_days,
    tokens_end_with_the_browser_session_unless_they_are_for_longer,
    a_clock_set_back_makes_nothing_last_longer,
    y265_max_age_counts_until_the_code_is_made,
    y265_a_password_that_was_just_typed_does_for_any_max_age,
];

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Returns a second less.
fn just_below(limit: Duration) -> Duration {
    limit.saturating_sub(Duration::from_secs(1))
}

async fn a_flow_ends_after_ten_idle_minutes(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let link = format!("/login?flow={flow}");
    site.pass_time(just_below(10 * MINUTE));
    is_page(&browser.open(&link).await, 200);
    // looking at the page is no step
    site.pass_time(Duration::from_secs(1));
    has_ended(&browser.open(&link).await);
    has_ended(&browser.log_in(&flow, "alice", PASSWORD).await);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    site.pass_time(9 * MINUTE);
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    site.pass_time(9 * MINUTE);
    code_of(&browser.decide(&flow, "allow").await);
    let flow = browser
        .begin(&site.other, REDIRECT, &[("prompt", "consent")])
        .await;
    site.pass_time(10 * MINUTE);
    has_ended(&browser.decide(&flow, "allow").await);
}

async fn a_flow_ends_after_half_an_hour(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    for step in 0..3 {
        site.pass_time(9 * MINUTE);
        let next = if step == 1 {
            browser.submit("/login/other", &[("flow", &flow)]).await
        } else {
            browser.log_in(&flow, "alice", PASSWORD).await
        };
        leads_to_page(&next, &flow);
    }
    site.pass_time(just_below(3 * MINUTE));
    is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    site.pass_time(Duration::from_secs(1));
    has_ended(&browser.log_in(&flow, "alice", PASSWORD).await);
}

async fn a_browser_session_ends_after_eight_idle_hours(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    // each use prolongs it
    for _ in 0..2 {
        site.pass_time(just_below(8 * HOUR));
        assert!(site.is_signed_in(&mut browser).await);
    }
    site.pass_time(8 * HOUR);
    assert!(!site.is_signed_in(&mut browser).await);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(!page.contains("alice"), "{page}");
}

async fn a_browser_session_ends_after_a_day(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    for _ in 0..3 {
        site.pass_time(7 * HOUR);
        assert!(site.is_signed_in(&mut browser).await);
    }
    site.pass_time(just_below(3 * HOUR));
    assert!(site.is_signed_in(&mut browser).await);
    site.pass_time(Duration::from_secs(1));
    assert!(!site.is_signed_in(&mut browser).await);
}

async fn who_stays_signed_in_stays_for_thirty_days(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let form = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("password", PASSWORD),
        ("stay", "on"),
    ];
    let answer = browser.submit("/login", &form).await;
    code_of(&answer);
    let cookies = answer.headers.get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies.map(|one| one.to_str().unwrap()).collect();
    let session = cookies
        .iter()
        .find(|one| one.starts_with("__Host-rolecall-session="))
        .unwrap();
    assert!(session.contains("; Max-Age=2592000"), "{session}");
    site.pass_time(29 * 24 * HOUR);
    assert!(site.is_signed_in(&mut browser).await);
    site.pass_time(just_below(24 * HOUR));
    assert!(site.is_signed_in(&mut browser).await);
    site.pass_time(Duration::from_secs(1));
    assert!(!site.is_signed_in(&mut browser).await);
    // without it, the cookie goes with the browser
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let answer = browser.log_in(&flow, "alice", PASSWORD).await;
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.map(|one| one.to_str().unwrap());
    let session = cookies
        .find(|one| one.starts_with("__Host-rolecall-session="))
        .unwrap();
    assert!(!session.contains("Max-Age"), "{session}");
}

async fn tokens_end_with_the_browser_session_unless_they_are_for_longer(site: Site) {
    for (scope, outlives) in [("openid", false), ("openid offline_access", true)] {
        let mut browser = Browser::new(&site);
        let answer = site.sign_in(&mut browser, &[("scope", scope)]).await;
        let tokens = site.redeem_first(answer.code()).await;
        let mut refresh = tokens.is(200).text("refresh_token");
        // a refresh is a use of the browser session
        for _ in 0..3 {
            site.pass_time(7 * HOUR);
            let next = site.refresh_through(&site.first, &refresh).await;
            refresh = next.is(200).text("refresh_token");
        }
        site.pass_time(3 * HOUR);
        let next = site.refresh_through(&site.first, &refresh).await;
        if outlives {
            next.is(200);
        } else {
            next.oauth_error(400, "invalid_grant");
        }
    }
}

async fn a_clock_set_back_makes_nothing_last_longer(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let now = rolecall::Clock::now(&site.clock);
    site.clock.set(now.minus(2 * HOUR));
    has_ended(&browser.log_in(&flow, "alice", PASSWORD).await);
    site.clock.set(now);
    site.sign_in(&mut browser, &[]).await.code();
    site.clock.set(now.minus(10 * MINUTE));
    let answer = browser
        .authorize(
            &site.first,
            REDIRECT,
            &[("prompt", "none"), ("max_age", "0")],
        )
        .await;
    assert_eq!(error_of(&answer), "login_required");
    assert!(SignInAnswer::of(&answer, REDIRECT).is_some());
}

/// The session was recent enough when the sign-in began, and then a page waited.
async fn y265_max_age_counts_until_the_code_is_made(site: Site) {
    let mut browser = Browser::new(&site);
    site.sign_in(&mut browser, &[]).await.code();
    site.pass_time(Duration::from_secs(50));
    let recent = [("max_age", "60")];
    let flow = browser.begin(&site.other, REDIRECT, &recent).await;
    let link = format!("/login?flow={flow}");
    assert!(is_page(&browser.open(&link).await, 200).contains("name=\"decision\""));
    site.pass_time(Duration::from_secs(11));
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    let page = is_page(&browser.open(&link).await, 200);
    assert!(page.contains("name=\"password\""), "{page}");
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    code_of(&browser.decide(&flow, "allow").await);
    // without a page in between it is as before
    site.pass_time(Duration::from_mins(1));
    code_of(&browser.authorize(&site.first, REDIRECT, &recent).await);
}

async fn y265_a_password_that_was_just_typed_does_for_any_max_age(site: Site) {
    for (wait, does) in [(just_below(5 * MINUTE), true), (5 * MINUTE, false)] {
        let mut browser = Browser::new(&site);
        let asked = [("max_age", "0"), ("prompt", "consent")];
        let flow = browser.begin(&site.other, REDIRECT, &asked).await;
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        site.pass_time(wait);
        let answer = browser.decide(&flow, "allow").await;
        if does {
            code_of(&answer);
        } else {
            leads_to_page(&answer, &flow);
        }
    }
}
