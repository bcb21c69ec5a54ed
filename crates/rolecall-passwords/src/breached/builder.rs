//! Sorts the values of a published list in bounded memory.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, SeekFrom},
};

use super::{
    storage::Storage,
    writer::{ListReader, ListWriter, Written},
};

/// The values that are sorted at once: 64 MB.
const CHUNK: usize = 8 * 1024 * 1024;
/// The sorted files that are merged at once; each is open and has a block in memory.
const MOST_RUNS: usize = 64;

/// The numbers of a list that was built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Summary {
    /// The lines that were read.
    pub lines: u64,
    /// The lines that were left out: empty, too rare, or no password that anybody could choose here.
    pub skipped: u64,
    /// The different passwords in the list.
    pub passwords: u64,
}

/// Builds a list in a file, from values in any order.
///
/// Values that come in ascending order, as in the list of Have I Been Pwned, are written at once. Others are sorted in
/// files that `scratch` makes, and merged.
pub struct ListBuilder<F, N> {
    scratch: N,
    chunk: Vec<u64>,
    chunk_size: usize,
    /// The file that ascending values are written to: that of the list, or one of `scratch`.
    open: ListWriter<F>,
    /// Whether the open file is that of the list.
    is_first: bool,
    runs: Vec<Written<F>>,
}

impl<F: Storage, N: FnMut() -> io::Result<F>> ListBuilder<F, N> {
    /// Begins a list in `out`, an empty file. `scratch` makes empty files for as long as the list is built.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: F, scratch: N) -> io::Result<Self> {
        Self::with_chunk(out, scratch, CHUNK)
    }

    pub(super) fn with_chunk(out: F, scratch: N, chunk_size: usize) -> io::Result<Self> {
        Ok(Self {
            scratch,
            chunk: Vec::new(),
            chunk_size,
            open: ListWriter::new(out)?,
            is_first: true,
            runs: Vec::new(),
        })
    }

    /// Adds the value of a password.
    pub(super) fn push(&mut self, value: u64) -> io::Result<()> {
        self.chunk.push(value);
        if self.chunk.len() >= self.chunk_size {
            self.write_chunk()?;
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.chunk.sort_unstable();
        let first = self.chunk.first().copied();
        if first < self.open.last() && first.is_some() {
            self.begin_run()?;
        }
        for value in self.chunk.drain(..) {
            self.open.push(value)?;
        }
        Ok(())
    }

    /// Puts the open file aside. The file of the list stays the first of all.
    fn begin_run(&mut self) -> io::Result<()> {
        let next = ListWriter::new((self.scratch)()?)?;
        let full = std::mem::replace(&mut self.open, next).finish()?;
        self.is_first = false;
        self.runs.push(full);
        if self.runs.len() >= MOST_RUNS {
            // the first one is needed for the list
            let rest = self.runs.split_off(1);
            let (merged, _) = merge(rest, (self.scratch)()?)?;
            self.runs.push(merged);
        }
        Ok(())
    }

    /// Completes the list and returns its file with the number of passwords.
    pub(super) fn finish(mut self) -> io::Result<(F, u64)> {
        self.write_chunk()?;
        let Self {
            open,
            mut scratch,
            is_first,
            mut runs,
            ..
        } = self;
        let last = open.finish()?;
        if is_first {
            return Ok((last.out, last.values));
        }
        runs.push(last);
        let (mut merged, sources) = merge(runs, scratch()?)?;
        let mut sources = sources.into_iter();
        let Some(mut out) = sources.next() else {
            return Ok((merged.out, merged.values));
        };
        out.clear()?;
        merged.out.seek(SeekFrom::Start(0))?;
        io::copy(&mut merged.out, &mut out)?;
        out.flush()?;
        Ok((out, merged.values))
    }
}

/// Merges files into `out`, and returns them too.
fn merge<F: Storage>(runs: Vec<Written<F>>, out: F) -> io::Result<(Written<F>, Vec<F>)> {
    let readers = runs.into_iter().map(ListReader::new);
    let mut readers = readers.collect::<io::Result<Vec<_>>>()?;
    let mut next = BinaryHeap::new();
    for (place, reader) in readers.iter_mut().enumerate() {
        next.extend(reader.next()?.map(|value| Reverse((value, place))));
    }
    let mut merged = ListWriter::new(out)?;
    while let Some(Reverse((value, place))) = next.pop() {
        merged.push(value)?;
        if let Some(reader) = readers.get_mut(place) {
            next.extend(reader.next()?.map(|value| Reverse((value, place))));
        }
    }
    let sources = readers.into_iter().map(ListReader::into_source);
    Ok((merged.finish()?, sources.collect()))
}
