//! The audit log: one entry for each revision, written in the transaction of the change. Each entry has a mark that
//! depends on the mark before it.

pub(crate) mod access;
pub(crate) mod baseline;
pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod handlers;
mod invitations;
pub(crate) mod lines;
mod permitted;
pub(crate) mod search;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod verify;
