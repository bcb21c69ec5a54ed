//! Checks for common problems of an installation, each with its solution. They change nothing.

mod assurance;
mod breached;
mod configuration;
#[cfg(feature = "cli")]
mod database;
#[cfg(feature = "cli")]
mod files;
pub(crate) mod finding;
pub(crate) mod mail;
mod pages;
mod passkeys;
pub(crate) mod running;
#[cfg(feature = "cli")]
mod system;
#[cfg(feature = "cli")]
mod whole;

#[cfg(feature = "cli")]
pub(crate) use self::{
    configuration::{NO_TLS, remarks},
    whole::run_checks,
};

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;
