//! Passwords: what is accepted, how they are kept, and where the work is done.
//!
//! - [`Password`] is the whole text as typed, NFC-normalised, never printed.
//! - [`PasswordPolicy`] says whether a *new* password is good enough (NIST SP 800-63B-4:
//!   length and common passwords, no composition rules).
//! - [`Hasher`] makes and verifies hashes on threads of its own, so that a flood of
//!   log-ins cannot slow down requests that hash nothing.
//!
//! INVARIANT: every verification costs a hash computation of today, whatever is wrong with the
//! user, the stored hash or the password, so that time tells nothing.

mod common;
mod hasher;
mod memory;
mod password;
mod policy;
mod problem;
mod scheme;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

pub use hasher::{HashError, Hasher, HasherOptions, Verdict};
pub use password::{MAX_BYTES, MAX_CODE_POINTS, Password};
pub use policy::{DEFAULT_MIN_LENGTH, LOWEST_MIN_LENGTH, PasswordPolicy};
pub use problem::PasswordProblem;
pub use scheme::{Parameters, PasswordScheme, UnknownScheme};

/// Why a stored hash would never be run, or `None` if log-ins can be verified by it. Says nothing of its text.
pub(crate) fn refusal_of_stored(text: &str) -> Option<String> {
    let refusal = stored::StoredHash::parse(text).err()?;
    Some(refusal.to_string())
}
