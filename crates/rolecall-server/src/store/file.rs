//! The file of a SQLite database and the files beside it, which only their owner can read.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use super::error::OpenError;

fn failed(path: &Path) -> impl Fn(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::File {
        path: path.clone(),
        source,
    }
}

/// Returns the path in a SQLite URL; `None` for PostgreSQL.
pub(crate) fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    Some(rest.strip_prefix("//").unwrap_or(rest).into())
}

/// Creates the file and its folder, unless they exist.
pub(crate) fn prepare(path: &Path) -> Result<(), OpenError> {
    prepare_folder(path)?;
    owner_only().open(path).map(drop).map_err(failed(path))
}

/// Creates the folder of a file, unless it exists.
pub(crate) fn prepare_folder(path: &Path) -> Result<(), OpenError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed(folder))?;
    }
    Ok(())
}

/// Marks the database as open in this process, until the returned file is closed.
pub(super) fn mark_in_use(path: &Path) -> Result<File, OpenError> {
    let mark = beside(path, ".in-use");
    let file = owner_only().open(&mark).map_err(failed(&mark))?;
    file.lock_shared().map_err(failed(&mark))?;
    Ok(file)
}

/// Waits until no other process is opening the database, and makes others wait until the returned file is closed.
/// Without this, several processes could open a new file at once, and SQLite fails instead of waiting when it switches
/// a file to a write-ahead log that another process has open.
pub(super) async fn lock_opening(path: &Path) -> Result<File, OpenError> {
    let mark = beside(path, ".lock");
    let file = owner_only().open(&mark).map_err(failed(&mark))?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .map_err(std::io::Error::other)
        .and_then(|locked| locked)
        .map_err(failed(&mark))
}

/// Locks the database for this process alone; `None` if another process has it open.
pub(crate) fn lock_exclusively(path: &Path) -> Result<Option<File>, OpenError> {
    let mark = beside(path, ".in-use");
    let file = owner_only().open(&mark).map_err(failed(&mark))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(failed(&mark)(error)),
    }
}

/// Returns options that open a file for reading and writing, and create it readable by its owner only.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Returns the path of the file beside `path` whose name has `suffix` appended.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
