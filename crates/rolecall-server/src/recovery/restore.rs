//! Restoring a backup. INVARIANT: whenever the process or the power ends, the old database or the new one has the
//! name, whole and with its log, or a start is refused with a message that says what is missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    checksum,
    error::{RecoveryError, failed},
    service::recover,
    store,
};
use crate::{
    authority::caller::Caller,
    error::ApiError,
    files,
    start::{self, Options},
    store::{
        OpenError, Opening, file,
        integrity::{self, Depth},
    },
    vault::MasterKey,
};

/// The result of a restore.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The number of ended sessions.
    pub(crate) sessions: u64,
    /// False if no checksum lay beside the backup, so that only its structure was checked.
    pub(crate) has_checksum: bool,
    /// The new name of the old database, if it was damaged.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Replaces the configured database by a backup, and recovers it. The backup is checked and recovered in a file of its
/// own first, so that a failure changes nothing.
pub(crate) async fn restore(
    options: Options,
    from: &Path,
    force: bool,
    caller: Caller<'_>,
) -> Result<Restored, RecoveryError> {
    let target = sqlite_file(&options)?;
    if !from.is_file() {
        return Err(RecoveryError::NoBackup(from.to_owned()));
    }
    if file::exists(&target)? && !force {
        return Err(RecoveryError::WouldReplace(target));
    }
    file::prepare_folder(&target)?;
    let Some(_lock) = file::lock_exclusively(&target)? else {
        return Err(RecoveryError::InUse);
    };
    let partial = file::beside(&target, ".restoring");
    refuse_partial(from, &partial)?;
    remove_all(&partial)?;
    // a large future
    let outcome = Box::pin(copy_into_place(options, from, &target, &partial, caller)).await;
    remove_all(&partial)?;
    tidy_marks(&target)?;
    outcome
}

async fn copy_into_place(
    options: Options,
    from: &Path,
    target: &Path,
    partial: &Path,
    caller: Caller<'_>,
) -> Result<Restored, RecoveryError> {
    let master_key = master_key(&options, target)?;
    let has_checksum = copy(from, partial)?;
    let checked = integrity::check_and_fold(partial, Depth::Full).await;
    checked.map_err(|error| match error {
        OpenError::Damaged { fault, .. } => RecoveryError::Backup(OpenError::Damaged {
            path: from.to_owned(),
            fault,
        }),
        error => error.into(),
    })?;
    let sessions = Box::pin(prepare(options, master_key, from, partial, caller)).await?;
    let set_aside = put_in_place(partial, target).await?;
    Ok(Restored {
        sessions,
        has_checksum,
        set_aside,
    })
}

/// Returns the master key of the target, which must exist already.
fn master_key(options: &Options, target: &Path) -> Result<MasterKey, RecoveryError> {
    if let Some(key) = &options.master_key {
        return Ok(key.clone());
    }
    let path = start::key_file(target);
    if !path.is_file() {
        return Err(RecoveryError::NoKey(path));
    }
    Ok(MasterKey::load(&path).map_err(start::StartError::from)?)
}

/// Copies the backup, and the log beside it if it was copied together with one. Returns whether a checksum confirms
/// the copy.
fn copy(from: &Path, partial: &Path) -> Result<bool, RecoveryError> {
    let expected = checksum::read(from).map_err(failed(&checksum::path_of(from)))?;
    let [log, journal] = ["-wal", "-journal"].map(|suffix| file::beside(from, suffix));
    // it would be undone or applied when the copy is opened; a backup of rolecall has none
    let stray = if file::holds_data(&journal)? {
        Some(&journal)
    } else {
        file::holds_data(&log)?.then_some(&log)
    };
    let takes_log = match stray {
        Some(path) if *path == journal || expected.is_some() => {
            return Err(RecoveryError::Log(path.clone()));
        }
        stray => stray.is_some(),
    };
    copy_privately(from, partial)?;
    if takes_log {
        copy_privately(&log, &file::beside(partial, "-wal"))?;
    }
    let Some(expected) = expected else {
        return Ok(false);
    };
    let found = checksum::compute(partial).map_err(failed(partial))?;
    if found == expected {
        Ok(true)
    } else {
        Err(RecoveryError::Checksum(from.to_owned()))
    }
}

/// Recovers the copy of the backup.
async fn prepare(
    options: Options,
    master_key: MasterKey,
    from: &Path,
    partial: &Path,
    caller: Caller<'_>,
) -> Result<u64, RecoveryError> {
    match crate::store::migrate::inspect(&url_of(partial), None).await {
        Ok(schema) if schema.found > 0 => {}
        Err(error @ OpenError::Newer { .. }) => return Err(RecoveryError::Backup(error)),
        _ => return Err(RecoveryError::NotOurs(from.to_owned())),
    }
    let options = Options {
        database_url: url_of(partial).into(),
        schema: None,
        // a backup of an older release
        opening: Opening::Create,
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
    integrity::fold(partial).await?;
    Ok(sessions)
}

/// Gives the complete copy the name of the target; returns the new name of the old database if that is damaged.
async fn put_in_place(partial: &Path, target: &Path) -> Result<Option<PathBuf>, RecoveryError> {
    let like = if file::exists(target)? {
        target
    } else {
        file::folder_of(target)
    };
    file::keep_owner(partial, like).map_err(failed(partial))?;
    let set_aside = clear_log(target).await?;
    file::replace(partial, target).map_err(failed(target))?;
    Ok(set_aside)
}

/// Makes sure that no log of the old database is left, which SQLite would apply to the new one. It becomes part of the
/// old database, so that nothing of that is lost if the new one never takes its place.
async fn clear_log(target: &Path) -> Result<Option<PathBuf>, RecoveryError> {
    let log = file::beside(target, "-wal");
    if file::exists(target)? {
        // whoever restores may still want to save what is newer than the backup
        match integrity::check_and_fold(target, Depth::Quick).await {
            Ok(()) => {}
            Err(OpenError::File { .. }) => return Err(RecoveryError::InUse),
            Err(_) => return set_aside(target).map(Some),
        }
    } else if file::holds_data(&log)? {
        return set_aside(target).map(Some);
    }
    for path in [log, file::beside(target, "-shm")] {
        file::remove_if_exists(&path).map_err(failed(&path))?;
    }
    Ok(None)
}

/// Renames a damaged database with its log. The database goes first: a log without its database refuses a start.
fn set_aside(target: &Path) -> Result<PathBuf, RecoveryError> {
    let mut aside = file::beside(target, ".damaged");
    for number in 2.. {
        if !file::exists(&aside)? && !file::exists(&file::beside(&aside, "-wal"))? {
            break;
        }
        aside = file::beside(target, &format!(".damaged-{number}"));
    }
    for suffix in ["", "-wal"] {
        let (from, to) = (file::beside(target, suffix), file::beside(&aside, suffix));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&from)(error));
            }
            _ => {}
        }
    }
    let shared = file::beside(target, "-shm");
    file::remove_if_exists(&shared).map_err(failed(&shared))?;
    file::sync_folder(target).map_err(failed(target))?;
    Ok(aside)
}

/// Copies the content of a file but not its permissions: only the owner can read the copy.
fn copy_privately(from: &Path, to: &Path) -> Result<(), RecoveryError> {
    let mut source = files::open(from).map_err(failed(from))?;
    let mut copy = file::owner_only_new().open(to).map_err(failed(to))?;
    std::io::copy(&mut source, &mut copy).map_err(failed(from))?;
    copy.sync_all().map_err(failed(to))
}

pub(super) fn url_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn sqlite_file(options: &Options) -> Result<PathBuf, RecoveryError> {
    use secrecy::ExposeSecret as _;
    file::sqlite_path(options.database_url.expose_secret()).ok_or(RecoveryError::Postgres)
}

/// Refuses a backup with a name under which a restore writes its own files: it would be deleted first.
fn refuse_partial(from: &Path, partial: &Path) -> Result<(), RecoveryError> {
    let name_of = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let folder_of = |path: &Path| fs::canonicalize(file::folder_of(path)).map_err(failed(path));
    let is_ours = name_of(from).starts_with(&name_of(partial));
    if is_ours && folder_of(from)? == folder_of(partial)? {
        return Err(RecoveryError::OwnName(from.to_owned()));
    }
    Ok(())
}

/// Removes a copy with everything beside it, also what a killed restore has left.
fn remove_all(partial: &Path) -> Result<(), RecoveryError> {
    let folder = file::folder_of(partial);
    let name = partial.file_name().unwrap_or_default().to_string_lossy();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let found = path.file_name().unwrap_or_default().to_string_lossy();
        if found.starts_with(&*name) {
            file::remove_if_exists(&path).map_err(failed(&path))?;
        }
    }
    Ok(())
}

/// Removes the marks of a database that never came to be, and gives those of the others to its owner.
fn tidy_marks(target: &Path) -> Result<(), RecoveryError> {
    for suffix in [".in-use", ".lock"] {
        let mark = file::beside(target, suffix);
        let is_there = file::exists(target)?;
        if !is_there && !file::holds_data(&file::beside(target, "-wal"))? {
            file::remove_if_exists(&mark).map_err(failed(&mark))?;
        } else if is_there && file::exists(&mark)? {
            file::keep_owner(&mark, target).map_err(failed(&mark))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
