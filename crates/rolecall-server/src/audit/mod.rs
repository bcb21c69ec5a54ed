//! The audit log: one entry a revision, written in the transaction of what it tells of, each with a mark
//! that depends on the one before.

mod chain;
pub(crate) mod events;
pub(crate) mod handlers;
pub(crate) mod service;
pub(crate) mod store;

pub(crate) use chain::Chain;
