//! The reasons why a list can be neither used nor built.

use std::io;

/// The reason why a file is no usable list of breached passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// It has another format, such as a published list that was not built yet.
    #[error(
        "it is not a list of breached passwords in the format of rolecall: build one from a published list with `rolecall passwords build`"
    )]
    NotAList,
    /// It was written by another version of this crate.
    #[error(
        "its format has version {0}, which this program does not read: build the list again with `rolecall passwords build`"
    )]
    Version(u32),
    /// It is shorter or longer than its header says.
    #[error("it has {found} bytes and should have {expected}: copy it again, or build it again")]
    Size {
        /// Its bytes.
        found: u64,
        /// The bytes that the header states.
        expected: u64,
    },
    /// A checksum does not match.
    #[error("it is damaged: copy it again, or build it again with `rolecall passwords build`")]
    Damaged,
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The reason why a published list was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A line is no SHA-1 hash.
    #[error(
        "line {0} is not a SHA-1 hash: 40 hexadecimal digits are needed, which `:` and a count may follow"
    )]
    NotSha1(u64),
    /// A line is an NTLM hash.
    #[error(
        "line {0} is an NTLM hash, which cannot be compared with passwords here: download the list of SHA-1 hashes"
    )]
    Ntlm(u64),
    /// A count is no number.
    #[error("line {0}: the count after `:` is not a number")]
    Count(u64),
    /// The list is in UTF-16, or no text at all.
    #[error(
        "line {0} holds a NUL: the list must be text in UTF-8, so convert it first, such as with `iconv`"
    )]
    NotText(u64),
    /// No password is in the list.
    #[error("the list contains no password that could be chosen here")]
    Empty,
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Writing failed, or reading what was written.
    #[error(transparent)]
    Write(io::Error),
}
