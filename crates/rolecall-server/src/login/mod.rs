//! Login: proving who somebody is, and limiting guesses; and the steps of a sign-in with a browser.

pub(crate) mod account;
pub(crate) mod acting;
pub(crate) mod browser;
pub(crate) mod code_store;
pub(crate) mod decoys;
mod device;
pub(crate) mod failures;
pub(crate) mod flow;
pub(crate) mod known;
pub(crate) mod known_store;
pub(crate) mod logout;
pub(crate) mod password;
pub(crate) mod reset_code;
pub(crate) mod sampling;
pub(crate) mod second;
pub(crate) mod secret;
pub(crate) mod strengthen;
