//! OAuth clients: programs that log users in, act for themselves, or ask about tokens.

pub(crate) mod changes;
mod delegation;
pub(crate) mod handlers;
mod logout_uri;
pub(crate) mod redirect;
pub(crate) mod registration;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod sign_in;
pub(crate) mod store;
pub(crate) mod views;
