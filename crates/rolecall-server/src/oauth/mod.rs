//! The OAuth endpoints: `/token`, the metadata and the JWK Set.

pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod grant;
pub(crate) mod handlers;
pub(crate) mod metadata;
pub(crate) mod scope;
pub(crate) mod service;
