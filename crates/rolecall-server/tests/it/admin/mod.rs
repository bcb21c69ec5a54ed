//! The pages for administrators.

mod access;
mod browsers;
mod clients;
mod invitations;
mod kept;
mod nowhere;
mod permissions;
mod resources;
mod roles;
mod stale;
mod start;
mod tenant_roles;
mod trial;
mod undo;
mod users;

use crate::support::{Browser, PASSWORD, Response, TestApp};

/// Signs a user in by the page at `path`, which must come back to it.
async fn signed_in_at<'a>(app: &'a TestApp, username: &str, path: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let begun = browser.open(path).await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    let entered = browser.log_in(flow, username, PASSWORD).await;
    assert_eq!(entered.is(303).header("location"), Some(path));
    browser
}

/// Signs a user in at the first page.
async fn signed_in<'a>(app: &'a TestApp, username: &str) -> Browser<'a> {
    signed_in_at(app, username, "/admin").await
}

/// Returns the text of a page.
#[track_caller]
fn page(response: &Response, status: u16) -> String {
    let text = String::from_utf8_lossy(&response.is(status).body).into_owned();
    // templates escape slashes too
    text.replace("&#x2f;", "/")
}

/// Asserts that an action leads to `path` with the word for what was done, and maybe what undoes it.
#[track_caller]
fn is_done(response: &Response, path: &str, done: &str) {
    let location = response.is(303).header("location").unwrap();
    let shown = location.split("&undo=").next();
    assert_eq!(shown, Some(&*format!("{path}?done={done}")));
}

/// Returns the part of a page between `begin` and `end`.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let after = text.split_once(begin).map_or("", |(_, after)| after);
    after.split_once(end).map_or("", |(before, _)| before)
}
