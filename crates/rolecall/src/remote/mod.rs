//! Follows an issuer in another process: its keys and its feed of revocations.
//!
//! One background task does all requests. Requests to the application never wait for it: they use the last known state,
//! or get 503.

mod backoff;
mod error;
mod failure;
mod feed;
mod http;
mod keys;
mod metadata;
mod settings;
mod shared;
mod task;
mod time;

pub(crate) use error::SetupError;
pub(crate) use feed::usual_age;
pub(crate) use settings::{Credentials, Settings};
pub(crate) use task::Remote;
