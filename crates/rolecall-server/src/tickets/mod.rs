//! One-use tickets, for connections that cannot send a header: those of `WebSocket` and `EventSource`, links to downloads.
//!
//! A ticket stands for the access token with which it was requested, for half a minute. The token is stored encrypted with
//! a key derived from the ticket, and the ticket is not stored: neither the database nor a backup of it gives access.

pub(crate) mod handlers;
pub(crate) mod redeemer;
pub(crate) mod service;
pub(crate) mod store;
