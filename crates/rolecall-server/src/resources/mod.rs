//! Resources: APIs for which tokens carry only what concerns them (RFC 8707).

pub(crate) mod handlers;
pub(crate) mod limit;
pub(crate) mod service;
pub(crate) mod store;
