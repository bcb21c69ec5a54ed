//! The OAuth endpoints: `/authorize`, `/token`, `/userinfo`, `/revoke`, `/introspect`, the metadata and the JWK Set.

mod admission;
mod age;
pub(crate) mod authorize;
pub(crate) mod basic;
mod claims_parameter;
pub(crate) mod client_auth;
pub(crate) mod client_credentials;
pub(crate) mod code;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod grant;
pub(crate) mod handlers;
mod identity;
pub(crate) mod introspect;
pub(crate) mod known_token;
pub(crate) mod metadata;
mod opening;
pub(crate) mod parameters;
mod readmission;
pub(crate) mod refresh;
mod refused;
mod resource_parameter;
pub(crate) mod revoke;
pub(crate) mod service;
mod standing;
pub(crate) mod trial;
pub(crate) mod userinfo;

#[cfg(test)]
mod tests;
