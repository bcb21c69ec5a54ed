//! Sessions: what a log-in opens.

pub(crate) mod store;
