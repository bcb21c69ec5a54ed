//! Issuing tokens: the requested scope, the effective scope, access tokens, ID tokens and refresh tokens.

pub(crate) mod access_token;
pub(crate) mod choice;
pub(crate) mod claims;
pub(crate) mod effective;
pub(crate) mod error;
pub(crate) mod fitting;
pub(crate) mod grant;
pub(crate) mod holder;
pub(crate) mod id_token;
pub(crate) mod identity;
pub(crate) mod logout_token;
pub(crate) mod refresh_token;
pub(crate) mod requested;
mod selection;
mod together;
