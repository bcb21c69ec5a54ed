//! Requests that the server sends to addresses which somebody registered.
//!
//! INVARIANT: nothing is sent to an address that was not checked at the moment of connecting.

pub(crate) mod allow;
mod connect;
pub(crate) mod post;
mod resolve;
mod special_use;
pub(crate) mod target;
pub(crate) mod trust;

pub(crate) use trust::trusts_anybody;
