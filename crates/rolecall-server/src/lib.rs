//! rolecall's authorization server as a library: embed it in an axum application, or run the program `rolecall`.
//!
//! [`Embedded`] is the whole server. It opens its database, gives a guard for the application's routes and brings its own:
//! login, users, roles and tokens. The `README` of the repository shows a whole project, and `examples/starter` and
//! `examples/login-page` are projects to copy.
//!
//! ```
//! use rolecall::{Authenticated, GuardedRouter, routing::get};
//! use rolecall_server::Embedded;
//!
//! async fn read_me(caller: Authenticated) -> String {
//!     caller.username().to_owned()
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let login = Embedded::builder("sqlite::memory:").first_admin("admin").open().await?;
//! let routes = GuardedRouter::new(login.guard()).route("/me", get(read_me));
//! let app = login.with_application(routes).routes()?;
//! # if false {
//! rolecall_server::serve("127.0.0.1:8000", app).await?;
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! | to | use |
//! |---|---|
//! | guard routes by role, permission or data | [`rolecall::GuardedRouter`] and the crate `rolecall` |
//! | say what roles permit | [`EmbeddedBuilder::policy`] |
//! | show routes on `/docs`, or put rolecall's under a prefix | [`Embedded::with_application`] |
//! | serve the application | [`serve`] and [`Server`], or axum's server |
//! | create and find users in code | [`Embedded::accounts`] and [`Embedded::accounts_for`] |
//! | log in from pages of the application | [`Embedded::log_in`], [`Embedded::change_password`], [`Embedded::log_out`] |
//! | keep the login in a cookie | [`EmbeddedBuilder::cookie`] |
//! | add fields to users, and show them in tokens | [`EmbeddedBuilder::profile_field`] |
//! | run code when an account changes | [`EmbeddedBuilder::on_registered`] and its neighbours |
//! | have own tables with a foreign key to `users (id)` | the order of [`EmbeddedBuilder::open`] |
//! | test all that | `testing::TemporaryDatabase` (feature `testing`), and `rolecall::testing` |
//!
//! The program needs feature `cli`, which is on by default. An application that embeds the server turns it off with
//! `default-features = false`; then no command line library is compiled.

// `eprintln!` panics where standard error cannot be written: `stderr::print_line` does not
#![cfg_attr(not(test), warn(clippy::print_stderr))]
#![cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "only the command line calls some of the services")
)]

mod accounts;
mod api;
mod app;
mod audit;
mod authority;
mod backchannel;
mod bootstrap;
mod boxed;
mod breached;
mod clean_up;
#[cfg(feature = "cli")]
pub mod cli;
mod clients;
pub mod config;
#[cfg(feature = "cli")]
mod configured;
mod consents;
mod decisions;
mod demo;
mod docs;
mod doctor;
mod embedded;
mod error;
mod factors;
mod feed;
mod files;
mod forward_auth;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod health;
mod heavy;
mod hooks;
pub mod http;
pub mod ids;
mod invitations;
mod keys;
mod known_time;
mod legacy;
pub mod logging;
mod login;
mod mail;
mod metrics;
mod oauth;
mod outgoing;
mod overview;
mod own_data;
mod pages;
mod patch;
mod policy;
mod policy_limits;
mod prepared;
mod profile;
mod quota;
mod reasons;
mod recovery;
mod refusals;
mod resources;
mod roles;
mod secret_files;
mod sessions;
mod settings;
mod start;
mod start_error;
mod stderr;
mod store;
#[cfg(any(feature = "cli", feature = "testing"))]
mod temporary;
#[cfg(feature = "testing")]
pub mod testing;
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
pub use outgoing::allow::AllowedTarget;
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
