//! Sessions: what a log-in opens, and the refresh tokens that keep it going.

pub(crate) mod active;
pub(crate) mod active_store;
pub(crate) mod endings;
pub(crate) mod handlers;
pub(crate) mod losses;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod unadmitted_store;
