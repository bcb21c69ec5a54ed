//! The rules for backups: a copy is whole, and no token that it knew lives on after it was put back.

use super::store;
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
    start::{self, Options, StartError},
    store::{OpenError, file},
};
use rolecall::PermissionName as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

/// Why a backup is not made or put back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("`{0}` exists already: choose another name")]
    Exists(PathBuf),
    #[error("`{0}` exists already: move it away, or replace it with --force")]
    WouldReplace(PathBuf),
    #[error("there is no backup `{0}`")]
    NoBackup(PathBuf),
    #[error("`{0}` is not a database of rolecall")]
    NotOurs(PathBuf),
    #[error("the master key `{0}` is not there: put it back first, or set `master_key_file`")]
    NoKey(PathBuf),
    #[error("the database is in use: stop the server first")]
    InUse,
    #[error(
        "PostgreSQL has tools for this: use `pg_dump` and `pg_restore`, then `rolecall recover`"
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

/// Copies a SQLite database while it is in use. The master key is not in the copy.
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
            // half a backup is worse than none
            let _ = fs::remove_file(to);
            other.map_err(ApiError::from)?;
            Err(RecoveryError::Postgres)
        }
    }
}

/// Ends everything: a new era, so that every token of before is refused, and no session is left.
/// How many sessions ended.
pub(crate) async fn recover(app: &App, caller: Caller<'_>) -> Result<u64, ApiError> {
    let era = ids::random_token(128).map_err(ApiError::internal)?;
    app.change(caller, async |change| {
        // it ends what everybody holds: nobody with limits may, whatever way they came
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

/// Puts a backup in the place of the configured database and recovers it. Nothing is replaced before the
/// backup is known to be whole, to fit the master key and to have been recovered.
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
    let Some(_alone) = file::lock_exclusively(&target)? else {
        return Err(RecoveryError::InUse);
    };
    let beside = file::beside(&target, ".restoring");
    remove_database(&beside)?;
    let outcome = prepare(options, from, &target, &beside, caller).await;
    if outcome.is_ok() {
        // a log of the old database would be played into the new one
        remove_beside(&target, &["-wal", "-shm"])?;
        fs::rename(&beside, &target).map_err(failed(&target))?;
    }
    remove_database(&beside)?;
    outcome
}

/// Copies the backup beside its place and recovers it there.
async fn prepare(
    options: Options,
    from: &Path,
    target: &Path,
    beside: &Path,
    caller: Caller<'_>,
) -> Result<u64, RecoveryError> {
    file::prepare(beside)?;
    copy_privately(from, beside)?;
    // the key lies beside the place of the database, not beside the copy
    let master_key = if let Some(key) = options.master_key {
        key
    } else {
        let key = start::key_file(target);
        if !key.is_file() {
            return Err(RecoveryError::NoKey(key));
        }
        start::master_key_beside(target)?
    };
    let looked = crate::store::migrate::read_version(&url_of(beside)).await;
    if looked.map_or(0, |schema| schema.found) == 0 {
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

/// Copies what is in the file and not who may read it: the copy stays its owner's only.
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

/// Removes a database and everything beside it.
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
