//! Signing keys: made at the first start, kept sealed in the database.

pub(crate) mod service;
pub(crate) mod store;
