//! Consents: what users have allowed clients to get of theirs.

pub(crate) mod ceiling;
pub(crate) mod handlers;
pub(crate) mod service;
pub(crate) mod store;
