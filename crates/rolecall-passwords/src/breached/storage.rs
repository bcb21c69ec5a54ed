//! What a list is read from and written to.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom, Write},
};

/// Bytes that are read at any place.
pub(crate) trait ReadAt {
    /// Fills `buffer` with the bytes from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Returns the number of bytes.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut rest = self.get(start..).unwrap_or_default();
        rest.read_exact(buffer)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// A file that a list is written to, and read from while it is sorted. It begins empty.
pub trait Storage: Read + Write + Seek {
    /// Removes what was written.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn clear(&mut self) -> io::Result<()>;
}

impl Storage for File {
    fn clear(&mut self) -> io::Result<()> {
        self.set_len(0)?;
        self.seek(SeekFrom::Start(0)).map(drop)
    }
}

impl Storage for Cursor<Vec<u8>> {
    fn clear(&mut self) -> io::Result<()> {
        self.get_mut().clear();
        self.set_position(0);
        Ok(())
    }
}
