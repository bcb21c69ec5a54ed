//! Backups, and starting anew after one was put back.

pub(crate) mod service;
pub(crate) mod store;
