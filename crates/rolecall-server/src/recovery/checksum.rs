//! The SHA-256 of a backup, in a file beside it that `sha256sum --check` reads.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};

use crate::{files, store::file};

/// Returns the path of the checksum of `backup`.
pub(super) fn path_of(backup: &Path) -> PathBuf {
    file::beside(backup, ".sha256")
}

/// Computes the checksum of a file.
pub(super) fn compute(path: &Path) -> io::Result<String> {
    let (mut file, mut buffer) = (files::open(path)?, vec![0; 64 * 1024]);
    let mut digest = Context::new(&SHA256);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
    let digest = digest.finish();
    let mut text = String::with_capacity(64);
    for byte in digest.as_ref() {
        std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"))
            .map_err(io::Error::other)?;
    }
    Ok(text)
}

/// Writes the checksum of `backup`.
pub(super) fn write(backup: &Path, sum: &str) -> io::Result<()> {
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{sum}  {name}\n");
    file::write_whole(&path_of(backup), &line, &file::owner_only_new())
}

/// Reads the checksum that was written when `backup` was made; `None` if there is none.
pub(super) fn read(backup: &Path) -> io::Result<Option<String>> {
    let file = match files::open(&path_of(backup)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text)?;
    Ok(Some(
        text.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_lowercase(),
    ))
}
