//! Browser sessions: who is signed in with which browser.

pub(crate) mod others;
pub(crate) mod service;
pub(crate) mod store;
