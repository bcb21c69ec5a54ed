//! The file of a SQLite database, and those beside it: readable by their owner only.

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

/// Makes the file and its folder.
pub(crate) fn prepare(path: &Path) -> Result<(), OpenError> {
    prepare_folder(path)?;
    owner_only().open(path).map(drop).map_err(failed(path))
}

/// Makes the folder of a file.
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

/// Notes that the database is open in this process, until the file that is returned is closed.
pub(super) fn mark_in_use(path: &Path) -> Result<File, OpenError> {
    let mark = beside(path, ".in-use");
    let file = owner_only().open(&mark).map_err(failed(&mark))?;
    file.lock_shared().map_err(failed(&mark))?;
    Ok(file)
}

/// Waits until nobody else opens the database, and has the next ones wait until the file that is returned is
/// closed. Several may open a new file at once, and to make it a database with a log needs it alone: SQLite
/// does not wait for that, it refuses.
pub(super) async fn turn(path: &Path) -> Result<File, OpenError> {
    let mark = beside(path, ".lock");
    let file = owner_only().open(&mark).map_err(failed(&mark))?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .map_err(std::io::Error::other)
        .and_then(|locked| locked)
        .map_err(failed(&mark))
}

/// Holds the database for this process alone; `None` if another has it open.
pub(crate) fn hold_alone(path: &Path) -> Result<Option<File>, OpenError> {
    let mark = beside(path, ".in-use");
    let file = owner_only().open(&mark).map_err(failed(&mark))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(failed(&mark)(error)),
    }
}

pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
