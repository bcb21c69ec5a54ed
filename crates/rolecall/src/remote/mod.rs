//! Follows an issuer in another process: its keys and its feed of revocations.
//!
//! One background task follows both. Requests to the application never wait for it: they use the last known state, or get
//! 503. Only a request with a ticket waits for an answer of the issuer.

mod backoff;
mod client_token;
mod error;
mod failure;
mod feed;
mod http;
mod keys;
mod metadata;
#[cfg(feature = "testing")]
mod script;
mod settings;
mod shared;
mod task;
#[cfg(feature = "axum")]
mod tickets;
mod time;

pub(crate) use error::SetupError;
pub(crate) use feed::usual_age;
#[cfg(feature = "testing")]
pub(crate) use script::Script;
pub(crate) use settings::{Credentials, Home, Settings};
pub(crate) use task::Remote;
