//! Signing keys. They are stored encrypted in the database, published before they sign, and kept until the last token
//! that they signed has expired.

pub(crate) mod fresh;
pub(crate) mod handlers;
pub(crate) mod id_tokens;
pub(crate) mod lifecycle;
pub(crate) mod maintenance;
pub(crate) mod master;
pub(crate) mod ring;
pub(crate) mod rotate_master;
pub(crate) mod service;
pub(crate) mod store;
