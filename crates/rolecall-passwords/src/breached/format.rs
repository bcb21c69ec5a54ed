//! The layout of the file.
//!
//! A page with the header, blocks of one page each, and the first value of each block:
//!
//! | bytes | header |
//! |---|---|
//! | 8 | `rcbreach` |
//! | 4 | version of the format |
//! | 4 | bits of a value |
//! | 8 | number of values |
//! | 8 | number of blocks |
//! | 32 | SHA-256 of the bytes above and of the first values |
//!
//! Numbers are big-endian. [`block`](super::block) has the layout of a block, which has a checksum of its own: checking
//! one for each look-up costs microseconds, checking a file of a gigabyte at each start seconds.

use aws_lc_rs::digest;

use super::error::ListError;

const MAGIC: [u8; 8] = *b"rcbreach";
const VERSION: u32 = 1;
/// Enough for one false positive in 1000 passwords with a billion values in the list.
pub(super) const VALUE_BITS: u32 = 40;
pub(super) const VALUE_BYTES: usize = 5;
/// The size of a block, and of the page with the header.
pub(super) const BLOCK: usize = 4096;
const STATED: usize = 32;
const CHECKSUM: usize = 32;

pub(super) fn value_of(bytes: [u8; VALUE_BYTES]) -> u64 {
    let append = |value: u64, byte| value << 8 | u64::from(byte);
    bytes.into_iter().fold(0, append)
}

pub(super) fn bytes_of(value: u64) -> [u8; VALUE_BYTES] {
    value
        .to_be_bytes()
        .last_chunk()
        .copied()
        .unwrap_or_default()
}

/// The numbers of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) values: u64,
    pub(super) blocks: u64,
}

impl Header {
    /// Returns the page with the header of a list whose blocks begin with `firsts`.
    pub(super) fn write(&self, firsts: &[u64]) -> [u8; BLOCK] {
        let mut page = [0; BLOCK];
        let stated = self.stated();
        let checksum = checksum(&stated, firsts.iter().copied());
        let bytes = stated.into_iter().chain(checksum);
        let places = page.iter_mut().zip(bytes);
        places.for_each(|(place, byte)| *place = byte);
        page
    }

    /// Reads the numbers, of which only the version was checked, and the checksum.
    pub(super) fn read(page: &[u8; BLOCK]) -> Result<(Self, [u8; CHECKSUM]), ListError> {
        let mut rest = page.as_slice();
        if take(&mut rest) != MAGIC {
            return Err(ListError::NotAList);
        }
        let version = u32::from_be_bytes(take(&mut rest));
        let bits = u32::from_be_bytes(take(&mut rest));
        if (version, bits) != (VERSION, VALUE_BITS) {
            return Err(ListError::Version(version));
        }
        let header = Self {
            values: u64::from_be_bytes(take(&mut rest)),
            blocks: u64::from_be_bytes(take(&mut rest)),
        };
        Ok((header, take(&mut rest)))
    }

    /// Returns the size of the file in bytes; `None` if no file can be as large.
    pub(super) fn file_size(&self) -> Option<u64> {
        let each = (BLOCK + VALUE_BYTES) as u64;
        self.blocks.checked_mul(each)?.checked_add(BLOCK as u64)
    }

    /// Checks the numbers and the first values against the checksum.
    pub(super) fn check(&self, expected: [u8; CHECKSUM], firsts: &[u64]) -> Result<(), ListError> {
        if checksum(&self.stated(), firsts.iter().copied()) == expected {
            Ok(())
        } else {
            Err(ListError::Damaged)
        }
    }

    fn stated(&self) -> [u8; STATED] {
        let sizes = [VERSION.to_be_bytes(), VALUE_BITS.to_be_bytes()];
        let numbers = [self.values.to_be_bytes(), self.blocks.to_be_bytes()];
        let parts = MAGIC.into_iter().chain(sizes.into_iter().flatten());
        let parts = parts.chain(numbers.into_iter().flatten());
        let mut stated = [0; STATED];
        let places = stated.iter_mut().zip(parts);
        places.for_each(|(place, byte)| *place = byte);
        stated
    }
}

fn checksum(stated: &[u8], firsts: impl Iterator<Item = u64>) -> [u8; CHECKSUM] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(stated);
    for first in firsts {
        context.update(&bytes_of(first));
    }
    let digest = context.finish();
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Takes bytes off the front; zeros where there are none left.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk() {
        Some((head, tail)) => {
            *rest = tail;
            *head
        }
        None => [0; N],
    }
}
