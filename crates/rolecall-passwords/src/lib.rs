#![doc = include_str!("../README.md")]

mod breached;
mod common;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hasher;
mod limits;
mod memory;
mod password;
mod patterns;
mod policy;
mod problem;
mod scheme;
mod stored;
#[cfg(test)]
mod tests;

pub use breached::{
    BreachedPasswords, ListBuilder, ListError, ListFormat, ReadError, ReadOptions, Storage,
    Summary, read_list,
};
pub use hasher::{HashError, Hasher, HasherOptions, Lane, Load, StartError, Verdict, WaitTimes};
pub use limits::{DEFAULT_MIN_LENGTH, LOWEST_MIN_LENGTH, MAX_BYTES, MAX_CODE_POINTS};
pub use password::Password;
pub use policy::PasswordPolicy;
pub use problem::PasswordProblem;
pub use scheme::{Parameters, PasswordScheme, UnknownScheme};
pub use stored::{UnusableHash, check_stored_hash};
