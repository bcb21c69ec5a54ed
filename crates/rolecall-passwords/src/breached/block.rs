//! Sorted values in a block of one page.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | the start of SHA-256 of the rest of the block |
//! | 5 | the first value |
//! | 2 | number of values |
//! | 1 | the Rice parameter |
//! | 4080 | the distances of the other values, as Rice codes |
//!
//! Hashes are spread evenly, so the distances between sorted ones follow a geometric distribution, for which Rice codes
//! are all but the shortest: a code is a distance divided by 2^k in unary, and k bits of remainder. A billion hashes of
//! 40 bits take 11.6 bits each.

use aws_lc_rs::digest;

use super::{
    error::ListError,
    format::{BLOCK, VALUE_BITS, VALUE_BYTES, bytes_of, value_of},
};

const CHECKSUM: usize = 8;
const HEAD: usize = CHECKSUM + VALUE_BYTES + 2 + 1;
const CODE_BITS: u64 = (8 * (BLOCK - HEAD)) as u64;
/// The most values of a block. Lists that would fit more of them do not exist.
pub(super) const MOST_VALUES: usize = 8192;

/// Packs as many of the values as fit, which ascend, and returns how many these are; none of none.
pub(super) fn pack(values: &[u64]) -> ([u8; BLOCK], usize) {
    let mut block = [0; BLOCK];
    let values = values.get(..MOST_VALUES).unwrap_or(values);
    let Some((first, _)) = values.split_first() else {
        return (block, 0);
    };
    let fitting = (0..VALUE_BITS).map(|rice| (count_fitting(values, rice), rice));
    let (count, rice) = fitting.max().unwrap_or((1, 0));
    let mut bits = BitWriter::new(block.get_mut(HEAD..).unwrap_or_default());
    for pair in values.get(..count).unwrap_or_default().windows(2) {
        bits.write_code(distance(pair), rice);
    }
    let [high, low] = u16::try_from(count).unwrap_or_default().to_be_bytes();
    let [.., rice] = rice.to_be_bytes();
    let head = bytes_of(*first).into_iter().chain([high, low, rice]);
    let places = block.iter_mut().skip(CHECKSUM);
    places.zip(head).for_each(|(place, byte)| *place = byte);
    let checksum = checksum(&block);
    let places = block.iter_mut().take(CHECKSUM);
    places.zip(checksum).for_each(|(place, byte)| *place = byte);
    (block, count)
}

/// Returns the values of a block.
///
/// # Errors
///
/// [`ListError::Damaged`] unless the checksum is right.
pub(super) fn unpack(block: &[u8; BLOCK]) -> Result<Values<'_>, ListError> {
    let (stated, rest) = block
        .split_first_chunk::<CHECKSUM>()
        .ok_or(ListError::Damaged)?;
    let (first, rest) = rest
        .split_first_chunk::<VALUE_BYTES>()
        .ok_or(ListError::Damaged)?;
    let (count, rest) = rest.split_first_chunk::<2>().ok_or(ListError::Damaged)?;
    let (rice, codes) = rest.split_first().ok_or(ListError::Damaged)?;
    let rice = u32::from(*rice);
    if checksum(block) != *stated || rice >= VALUE_BITS {
        return Err(ListError::Damaged);
    }
    Ok(Values {
        next: value_of(*first),
        left: u16::from_be_bytes(*count),
        rice,
        bits: BitReader {
            bytes: codes,
            at: 0,
        },
    })
}

/// The values of a block, in ascending order.
pub(super) struct Values<'a> {
    next: u64,
    left: u16,
    rice: u32,
    bits: BitReader<'a>,
}

impl Iterator for Values<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let value = self.next;
        if self.left > 0 {
            // the checksum was right, so that codes end too early only in a block that was made to do so
            match self.bits.read_code(self.rice) {
                Some(distance) => self.next = value.saturating_add(distance).saturating_add(1),
                None => self.left = 0,
            }
        }
        Some(value)
    }
}

/// Returns how far the second of two ascending values is behind the least that it can be.
fn distance(pair: &[u64]) -> u64 {
    match pair {
        [one, other] => other.saturating_sub(*one).saturating_sub(1),
        _ => 0,
    }
}

fn count_fitting(values: &[u64], rice: u32) -> usize {
    let mut left = CODE_BITS;
    let fits = |pair: &&[u64]| {
        let bits = (distance(pair) >> rice) + 1 + u64::from(rice);
        let remaining = left.checked_sub(bits);
        left = remaining.unwrap_or(0);
        remaining.is_some()
    };
    1 + values.windows(2).take_while(fits).count()
}

fn checksum(block: &[u8; BLOCK]) -> [u8; CHECKSUM] {
    let content = block.get(CHECKSUM..).unwrap_or_default();
    let digest = digest::digest(&digest::SHA256, content);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn write_code(&mut self, distance: u64, rice: u32) {
        for _ in 0..distance >> rice {
            self.write(true);
        }
        self.write(false);
        for place in (0..rice).rev() {
            self.write(distance >> place & 1 == 1);
        }
    }

    fn write(&mut self, bit: bool) {
        if let (true, Some(byte)) = (bit, self.bytes.get_mut(self.at / 8)) {
            *byte |= 0x80 >> (self.at % 8);
        }
        self.at += 1;
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The bits that [`BitReader::peek`] has at least, however the bytes are cut.
const PEEKED: u32 = 56;

impl BitReader<'_> {
    fn read_code(&mut self, rice: u32) -> Option<u64> {
        let mut quotient = 0;
        loop {
            let ones = self.peek()?.leading_ones();
            if ones < PEEKED {
                quotient += u64::from(ones);
                self.at += ones as usize + 1;
                break;
            }
            quotient += u64::from(PEEKED);
            self.at += PEEKED as usize;
        }
        if rice == 0 {
            return Some(quotient);
        }
        let remainder = self.peek()? >> (u64::BITS - rice);
        self.at += rice as usize;
        Some(quotient << rice | remainder)
    }

    /// Returns the next bits, the first one highest; zeros follow the last byte. `None` after it.
    fn peek(&self) -> Option<u64> {
        let rest = self
            .bytes
            .get(self.at / 8..)
            .filter(|rest| !rest.is_empty())?;
        let word = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut word = [0; 8];
            let places = word.iter_mut().zip(rest);
            places.for_each(|(place, byte)| *place = *byte);
            word
        });
        Some(u64::from_be_bytes(word) << (self.at % 8))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAST: u64 = (1 << VALUE_BITS) - 1;

    fn unpacked(block: &[u8; BLOCK]) -> Vec<u64> {
        unpack(block).unwrap().collect()
    }

    #[test]
    fn the_least_and_the_greatest_values_fit_together() {
        for values in [
            vec![0],
            vec![LAST],
            vec![0, LAST],
            vec![0, 1, LAST - 1, LAST],
        ] {
            let (block, count) = pack(&values);
            assert_eq!(count, values.len());
            assert_eq!(unpacked(&block), values);
        }
        assert_eq!(pack(&[]).1, 0);
    }

    #[test]
    fn a_block_is_full_of_values_that_are_close_together() {
        let values: Vec<u64> = (0..100_000).map(|number| number * 1000).collect();
        let (block, count) = pack(&values);
        assert!(count > 2_500, "{count}");
        assert_eq!(unpacked(&block), values[..count]);
        let values: Vec<u64> = (0..100_000).collect();
        assert_eq!(pack(&values).1, MOST_VALUES);
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let (block, _) = pack(&[1, 500, 70_000]);
        for place in 0..BLOCK {
            let mut changed = block;
            changed[place] ^= 1;
            assert!(
                matches!(unpack(&changed), Err(ListError::Damaged)),
                "{place}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            values in proptest::collection::btree_set(0..=LAST, 1..3000),
            close in proptest::collection::btree_set(0_u64..50_000, 1..3000),
        ) {
            for set in [values, close] {
                let values: Vec<u64> = set.into_iter().collect();
                let (block, count) = pack(&values);
                prop_assert!(count >= 1);
                prop_assert_eq!(unpacked(&block), &values[..count]);
            }
        }

        #[test]
        fn a_block_of_any_bytes_with_a_right_checksum_ends_and_ascends(
            seed in proptest::collection::vec(any::<u8>(), 64), rice in 0_u8..40
        ) {
            let mut block = [0; BLOCK];
            for (place, byte) in block.iter_mut().zip(seed.iter().cycle()) {
                *place = *byte;
            }
            block[HEAD - 1] = rice;
            let checksum = checksum(&block);
            block[..CHECKSUM].copy_from_slice(&checksum);
            let values = unpacked(&block);
            prop_assert!(values.is_sorted());
            prop_assert!(u16::try_from(values.len()).is_ok());
        }
    }
}
