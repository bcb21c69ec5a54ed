//! The audit log: one entry a revision, written in the transaction of what it tells of, each with a mark
//! that depends on the one before.

pub(crate) mod events;
pub(crate) mod handlers;
pub(crate) mod service;
pub(crate) mod store;
