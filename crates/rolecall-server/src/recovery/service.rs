//! Backup and recovery. INVARIANT: a backup is complete, and after a restore every token issued before is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rolecall::PermissionName as _;
use serde_json::json;

use super::store;
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
    start::{self, Options, StartError},
    store::{OpenError, file},
};

/// An error in a backup, a restore or a recovery.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("`{0}` already exists: choose another name")]
    Exists(PathBuf),
    #[error("`{0}` already exists: move it away, or replace it with --force")]
    WouldReplace(PathBuf),
    #[error("the backup `{0}` does not exist")]
    NoBackup(PathBuf),
    #[error("`{0}` is not a rolecall database")]
    NotOurs(PathBuf),
    #[error("the master key `{0}` is missing: restore it first, or set `master_key_file`")]
    NoKey(PathBuf),
    #[error("the database is in use: stop the server first")]
    InUse,
    #[error(
        "this command is for SQLite only: use `pg_dump` and `pg_restore`, then `rolecall recover`"
    )]
    Postgres,
    #[error("{path}: {source}")]
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

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> RecoveryError {
    let path = path.to_owned();
    move |source| RecoveryError::File { path, source }
}

/// Copies a SQLite database while it is in use. The copy does not contain the master key.
pub(crate) async fn back_up(app: &App, to: &Path) -> Result<(), RecoveryError> {
    let mut options = file::owner_only();
    options.create_new(true);
    match options.open(to) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(RecoveryError::Exists(to.to_owned()));
        }
        Err(error) => return Err(failed(to)(error)),
    }
    let copied = app.store().copy_to(&to.to_string_lossy()).await;
    match copied {
        Ok(true) => {
            let copy = fs::File::open(to).map_err(failed(to))?;
            copy.sync_all().map_err(failed(to))
        }
        other => {
            // an incomplete backup is worse than none
            let _ = fs::remove_file(to);
            other.map_err(ApiError::from)?;
            Err(RecoveryError::Postgres)
        }
    }
}

/// Starts a new era, so that all tokens issued so far are refused, and ends all sessions. Returns the number of ended
/// sessions.
pub(crate) async fn recover(app: &App, caller: Caller<'_>) -> Result<u64, ApiError> {
    let era = ids::random_token(128).map_err(ApiError::internal)?;
    app.change(caller, async |change| {
        // it ends the sessions of all users, so that no caller with limits may do it
        let revoke = may::RevokeSessions::NAME;
        let rights = Rights::require(app, change, caller, revoke).await?;
        if !rights.authority.is_unlimited() {
            return Err(ApiError::Lacks(Some(builtin::ANY.clone())));
        }
        let sessions = store::renew_era(change, &era).await?;
        change.record(json!({ "action": "era.renewed", "sessions": sessions }));
        change.policy_changed();
        change.keys_changed();
        Ok(sessions)
    })
    .await
}

/// Replaces the configured database by a backup, and recovers it. The backup is checked and recovered in a file of its
/// own first, so that a failure changes nothing.
pub(crate) async fn restore(
    options: Options,
    from: &Path,
    force: bool,
    caller: Caller<'_>,
) -> Result<u64, RecoveryError> {
    let target = sqlite_file(&options)?;
    if !from.is_file() {
        return Err(RecoveryError::NoBackup(from.to_owned()));
    }
    if target.exists() && !force {
        return Err(RecoveryError::WouldReplace(target));
    }
    file::prepare_folder(&target)?;
    let Some(_lock) = file::lock_exclusively(&target)? else {
        return Err(RecoveryError::InUse);
    };
    let beside = file::beside(&target, ".restoring");
    remove_database(&beside)?;
    let outcome = prepare(options, from, &target, &beside, caller).await;
    if outcome.is_ok() {
        // SQLite would apply the write-ahead log of the old database to the new one
        remove_beside(&target, &["-wal", "-shm"])?;
        fs::rename(&beside, &target).map_err(failed(&target))?;
    }
    remove_database(&beside)?;
    outcome
}

/// Copies the backup to `beside` and recovers it there.
async fn prepare(
    options: Options,
    from: &Path,
    target: &Path,
    beside: &Path,
    caller: Caller<'_>,
) -> Result<u64, RecoveryError> {
    file::prepare(beside)?;
    copy_privately(from, beside)?;
    // the key file belongs to the target, not to the copy
    let master_key = if let Some(key) = options.master_key {
        key
    } else {
        let key = start::key_file(target);
        if !key.is_file() {
            return Err(RecoveryError::NoKey(key));
        }
        start::master_key_beside(target)?
    };
    let schema = crate::store::migrate::read_version(&url_of(beside)).await;
    if schema.map_or(0, |schema| schema.found) == 0 {
        return Err(RecoveryError::NotOurs(from.to_owned()));
    }
    let options = Options {
        database_url: url_of(beside).into(),
        master_key: Some(master_key),
        ..options
    };
    let opened = start::open(options).await?;
    let mut conn = opened.app.store().read().await.map_err(ApiError::from)?;
    if !store::has_head(&mut conn).await.map_err(ApiError::from)? {
        return Err(RecoveryError::NotOurs(from.to_owned()));
    }
    drop(conn);
    let sessions = recover(&opened.app, caller).await?;
    opened.app.store().close().await;
    Ok(sessions)
}

/// Copies the content of a file but not its permissions: only the owner can read the copy.
fn copy_privately(from: &Path, to: &Path) -> Result<(), RecoveryError> {
    let mut source = fs::File::open(from).map_err(failed(from))?;
    let mut copy = file::owner_only().open(to).map_err(failed(to))?;
    std::io::copy(&mut source, &mut copy).map_err(failed(from))?;
    copy.sync_all().map_err(failed(to))
}

fn url_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn sqlite_file(options: &Options) -> Result<PathBuf, RecoveryError> {
    use secrecy::ExposeSecret as _;
    file::sqlite_path(options.database_url.expose_secret()).ok_or(RecoveryError::Postgres)
}

/// Removes a database with the files beside it.
fn remove_database(path: &Path) -> Result<(), RecoveryError> {
    remove_beside(path, &["", "-wal", "-shm", ".lock", ".in-use"])
}

fn remove_beside(path: &Path, suffixes: &[&str]) -> Result<(), RecoveryError> {
    for suffix in suffixes {
        let path = file::beside(path, suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
