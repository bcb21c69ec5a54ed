//! A list of breached passwords in a file: built from a published list, and looked up without loading it.
//!
//! - [`format`] has the layout of the file,
//! - [`block`] packs sorted values into a block and reads them,
//! - [`list`] looks a value up,
//! - [`writer`] writes values in ascending order, [`builder`] sorts those that are not,
//! - [`input`] reads published lists,
//! - [`file`] is the list that a server uses, which may be replaced meanwhile.
//!
//! A password is kept as the first 40 bits of its SHA-1 hash. Nothing secret is in a published list, so a fast hash
//! without a salt is enough, and Have I Been Pwned publishes SHA-1.

mod block;
mod builder;
mod error;
mod file;
mod format;
mod input;
mod list;
mod storage;
#[cfg(test)]
mod tests;
mod writer;

pub use builder::{ListBuilder, Summary};
pub use error::{ListError, ReadError};
pub use file::BreachedPasswords;
pub use input::{ListFormat, ReadOptions, read_list};
pub(crate) use list::List;
pub use storage::Storage;

use aws_lc_rs::digest;

use self::format::{VALUE_BYTES, value_of};

/// Returns the value that stands for a password in a list.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let start = hash.as_ref().first_chunk::<VALUE_BYTES>();
    value_of(start.copied().unwrap_or_default())
}
