//! Issuing tokens: the requested scope, the effective scope, access tokens and refresh tokens.

pub(crate) mod access_token;
pub(crate) mod effective;
pub(crate) mod error;
pub(crate) mod fitting;
pub(crate) mod grant;
pub(crate) mod refresh_token;
pub(crate) mod requested;
mod selection;
mod together;
