//! rolecall's authorization server as a library: embed it in an axum application, or run the program `rolecall`.
//!
//! The program needs feature `cli`, which is on by default. An application that embeds the server turns it off with
//! `default-features = false`; then no command line library is compiled.

#![cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "only the command line calls some of the services")
)]

mod accounts;
mod api;
mod app;
mod audit;
mod authority;
mod bootstrap;
mod clean_up;
#[cfg(feature = "cli")]
pub mod cli;
mod clients;
pub mod config;
#[cfg(feature = "cli")]
mod configured;
mod decisions;
mod demo;
mod docs;
#[cfg(feature = "cli")]
mod doctor;
mod embedded;
mod error;
mod feed;
mod forward_auth;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod health;
mod heavy;
mod hooks;
pub mod http;
pub mod ids;
mod keys;
mod known_time;
mod legacy;
pub mod logging;
mod login;
mod metrics;
mod oauth;
mod patch;
mod policy;
mod prepared;
mod profile;
mod quota;
mod recovery;
mod refusals;
mod roles;
mod secret_files;
mod sessions;
mod settings;
mod start;
mod start_error;
mod store;
pub mod throttle;
mod tickets;
mod times;
mod tokens;
pub mod usernames;
pub mod vault;
mod watch;
mod web;

pub use config::SigningAlgorithm;
pub use embedded::{
    AccountError, AccountErrorKind, Accounts, Assigned, Assignment, CreatedUser, Embedded,
    EmbeddedBuilder, LogIn, LogInError, LogInErrorKind, NewUser, Registration, ResetCode,
    RoleOfUser, Servable, ServeError, Server, Tokens, User, UserPage, UserStatus, WithApplication,
    bind_next_free, serve,
};
pub use hooks::{AccountEvent, AccountEventKind};
pub use http::Stopping;
pub use legacy::old_tokens::LegacyTokens;
pub use policy::at_start::EditedPolicy;
pub use profile::{FieldAccess, ProfileField};
pub use rolecall_passwords as passwords;
pub use start::StartError;
pub use store::{OpenError, Store, StoreError};

/// Runs the examples of the page about embedding.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct EmbeddingPage;

/// Compiles the programs of the page about browsers.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/browsers.md")]
struct Browsers;
