//! The OAuth endpoints: `/token`, `/revoke`, `/introspect`, the metadata and the JWK Set.

pub(crate) mod basic;
pub(crate) mod client_auth;
pub(crate) mod client_credentials;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod grant;
pub(crate) mod handlers;
pub(crate) mod introspect;
pub(crate) mod known_token;
pub(crate) mod metadata;
pub(crate) mod refresh;
pub(crate) mod revoke;
pub(crate) mod service;

#[cfg(test)]
mod tests;
