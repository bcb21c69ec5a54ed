//! Backups, their restoration, and the end of all tokens after one.

#[cfg(feature = "cli")]
pub(crate) mod backup;
#[cfg(feature = "cli")]
mod checksum;
#[cfg(feature = "cli")]
pub(crate) mod error;
pub(crate) mod lost_revisions;
#[cfg(feature = "cli")]
pub(crate) mod restore;
#[cfg(feature = "cli")]
pub(crate) mod service;
pub(crate) mod store;
