//! Hooks: code of the application that runs after something happened to an account.
//!
//! The change writes an entry to the outbox (`store/outbox.rs`) in its own transaction, and [`sender`] hands it to the
//! hook until that succeeds: at least once, in order for each user, by one process at a time.

mod event;
mod registered;
pub(crate) mod sender;

pub use event::{AccountEvent, AccountEventKind};
pub(crate) use registered::Hooks;
