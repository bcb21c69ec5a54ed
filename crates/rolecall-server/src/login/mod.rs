//! Proving who somebody is.

pub(crate) mod failures;
pub(crate) mod password;
