//! What is going on, for the first page of administrators.

pub(crate) mod service;
pub(crate) mod store;
