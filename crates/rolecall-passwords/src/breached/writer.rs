//! Writes a list whose values come in ascending order, and reads it back in this order.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{
    block::{self, MOST_VALUES},
    format::{BLOCK, Header, bytes_of},
};

/// Writes values in ascending order.
pub(super) struct ListWriter<W> {
    out: W,
    /// Values that are not in a block yet.
    pending: Vec<u64>,
    firsts: Vec<u64>,
    values: u64,
    last: Option<u64>,
}

/// A list that was written, with the number of its blocks.
pub(super) struct Written<W> {
    pub(super) out: W,
    pub(super) blocks: u64,
    pub(super) values: u64,
}

impl<W: Write + Seek> ListWriter<W> {
    /// Begins a list in `out`, which is empty.
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        // the header comes last, so that a list that was interrupted is none
        out.write_all(&[0; BLOCK])?;
        Ok(Self {
            out,
            pending: Vec::with_capacity(2 * MOST_VALUES),
            firsts: Vec::new(),
            values: 0,
            last: None,
        })
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Adds a value that is not less than the last one; the same again changes nothing.
    pub(super) fn push(&mut self, value: u64) -> io::Result<()> {
        if self.last == Some(value) {
            return Ok(());
        }
        self.last = Some(value);
        self.pending.push(value);
        if self.pending.len() >= 2 * MOST_VALUES {
            self.write_blocks(MOST_VALUES)?;
        }
        Ok(())
    }

    /// Writes blocks until at most `keep` values are left: fewer may not fill a block.
    fn write_blocks(&mut self, keep: usize) -> io::Result<()> {
        let mut rest = self.pending.as_slice();
        while let Some(first) = rest.first().filter(|_| rest.len() > keep) {
            let (block, count) = block::pack(rest);
            self.out.write_all(&block)?;
            self.firsts.push(*first);
            self.values += count as u64;
            rest = rest.get(count..).unwrap_or_default();
        }
        let written = self.pending.len() - rest.len();
        self.pending.drain(..written);
        Ok(())
    }

    /// Writes the rest and the header.
    pub(super) fn finish(mut self) -> io::Result<Written<W>> {
        self.write_blocks(0)?;
        for first in &self.firsts {
            self.out.write_all(&bytes_of(*first))?;
        }
        let header = Header {
            values: self.values,
            blocks: self.firsts.len() as u64,
        };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.write(&self.firsts))?;
        self.out.flush()?;
        Ok(Written {
            out: self.out,
            blocks: header.blocks,
            values: header.values,
        })
    }
}

/// The values of a list that was written, block for block.
pub(super) struct ListReader<R> {
    source: R,
    blocks: u64,
    /// The values of the current block, the next one last.
    values: Vec<u64>,
}

impl<R: Read + Seek> ListReader<R> {
    pub(super) fn new(written: Written<R>) -> io::Result<Self> {
        let mut source = written.out;
        source.seek(SeekFrom::Start(BLOCK as u64))?;
        Ok(Self {
            source,
            blocks: written.blocks,
            values: Vec::new(),
        })
    }

    /// Returns the next value.
    pub(super) fn next(&mut self) -> io::Result<Option<u64>> {
        if self.values.is_empty() && self.blocks > 0 {
            self.blocks -= 1;
            let mut block = [0; BLOCK];
            self.source.read_exact(&mut block)?;
            let values = block::unpack(&block).map_err(io::Error::other)?;
            self.values.extend(values);
            self.values.reverse();
        }
        Ok(self.values.pop())
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }
}
