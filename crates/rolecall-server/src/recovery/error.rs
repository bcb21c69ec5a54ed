//! Errors of backups and restores.

use std::path::{Path, PathBuf};

use crate::{error::ApiError, start::StartError, store::OpenError};

/// An error in a backup, a restore or a recovery.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("`{0}` already exists: choose another name")]
    Exists(PathBuf),
    #[error("another backup to `{0}` is being made: wait for it, or choose another name")]
    Busy(PathBuf),
    #[error("`{0}` already exists: move it away, or replace it with --force")]
    WouldReplace(PathBuf),
    #[error("the backup `{0}` does not exist")]
    NoBackup(PathBuf),
    #[error(
        "`{0}` has a name that restores use for files of their own, which a restore deletes: rename it first"
    )]
    OwnName(PathBuf),
    #[error("`{0}` is not a rolecall database")]
    NotOurs(PathBuf),
    #[error(
        "`{0}` does not have the checksum that lies beside it: it was changed or damaged after it was made; use another backup"
    )]
    Checksum(PathBuf),
    #[error(
        "`{0}` lies beside the backup: another program has written to the backup, or the file belongs to another database; move it away, or use another backup"
    )]
    Log(PathBuf),
    #[error("the backup cannot be used: {0}")]
    Backup(OpenError),
    #[error("the master key `{0}` is missing: restore it first, or set `master_key_file`")]
    NoKey(PathBuf),
    #[error("the database is in use: stop the server first")]
    InUse,
    #[error(
        "this command is for SQLite only: use `pg_dump` and `pg_restore`, then `rolecall recover`"
    )]
    Postgres,
    #[error(
        "`{path}` cannot be written: {reason}; is there room for a second copy of the database?"
    )]
    Copy { path: PathBuf, reason: String },
    #[error("`{path}`: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{}", crate::error::chain_of(.0))]
    Failed(#[from] ApiError),
}

pub(super) fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> RecoveryError {
    let path = path.to_owned();
    move |source| RecoveryError::File { path, source }
}
