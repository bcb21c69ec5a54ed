//! Backups, their restoration, and the end of all tokens after one.

pub(crate) mod backup;
mod checksum;
pub(crate) mod error;
pub(crate) mod lost_revisions;
pub(crate) mod restore;
pub(crate) mod service;
pub(crate) mod store;
