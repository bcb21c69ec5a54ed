//! The pages by which administrators operate a server.

mod audit;
mod keys;
mod mail;
mod settings;

use crate::{
    admin_rules::{self, asks_to_sign_in, has, lacks, leads_to, signed_in},
    support::Response,
};

/// Returns the text of a page.
#[track_caller]
fn page(response: &Response, status: u16) -> String {
    // templates escape slashes too
    admin_rules::page(response, status).replace("&#x2f;", "/")
}
