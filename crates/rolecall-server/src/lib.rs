//! rolecall's authorization server, as a library: embed it in an axum application, or run the binary.

mod accounts;
mod api;
mod app;
mod audit;
mod bootstrap;
mod clean_up;
pub mod cli;
mod clients;
pub mod config;
mod decisions;
mod demo;
mod docs;
mod doctor;
mod document;
mod embedded;
mod error;
mod extract;
mod feed;
mod forward_auth;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod health;
pub mod http;
pub mod ids;
mod keys;
mod legacy;
pub mod logging;
mod metrics;
mod oauth;
mod policy;
mod recovery;
mod roles;
mod sessions;
mod start;
mod store;
pub mod throttle;
pub mod usernames;
pub mod vault;
mod watch;

pub use config::SigningAlgorithm;
pub use embedded::{Embedded, EmbeddedBuilder, Registration, serve};
pub use legacy::LegacyTokens;
pub use rolecall_passwords as passwords;
pub use start::StartError;
pub use store::{OpenError, Store, StoreError};
