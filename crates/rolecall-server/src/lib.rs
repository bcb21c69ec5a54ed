//! The authorization server: log-in, users, roles and permissions over HTTP and on the
//! command line.

pub mod config;
pub mod ids;
pub mod passwords;
pub mod usernames;
pub mod vault;
