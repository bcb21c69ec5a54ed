//! The pages of the rules for administrators.

mod constraints;
mod decisions;
mod hierarchy;
mod matrix;
mod policy;
mod requests;

use crate::support::{Browser, PASSWORD, Response, TestApp};

/// Signs a user in by the first page.
pub(crate) async fn signed_in<'a>(app: &'a TestApp, username: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let begun = browser.open("/admin").await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    let entered = browser.log_in(flow, username, PASSWORD).await;
    assert_eq!(entered.is(303).header("location"), Some("/admin"));
    browser
}

/// Returns the text of a page.
#[track_caller]
pub(crate) fn page(response: &Response, status: u16) -> String {
    String::from_utf8_lossy(&response.is(status).body).into_owned()
}

/// Asserts that a page has each of these texts.
#[track_caller]
pub(crate) fn has(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text}: {page}");
    }
}

/// Asserts that a page has none of these texts.
#[track_caller]
pub(crate) fn lacks(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(!page.contains(text), "{text}: {page}");
    }
}

/// Asserts that an answer leads to a sign-in.
#[track_caller]
pub(crate) fn asks_to_sign_in(response: &Response) {
    let location = response.is(303).header("location").unwrap();
    assert!(location.starts_with("/login?flow="), "{location}");
}

/// Asserts that an answer leads to `location`, maybe with what undoes the action.
#[track_caller]
pub(crate) fn leads_to(response: &Response, location: &str) {
    let found = response.is(303).header("location").unwrap();
    assert_eq!(found.split("&undo=").next(), Some(location));
}

/// Returns the value of the hidden field `name` of a page.
#[track_caller]
pub(crate) fn hidden<'p>(page: &'p str, name: &str) -> &'p str {
    let begin = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    let (_, after) = page
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{name}: {page}"));
    after.split('"').next().unwrap()
}
