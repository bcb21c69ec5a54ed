//! OAuth clients: programs that log users in, act for themselves, or ask about tokens.

pub(crate) mod handlers;
pub(crate) mod registration;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod store;
