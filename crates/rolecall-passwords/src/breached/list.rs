//! Looks values up in a list, a block for each look-up.

use super::{
    block,
    error::ListError,
    format::{BLOCK, Header, VALUE_BYTES, value_of},
    storage::ReadAt,
};

/// A list with the first values of its blocks in memory: 3 MB for a billion passwords.
#[derive(Debug)]
pub(crate) struct List<R> {
    source: R,
    firsts: Vec<u64>,
    values: u64,
}

impl<R: ReadAt> List<R> {
    /// Reads the header and the first values.
    pub(crate) fn open(source: R) -> Result<Self, ListError> {
        let found = source.size()?;
        let mut page = [0; BLOCK];
        if found < BLOCK as u64 {
            return Err(ListError::NotAList);
        }
        source.read_exact_at(&mut page, 0)?;
        let (header, checksum) = Header::read(&page)?;
        // before anything is reserved for as many blocks as a damaged header states
        let expected = header.file_size().unwrap_or(u64::MAX);
        if found != expected {
            return Err(ListError::Size { found, expected });
        }
        let blocks = usize::try_from(header.blocks).map_err(|_| ListError::Damaged)?;
        let mut bytes = vec![0; blocks * VALUE_BYTES];
        source.read_exact_at(&mut bytes, offset_of(header.blocks))?;
        let (chunks, _) = bytes.as_chunks::<VALUE_BYTES>();
        let firsts: Vec<u64> = chunks.iter().map(|chunk| value_of(*chunk)).collect();
        header.check(checksum, &firsts)?;
        Ok(Self {
            source,
            firsts,
            values: header.values,
        })
    }

    /// Returns the number of values.
    pub(crate) fn values(&self) -> u64 {
        self.values
    }

    /// Checks whether `value` is in the list.
    pub(crate) fn contains(&self, value: u64) -> Result<bool, ListError> {
        let after = self.firsts.partition_point(|first| *first <= value);
        let Some(number) = after.checked_sub(1) else {
            return Ok(false);
        };
        let block = self.read_block(number)?;
        let mut values = block::unpack(&block)?;
        Ok(values.find(|found| *found >= value) == Some(value))
    }

    /// Reads every block.
    pub(crate) fn verify(&self) -> Result<(), ListError> {
        let (mut count, mut last) = (0, None);
        for (number, first) in self.firsts.iter().enumerate() {
            let block = self.read_block(number)?;
            let mut values = block::unpack(&block)?.peekable();
            if values.peek() != Some(first) {
                return Err(ListError::Damaged);
            }
            for value in values {
                if last.is_some_and(|last| last >= value) {
                    return Err(ListError::Damaged);
                }
                last = Some(value);
                count += 1;
            }
        }
        if count == self.values {
            Ok(())
        } else {
            Err(ListError::Damaged)
        }
    }

    fn read_block(&self, number: usize) -> Result<[u8; BLOCK], ListError> {
        let mut block = [0; BLOCK];
        let offset = offset_of(number as u64);
        self.source.read_exact_at(&mut block, offset)?;
        Ok(block)
    }
}

fn offset_of(block: u64) -> u64 {
    (block + 1) * BLOCK as u64
}
