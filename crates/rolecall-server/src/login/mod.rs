//! Login: verifying a password and limiting guesses.

pub(crate) mod failures;
pub(crate) mod password;
