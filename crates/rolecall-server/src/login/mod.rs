//! Login: verifying a password and limiting guesses.

pub(crate) mod decoys;
mod device;
pub(crate) mod failures;
pub(crate) mod known;
pub(crate) mod known_store;
pub(crate) mod password;
pub(crate) mod sampling;
