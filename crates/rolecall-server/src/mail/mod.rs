//! Mail: an outbox that is written in the transaction of what it tells of, the links in mails, and the sender.

pub(crate) mod addresses;
pub(crate) mod code_store;
pub(crate) mod codes;
mod connection;
mod limited;
pub(crate) mod notices;
pub(crate) mod outbox;
pub(crate) mod recipients;
pub(crate) mod reset;
pub(crate) mod reset_error;
pub(crate) mod reset_factor;
pub(crate) mod send_error;
pub(crate) mod sender;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod smtp;
pub(crate) mod store;
pub(crate) mod token_store;
pub(crate) mod tokens;
pub(crate) mod trial;
