//! What is going on, for the pages of administrators.

pub(crate) mod operation;
pub(crate) mod service;
pub(crate) mod store;
