//! The file of a SQLite database and the files beside it, which only their owner can read.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    time::Duration,
};

use super::error::OpenError;
use crate::files;

/// How often, and after which pause, a database without the index of its log is looked at before it is refused: a process
/// that opens or closes it has no index for a moment either.
const INDEX_LOOKS: u32 = 10;
const INDEX_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn failed(path: &Path) -> impl Fn(std::io::Error) -> OpenError {
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

/// Checks that a database that was there before is still there: SQLite would silently create an empty one.
///
/// # Errors
///
/// [`OpenError::Lost`] if the file is missing although another that only a used database has lies beside it, and
/// [`OpenError::File`] if that cannot be known.
pub(crate) fn require_not_lost(path: &Path, key: &Path) -> Result<(), OpenError> {
    let (in_use, log) = (beside(path, ".in-use"), beside(path, "-wal"));
    // looked for before the database: a process that starts at the same time creates it after the database
    let (used, logged, sealed) = (exists(&in_use)?, holds_data(&log)?, exists(key)?);
    let trace = if !exists(path)? && used {
        in_use
    } else if !holds_data(path)? && logged {
        log
    } else if !holds_data(path)? && sealed {
        key.to_owned()
    } else {
        // a first start that was interrupted leaves an empty database and the mark of its use
        return Ok(());
    };
    Err(OpenError::Lost {
        path: path.to_owned(),
        trace,
    })
}

/// Returns true if there is something at the path. A path that may not be followed is an error: `Path::exists` would
/// call it missing.
pub(crate) fn exists(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(failed(path))
}

/// Returns true if there is a file at the path that is not empty. Anything else than a file there is an error.
pub(crate) fn holds_data(path: &Path) -> Result<bool, OpenError> {
    files::check_kind(path).map_err(failed(path))?;
    match fs::metadata(path) {
        Ok(found) => Ok(found.len() > 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path)(error)),
    }
}

/// Returns true if a program that was killed has left a journal beside the database. Only a connection that can write
/// can read the database then: it takes back what was half done, and removes the journal.
pub(super) fn has_journal(path: &Path) -> Result<bool, OpenError> {
    holds_data(&beside(path, "-journal"))
}

/// Creates the file and its folder, unless they exist.
pub(crate) fn prepare(path: &Path) -> Result<(), OpenError> {
    prepare_folder(path)?;
    let is_new = !exists(path)?;
    // the database may lie elsewhere, behind a link
    followed().open(path).map(drop).map_err(failed(path))?;
    if is_new {
        // the user of the service starts it after a first command of root
        let _ = keep_owner(path, folder_of(path));
    }
    Ok(())
}

/// Creates the folder of a file, unless it exists.
pub(crate) fn prepare_folder(path: &Path) -> Result<(), OpenError> {
    let folder = folder_of(path);
    if !exists(folder)? {
        let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made: Vec<&Path> = folder.ancestors().take_while(is_new).collect();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed(folder))?;
        // a power cut must not take the folder with what is in it; some systems cannot sync a folder
        for one in made {
            let _ = sync_folder(one);
        }
    }
    Ok(())
}

/// Writes a folder's list of names to the disk: without it, a power cut brings back the names of before.
pub(crate) fn sync_folder(file: &Path) -> std::io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// Returns the folder of a file.
pub(crate) fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Gives the complete file `from` the name `to`, in place of the file that has it. After a power cut, one of the two
/// has the name.
pub(crate) fn replace(from: &Path, to: &Path) -> std::io::Result<()> {
    File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_folder(to)
}

/// Gives the complete file `from` the name `to`, which no file may have.
pub(crate) fn publish(from: &Path, to: &Path) -> std::io::Result<()> {
    File::open(from)?.sync_all()?;
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(error),
        // some file systems have no hard links
        Err(_) if to.exists() => return Err(std::io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to)?,
    }
    sync_folder(to)
}

/// Writes a file as a whole or not at all. `options` decide who can read it.
pub(crate) fn write_whole(to: &Path, text: &str, options: &OpenOptions) -> std::io::Result<()> {
    use std::io::Write as _;
    let partial = beside(to, ".partial");
    remove_if_exists(&partial)?;
    let mut file = options.open(&partial)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    replace(&partial, to)
}

/// Creates a file that this process alone writes until the returned one is closed, in place of what a killed process has
/// left; `None` while another process writes it.
pub(crate) fn claim(path: &Path) -> std::io::Result<Option<File>> {
    if fs::symlink_metadata(path).is_ok_and(|left| left.is_file()) {
        let left = unfollowed(OpenOptions::new().read(true)).open(path)?;
        if locked(left)?.is_none() {
            return Ok(None);
        }
    }
    remove_if_exists(path)?;
    locked(owner_only_new().open(path)?)
}

/// Locks a file for this process alone; `None` if another process has locked it.
fn locked(file: File) -> std::io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

pub(crate) fn remove_if_exists(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the owner of `like` the owner of `path`: what root writes for the server must belong to the server.
///
/// # Errors
///
/// If `path` is a link, or has a second name: it would give away a file that somebody else put there.
pub(crate) fn keep_owner(path: &Path, like: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    give_to_owner_of(&unfollowed(options.read(true)).open(path)?, like)
}

fn give_to_owner_of(file: &File, like: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (found, wanted) = (file.metadata()?, fs::metadata(like)?);
    if (found.uid(), found.gid()) == (wanted.uid(), wanted.gid()) {
        return Ok(());
    }
    if !found.is_file() || found.nlink() != 1 {
        let fault = "it is no file, or has a second name, so that its owner cannot be changed";
        return Err(std::io::Error::other(fault));
    }
    fchown(file, Some(wanted.uid()), Some(wanted.gid()))
}

/// Opens a file beside the database, and creates it for the user to whom the database belongs: a command of root must
/// not leave one that the service cannot open.
fn open_mark(mark: &Path, database: &Path) -> std::io::Result<File> {
    let file = owner_only().open(mark)?;
    let is_there = database.exists();
    // only root can give files away
    let _ = give_to_owner_of(
        &file,
        if is_there {
            database
        } else {
            folder_of(database)
        },
    );
    Ok(file)
}

/// Marks the database as open in this process, until the returned file is closed.
pub(super) fn mark_in_use(path: &Path) -> Result<File, OpenError> {
    let mark = beside(path, ".in-use");
    let file = open_mark(&mark, path).map_err(failed(&mark))?;
    file.lock_shared().map_err(failed(&mark))?;
    Ok(file)
}

/// Returns true if rolecall has opened the database before, or another process is opening it.
pub(super) fn has_lock(path: &Path) -> Result<bool, OpenError> {
    exists(&beside(path, ".lock"))
}

/// Waits until no other process is opening the database, and makes others wait until the returned file is closed.
/// Without this, several processes could open a new file at once, and SQLite fails instead of waiting when it switches
/// a file to a write-ahead log that another process has open.
pub(super) async fn lock_opening(path: &Path) -> Result<File, OpenError> {
    let mark = beside(path, ".lock");
    let file = open_mark(&mark, path).map_err(failed(&mark))?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .map_err(std::io::Error::other)
        .and_then(|locked| locked)
        .map_err(failed(&mark))
}

/// Refuses a database that is open elsewhere if its log (`-wal`) or the index of its log (`-shm`) is gone. SQLite's locks
/// are in the index: a process that created another one would not see the locks of those who have the first one open, and
/// each would overwrite the changes of the other in the log. Changes in a log that is gone are in no other place: those who
/// have it open write them into the database when they close it, also over what others have written meanwhile.
///
/// # Errors
///
/// [`OpenError::IndexLost`], or [`OpenError::File`] if that cannot be known.
pub(super) async fn require_index(path: &Path) -> Result<(), OpenError> {
    let target = resolved(path);
    let mut lost = None;
    for _ in 0..INDEX_LOOKS {
        lost = find_lost(path, &target)?;
        if lost.is_none() {
            return Ok(());
        }
        tokio::time::sleep(INDEX_PAUSE).await;
    }
    lost.map_or(Ok(()), |lost| Err(OpenError::IndexLost(lost)))
}

/// Returns the log or its index if it is gone although another process has the database open. One that was killed, or a
/// copy of the files, leaves a log without an index too, but nobody has it open.
fn find_lost(path: &Path, target: &Path) -> Result<Option<PathBuf>, OpenError> {
    let (log, index) = (beside(target, "-wal"), beside(target, "-shm"));
    // an empty log can be open too
    if exists(&log)? {
        let is_lost = !exists(&index)? && is_in_use(path)?;
        return Ok(is_lost.then_some(index));
    }
    // a process without a connection at this moment has no log either
    let is_lost = is_in_use(path)? && is_open_anywhere(&log, &index);
    Ok(is_lost.then_some(log))
}

/// Returns true if a process has one of these files open after it was removed. Those of other users are seen by root alone,
/// and those in other containers may have other paths.
fn is_open_anywhere(log: &Path, index: &Path) -> bool {
    // so does Linux show a file without a name
    let removed = [log, index].map(|path| beside(path, " (deleted)"));
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    processes
        .flatten()
        .filter_map(|process| fs::read_dir(process.path().join("fd")).ok())
        .flat_map(Iterator::flatten)
        .filter_map(|open| fs::read_link(open.path()).ok())
        .any(|open| removed.contains(&open))
}

/// Returns true if a process has the database open, also this one. Creates nothing.
fn is_in_use(path: &Path) -> Result<bool, OpenError> {
    let mark = beside(path, ".in-use");
    // whoever may not write the mark cannot open the database either, which has a message of its own
    let Ok(file) = unfollowed(OpenOptions::new().read(true).write(true)).open(&mark) else {
        return Ok(false);
    };
    Ok(locked(file).map_err(failed(&mark))?.is_none())
}

/// Returns the path of the file to which a link leads: SQLite puts its log beside that one.
pub(super) fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Locks the database for this process alone; `None` if another process has it open.
pub(crate) fn lock_exclusively(path: &Path) -> Result<Option<File>, OpenError> {
    let mark = beside(path, ".in-use");
    let file = open_mark(&mark, path).map_err(failed(&mark))?;
    locked(file).map_err(failed(&mark))
}

/// Returns options that open a file for reading and writing, and create it readable by its owner only.
///
/// INVARIANT: a link is refused. Whoever owns the folder could plant one, and a command of root would write, lock or give
/// away the file that it leads to.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = followed();
    unfollowed(&mut options);
    options
}

/// The same for a file that must not exist yet.
pub(crate) fn owner_only_new() -> OpenOptions {
    let mut options = owner_only();
    options.create_new(true);
    options
}

fn followed() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn unfollowed(options: &mut OpenOptions) -> &mut OpenOptions {
    let flag = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flag)
}

/// Returns the path of the file beside `path` whose name has `suffix` appended.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
