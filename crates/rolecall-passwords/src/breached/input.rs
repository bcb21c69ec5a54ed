//! Reads published lists: SHA-1 hashes with or without counts, or passwords as they are.

use std::io::{self, BufRead, Read as _};

use super::{
    builder::{ListBuilder, Summary},
    error::ReadError,
    fingerprint,
    format::{VALUE_BYTES, value_of},
    storage::Storage,
};
use crate::password::Password;

/// Longer lines hold neither a hash nor a password that is short enough.
const MAX_LINE: u64 = 8 * 1024;
/// After so many lines the progress is reported.
const REPORT_EVERY: u64 = 1_000_000;

/// The format of a published list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListFormat {
    /// Lines of a SHA-1 hash, which `:` and a count may follow.
    Sha1,
    /// One password a line.
    Plain,
}

/// The options of [`read_list`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// The format; `None` if the first line shows it.
    pub format: Option<ListFormat>,
    /// Leaves out hashes with a smaller count.
    pub min_count: u64,
}

/// Begins files that some programs of Windows write as UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a published list into `builder` and completes it. Calls `progress` with the number of lines now and then.
///
/// # Errors
///
/// The first line that does not fit the format, and those of reading and writing.
pub fn read_list<F: Storage, N: FnMut() -> io::Result<F>>(
    mut input: impl BufRead,
    options: ReadOptions,
    mut builder: ListBuilder<F, N>,
    mut progress: impl FnMut(u64),
) -> Result<(F, Summary), ReadError> {
    let (mut lines, mut skipped) = (0, 0);
    let mut format = options.format;
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        lines += 1;
        if lines % REPORT_EVERY == 0 {
            progress(lines);
        }
        if line.is_empty() {
            skipped += 1;
            continue;
        }
        if lines == 1
            && let Some(rest) = line.strip_prefix(BYTE_ORDER_MARK)
        {
            line = rest.to_vec();
        }
        if line.contains(&0) {
            return Err(ReadError::NotText(lines));
        }
        let format = *format.get_or_insert_with(|| guess(&line));
        let value = match format {
            ListFormat::Sha1 => parse_hash(&line, lines, options.min_count)?,
            ListFormat::Plain => parse_password(&line),
        };
        match value {
            Some(value) => builder.push(value).map_err(ReadError::Write)?,
            None => skipped += 1,
        }
    }
    let (file, passwords) = builder.finish().map_err(ReadError::Write)?;
    if passwords == 0 {
        return Err(ReadError::Empty);
    }
    Ok((
        file,
        Summary {
            lines,
            skipped,
            passwords,
        },
    ))
}

/// Reads a line without its end; of one that is too long, only so much that it is known to be. Returns false at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    input.take(MAX_LINE).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() as u64 >= MAX_LINE {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

/// Returns the format of a list with this first line. Hashes of another kind are no passwords.
fn guess(line: &[u8]) -> ListFormat {
    let hash = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_hash = matches!(hash.len(), 32 | 40) && hash.iter().all(u8::is_ascii_hexdigit);
    if is_hash {
        ListFormat::Sha1
    } else {
        ListFormat::Plain
    }
}

/// Returns the value of a line with a hash; `None` if its count is too small.
fn parse_hash(line: &[u8], number: u64, min_count: u64) -> Result<Option<u64>, ReadError> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    let hash = parts.next().unwrap_or_default();
    if !hash.iter().all(u8::is_ascii_hexdigit) || hash.len() != 40 {
        return Err(match hash.len() {
            32 => ReadError::Ntlm(number),
            _ => ReadError::NotSha1(number),
        });
    }
    if let Some(count) = parts.next() {
        let count = str::from_utf8(count).unwrap_or_default().trim();
        let count: u64 = count.parse().map_err(|_| ReadError::Count(number))?;
        if count < min_count {
            return Ok(None);
        }
    }
    let (pairs, _) = hash.as_chunks::<2>();
    let mut bytes = [0; VALUE_BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high) << 4 | digit(*low);
    }
    Ok(Some(value_of(bytes)))
}

/// Returns the value of a hexadecimal digit.
fn digit(digit: u8) -> u8 {
    let value = char::from(digit).to_digit(16).unwrap_or_default();
    value.to_le_bytes().first().copied().unwrap_or_default()
}

/// Returns the value of a line with a password; `None` if nobody could choose it here.
fn parse_password(line: &[u8]) -> Option<u64> {
    let text = str::from_utf8(line).ok()?;
    // what is compared is in NFC too
    let password = Password::new(text.to_owned()).ok()?;
    Some(fingerprint(password.expose()))
}
